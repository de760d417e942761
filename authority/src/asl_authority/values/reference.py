"""What makes a measured fact a verified one: equality with a manifest that enough of the sealed builders signed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from asl_authority.contract import MANIFEST_PAYLOAD_TYPE, TOOL_VERSIONS, tool_directory
from asl_authority.errors import Malformed
from asl_authority.values.builders import Builders
from asl_authority.values.claim import Reference
from asl_authority.values.dsse import check_body, check_signatures, read_envelope
from asl_authority.values.environment import Environment, Fact, LayerSeal, Status, Tool
from asl_authority.values.finding import Finding
from asl_authority.values.image_manifest import LIMITS, ImageManifest
from asl_authority.values.kernel_words import is_start_of
from asl_authority.values.rules import Rule

PAPER = "ENC-ASL-AUTH-HOST/1"

RULES = (
    Rule("REFERENCE-SIGNED", PAPER, "C", "As many different sealed builders as it takes have signed the manifest."),
    Rule("REFERENCE-REVIEWED", PAPER, "C", "The image was built by a reviewed lock: another is never released."),
    Rule("REFERENCE-EQUAL", PAPER, "S", "Nothing that was measured is otherwise than the manifest says."),
)  # fmt: skip

KERNEL, INITRD = "asl/vmlinuz", "asl/initrd"
# Programs of Debian that this host relies on → the package that brings each.
PROGRAMS = {"/usr/bin/age": "age", "/usr/bin/openssl": "openssl", "/usr/bin/python3": "python3"}


@dataclass(frozen=True)
class Held:
    """An environment after it was held against a manifest; `differences` name what is otherwise."""

    environment: Environment
    differences: tuple[str, ...]


def judge_reference(
    manifest: bytes, reviewed: bool, envelopes: Iterable[tuple[str, bytes]], builders: Builders
) -> tuple[Reference, tuple[Finding, ...]]:
    """Who vouches for a manifest, and whether that is enough. Raises Malformed for an envelope that is none of it.

    `envelopes` are bytes under the name that a person knows them by. A signature of a known key that is wrong, or an
    envelope around other bytes, spoils all of it; signatures of unknown keys are neither for nor against.
    """
    owners, findings = builders.owners(), []
    votes: dict[str, str] = {}
    for name, data in envelopes:
        envelope = read_envelope(data, MANIFEST_PAYLOAD_TYPE, LIMITS)
        body = check_body(envelope, manifest)
        signatures, _ = check_signatures(envelope, builders.keys)
        findings += [replace(each, detail=f"{name}: {each.detail}") for each in (body, signatures)]
        if body.ok and signatures.ok:
            known = [each.key_id for each in envelope.signatures if each.key_id in owners]
            votes = {owners[key_id]: key_id for key_id in sorted(known, reverse=True)} | votes
    names = f" ({', '.join(sorted(votes))})" if votes else ""
    said = f"{len(votes)} of {len(builders.builders)} builders{names}, {builders.threshold} must have signed"
    findings.append(Finding("REFERENCE-SIGNED", len(votes) >= builders.threshold, said))
    lock = "built by a reviewed lock" if reviewed else "built by a lock that nobody has reviewed"
    findings.append(Finding("REFERENCE-REVIEWED", reviewed, lock))
    digest = hashlib.sha256(manifest).hexdigest()
    return Reference(digest, tuple(sorted(votes.values())), builders.threshold), tuple(findings)


def hold_against(seen: Environment, manifest: ImageManifest) -> Held:
    """The environment with everything verified that was measured and is as the manifest says."""
    differences: list[str] = []

    def held(name: str, fact: Fact[str], expected: Sequence[str]) -> Fact[str]:
        if fact.status is not Status.MEASURED:
            return fact
        if fact.value in expected:
            return Fact(Status.VERIFIED, fact.value)
        differences.append(name)
        return fact

    def of_medium(path: str) -> list[str]:
        return [manifest.medium[path].sha256] if path in manifest.medium else []

    starts = [line for line in manifest.command_lines if is_start_of(seen.kernel_cmdline.value or "", line)]
    layers = _layers(seen.layers, manifest, differences)
    environment = replace(
        seen,
        image_id=held("image_id", seen.image_id, [manifest.image]),
        medium=held("medium", seen.medium, [manifest.iso.sha256]),
        kernel=held("kernel", seen.kernel, of_medium(KERNEL)),
        initrd=held("initrd", seen.initrd, of_medium(INITRD)),
        kernel_cmdline=held("kernel_cmdline", seen.kernel_cmdline, [seen.kernel_cmdline.value or ""] if starts else []),
        layers=layers,
        tools=_tools(seen.tools, manifest, layers, differences),
    )
    return Held(environment, tuple(differences))


def check_equal(held: Held) -> Finding:
    """REFERENCE-EQUAL: nothing that was measured is otherwise than the manifest says."""
    said = f"not as the manifest says: {', '.join(held.differences)}" if held.differences else "as the manifest says"
    return Finding("REFERENCE-EQUAL", not held.differences, said)


def check_still_verified(claimed: Environment, held: Environment) -> None:
    """Raise Malformed when a claim calls something verified that the manifest does not bear out."""
    wrong = [name for name in claimed.having(Status.VERIFIED) if name not in held.having(Status.VERIFIED)]
    if wrong:
        raise Malformed(
            f"called verified, and it is not by this manifest: {', '.join(wrong)}", check_id="REFERENCE-EQUAL"
        )


def _layers(seen: tuple[LayerSeal, ...], manifest: ImageManifest, differences: list[str]) -> tuple[LayerSeal, ...]:
    expected = {layer.name: layer.root_hash for layer in manifest.layers}
    if expected.keys() != {layer.name for layer in seen}:
        differences.append("layers")
    found = []
    for layer in seen:
        same = layer.stated == expected.get(layer.name) and layer.recomputed in (None, layer.stated)
        if not same:
            differences.append(f"layer {layer.name}")
        known = same and layer.recomputed is not None
        found.append(replace(layer, status=Status.VERIFIED) if known else layer)
    return tuple(found)


def _tools(
    fact: Fact[tuple[Tool, ...]], manifest: ImageManifest, layers: tuple[LayerSeal, ...], differences: list[str]
) -> Fact[tuple[Tool, ...]]:
    """Pinned files by their hashes, the rest by version and by the layers that hold it, which must be verified."""
    if fact.status is not Status.MEASURED or fact.value is None:
        return fact
    wrong = [tool.path for tool in fact.value if not _is_pinned(tool, manifest)]
    folders = {tool.path.rpartition("/")[0] for tool in fact.value}
    wrong += [each.name for each in manifest.tools if str(tool_directory(each.name, each.version)) not in folders]
    if wrong:
        differences.append(f"tools ({', '.join(wrong[:5])})")
        return fact
    sealed = bool(layers) and all(layer.status is Status.VERIFIED for layer in layers)
    return Fact(Status.VERIFIED, fact.value) if sealed else fact


def _is_pinned(tool: Tool, manifest: ImageManifest) -> bool:
    folder, _, name = tool.path.rpartition("/")
    if not tool.path.startswith(f"{TOOL_VERSIONS}/"):
        package = PROGRAMS.get(tool.path)
        return package is not None and manifest.packages.get(package) == tool.version
    pinned = next((each for each in manifest.tools if str(tool_directory(each.name, each.version)) == folder), None)
    if pinned is None or pinned.version != tool.version:
        return False
    return not pinned.files or pinned.files.get(name) == tool.sha256
