"""The words of environment claims: each fact with its status, why a claim is not VERIFIED, and what checks found."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

from asl_authority.front.ui import finding_line, findings_members, plain
from asl_authority.operations.record_claim import Recorded
from asl_authority.values.claim import Claim, doubts
from asl_authority.values.environment import FACTS, Fact, Interface, LayerSeal, Mount, Register, Tool
from asl_authority.values.finding import Finding
from asl_authority.values.qr import qr_code

_WIDTH = 78
_ORDER = ("image_id", "medium", "kernel", "initrd", "kernel_release", "kernel_cmdline", "secure_boot", "tpm", "entropy")


def claim_text(recorded: Recorded, path: Path | None) -> str:
    """The whole claim, with the verdict first and last."""
    prepared, claim = recorded.prepared, recorded.prepared.claim
    lines = [f"Environment claim: {claim.verdict}", *facts_lines(claim), ""]
    lines += [f"Log       record {claim.logseq}, {claim.head.size} records, root", f"          {claim.head.root}"]
    lines += ["Store     checksum", f"          {claim.store_checksum}"]
    lines += [f"Session   {claim.session_id}", *_optional(claim), ""]
    lines += [line for finding in prepared.findings for line in _finding(finding)]
    if prepared.findings:
        lines.append("")
    lines += _listed("Not measured:", prepared.notes)
    lines += _listed("Not VERIFIED, for:", why(claim))
    lines += ["Snapshot it is named by", f"  {claim.snapshot_id}", "SHA-256 of the claim", f"  {claim.digest}"]
    lines += [f"Written to {plain(str(path))}" if path else "Not written to a file."]
    lines += ["Stored, and logged; the log's key will countersign it."] if recorded.stored else []
    lines += [line for note in recorded.notes for line in _wrapped(plain(note[:1].upper() + note[1:]), "")]
    return "\n".join([*lines, f"{claim.verdict}."]) + "\n"


def claim_members(recorded: Recorded, path: Path | None) -> dict[str, object]:
    """The claim for --json; `claim` is its canonical text."""
    prepared, claim = recorded.prepared, recorded.prepared.claim
    return {
        "verdict": claim.verdict,
        "doubts": list(prepared.doubts),
        "notes": list(prepared.notes),
        "digest": claim.digest,
        "snapshot_id": claim.snapshot_id,
        "session_id": claim.session_id,
        "stored": recorded.stored,
        "store_notes": list(recorded.notes),
        "file": str(path) if path else None,
        "environment": claim.environment.members(),
        "claim": claim.to_bytes().decode(),
        "findings": findings_members(prepared.findings),
    }


def verify_text(claim: Claim, findings: Sequence[Finding], *, here: bool) -> str:
    """Every check, and what they come to."""
    lines = [line for finding in findings for line in _finding(finding)]
    failed = [finding.check_id for finding in findings if not finding.ok]
    what = ", and of this machine as it is" if here else "; this machine was not looked at"
    good = f"The claim is {claim.verdict}{what}." if not failed else f"It does NOT hold: {', '.join(failed)}."
    return "\n".join([*lines, *_listed("It is not VERIFIED, for:", why(claim)), *_wrapped(good, "")]) + "\n"


def verify_members(claim: Claim, findings: Sequence[Finding], *, here: bool) -> dict[str, object]:
    """The same for --json."""
    return {
        "ok": all(finding.ok for finding in findings),
        "measured_again": here,
        "verdict": claim.verdict,
        "doubts": list(doubts(claim)),
        "digest": claim.digest,
        "snapshot_id": claim.snapshot_id,
        "findings": findings_members(findings),
    }


def qr_text(digest: str) -> str:
    """The digest as a QR code on a dark screen: light modules are reversed blanks, with four of them around."""
    light, dark = "\x1b[7m  \x1b[0m", "  "
    rows = qr_code(digest.upper())
    around = [False] * (len(rows) + 8)
    whole = [around] * 4 + [[*around[:4], *row, *around[:4]] for row in rows] + [around] * 4
    lines = ("".join(dark if each else light for each in row) for row in whole)
    return "".join(f"{line}\n".replace("\x1b[0m\x1b[7m", "") for line in lines)


def why(claim: Claim) -> tuple[str, ...]:
    """Why a claim is not VERIFIED, in as few words as it takes: without a manifest nothing could be."""
    found = doubts(claim)
    if claim.reference is not None or not found:
        return found
    return (found[0], *(each for each in found if each.startswith(("CLAIM-", "swap"))))


def facts_lines(claim: Claim) -> list[str]:
    """Every fact with its status; the value below, since many fill a line."""
    seen, lines = claim.environment, [""]
    for name in (*_ORDER, *(name for name in FACTS if name not in _ORDER)):
        fact: Fact[object] = getattr(seen, name)
        lines += [f"{name:<16}{fact.status}", *_value(fact.value)]
        if name == "image_id":
            lines += [line for layer in seen.layers for line in _layer(layer)]
    return lines


def _layer(layer: LayerSeal) -> list[str]:
    if layer.recomputed in (None, layer.stated):
        how = "the command line's, not recomputed" if layer.recomputed is None else "recomputed, and the same"
        return [f"{f'layer {layer.name}':<16}{layer.status}; {how}", f"    {layer.stated}"]
    return [f"{f'layer {layer.name}':<16}{layer.status}; NOT THE SAME: stated, recomputed",
            f"    {layer.stated}", f"    {layer.recomputed}"]  # fmt: skip


def _value(value: object) -> list[str]:
    if value is None:
        return []
    if isinstance(value, tuple):
        return [line for item in value for line in _item(item)] or ["    none"]
    return _wrapped("yes" if value is True else "no" if value is False else plain(str(value)), "    ")


def _item(item: object) -> Iterable[str]:
    if isinstance(item, Tool):
        return [*_wrapped(f"{plain(item.path)} {plain(item.version)}", "    "), f"      {item.sha256}"]
    if isinstance(item, Register):
        return [f"    {item.index:>2} {item.sha256}"]
    if isinstance(item, Interface):
        return [f"    {plain(item.name)} {plain(item.state)}"]
    if isinstance(item, Mount):
        return _wrapped(f"{plain(item.path)} {item.kind} {plain(','.join(item.options))}", "    ")
    return _wrapped(plain(str(item)), "    ")


def _optional(claim: Claim) -> list[str]:
    lines = [f"Nonce     {claim.nonce}"] if claim.nonce else []
    lines += ["After the claim", f"          {claim.previous}"] if claim.previous else []
    if claim.reference is not None:
        lines += ["Manifest  signed by enough builders", f"          {claim.reference.manifest}"]
    return lines


def _finding(finding: Finding) -> list[str]:
    return finding_line(finding).splitlines()


def _listed(title: str, items: Sequence[str]) -> list[str]:
    return [title, *(line for item in items for line in _wrapped(f"- {plain(item)}", "  ")), ""] if items else []


def _wrapped(text: str, indent: str) -> list[str]:
    after = f"{indent}  " if indent else ""
    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=after, break_on_hyphens=False)
