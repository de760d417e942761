"""claim, verify-env, measure: what this machine is, measured, held against its image's manifest, and checked again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asl_authority.front.kept import KEEPING
from asl_authority.front.verb import Answer, Argument, Call, Verb

if TYPE_CHECKING:
    from pathlib import Path

    from asl_authority.operations.claim import Judged
    from asl_authority.operations.record_claim import Recorded, Word
    from asl_authority.values.claim import Claim
    from asl_authority.values.finding import Finding

MANIFEST = Argument(("--manifest",), "the image's manifest, from the stick that its builders signed", "FILE", "path")
SIGNATURES = Argument(
    ("--signatures",), "a DSSE envelope over the manifest (may repeat; FILE.dsse.json is looked for)", "FILE", "path",
    many=True,
)  # fmt: skip
BUILDERS = Argument(
    ("--builders",), "the builders that count, instead of the sealed ones; not on a sealed host", "FILE", "path"
)
OUTPUT = Argument(("--output",), "write the claim to a new file too", "FILE", "path")
NONCE = Argument(("--nonce",), "32 to 64 hexadecimal digits that a verifier has chosen", "HEX")
DECLARE = Argument(
    ("--declare",), "say what can't be measured, or more entropy: entropy=dice (may repeat)", "NAME=VALUE", many=True
)
QR = Argument(("--qr",), "show the SHA-256 of the claim as a QR code, for a verifier's camera", kind="flag")
MOST = 16 << 20


def claim(call: Call) -> Answer:
    """Measure, hold, word; write where it was asked for."""
    from asl_authority.contract import ExitStatus
    from asl_authority.front import claim_text
    from asl_authority.operations.claim import prepare_claim
    from asl_authority.operations.measure import Measured, declare, measure, read_layers
    from asl_authority.operations.self_test import run_self_test
    from asl_authority.storage.plain_files import write_new
    from asl_authority.storage.session import keep_claim, make_session

    nonce, said, judged = _nonce(call), _declared(call), _judged(call)
    _expect_known(call)
    measured = measure(call.machine, call.root, read_layers(call.machine))
    measured = Measured(declare(measured.environment, said), measured.notes)
    session = make_session(call.machine, call.outside.random)
    tested = tuple(run_self_test())
    recorded = _recorded(call, session, lambda store: prepare_claim(measured, tested, store, session, judged, nonce))
    prepared = recorded.prepared
    keep_claim(call.machine, prepared.claim.to_bytes())
    path = call.values.get("output")
    if path is not None:
        write_new(path, prepared.claim.to_bytes())
    negative = judged is not None and bool(prepared.doubts)
    code = claim_text.qr_text(prepared.claim.digest) if call.values.get("qr") else ""
    return Answer(
        claim_text.claim_text(recorded, path) + code,
        claim_text.claim_members(recorded, path),
        ExitStatus.CHECK_FAILED if negative else ExitStatus.DONE,
    )


def verify_env(call: Call) -> Answer:
    """Read the claim, measure again where it was made, and hold it against what was given."""
    from asl_authority.contract import ExitStatus
    from asl_authority.front import claim_text
    from asl_authority.operations.claim import verify_here, verify_paper
    from asl_authority.operations.measure import measure, read_layers
    from asl_authority.operations.self_test import run_self_test
    from asl_authority.storage.session import load_session
    from asl_authority.storage.state import load_seal

    found = _claim(call)
    nonce, judged = _nonce(call), _judged(call)
    findings = _named(call.path("claim"), found)
    here = load_seal(call.machine) is not None and not call.values.get("paper")
    if here:
        now = measure(call.machine, call.root, read_layers(call.machine))
        findings += verify_here(found, now, load_session(call.machine), tuple(run_self_test()))
    findings += [*verify_paper(found, judged, nonce), *_of_no_rehearsal(call, found)]
    ok = all(finding.ok for finding in findings)
    return Answer(
        claim_text.verify_text(found, findings, here=here),
        claim_text.verify_members(found, findings, here=here),
        ExitStatus.DONE if ok else ExitStatus.CHECK_FAILED,
    )


def measure_devices(call: Call) -> Answer:
    """Layers and medium, as far as whoever calls may read them."""
    from asl_authority.operations.measure import read_devices

    readings = read_devices(call.machine)
    return Answer(readings.to_bytes().decode(), {"readings": readings.to_bytes().decode()})


def _recorded(call: Call, session: str, word: Word) -> Recorded:
    """The claim, stored where there is a store; a rehearsal stores nothing."""
    from asl_authority.contract import Mode
    from asl_authority.operations.claim import NO_STORE
    from asl_authority.operations.record_claim import Recorded, has_host, record_claim
    from asl_authority.storage.disk import HostDisk
    from asl_authority.storage.state import load_seal

    disk, seal = HostDisk(), load_seal(call.machine)
    if seal is not None and seal.mode is Mode.REHEARSAL:
        return Recorded(word(NO_STORE), False, ("not stored: this is a rehearsal",))
    if not has_host(disk, call.root):
        return Recorded(word(NO_STORE), False, ("not stored: there is no store volume that it could go to",))
    return record_claim(disk, call.root, session, word)


def _expect_known(call: Call) -> None:
    """Where the last head of the host's log is at hand, nothing is logged in an older copy of it. Raises Refused."""
    from asl_authority.front.kept import expect_known, kept_of
    from asl_authority.front.reading import is_rehearsal
    from asl_authority.operations.reading import HOST, find_domain
    from asl_authority.operations.record_claim import has_host
    from asl_authority.storage.disk import HostDisk

    if kept_of(call).given and has_host(HostDisk(), call.root) and not is_rehearsal(call):
        expect_known(call, find_domain(HostDisk(), call.root, HOST, rehearsal=False))


def _claim(call: Call) -> Claim:
    from asl_authority.storage.plain_files import named, read_file
    from asl_authority.values.claim import KIND, read_claim

    path = call.path("claim")
    with named(path):
        return read_claim(read_file(path, KIND.limits.size))


def _of_no_rehearsal(call: Call, found: Claim) -> list[Finding]:
    """CLAIM-REHEARSAL: a rehearsal's claim, which says that nothing was measured, is none, but in a rehearsal."""
    from asl_authority.contract import Mode
    from asl_authority.operations.gate import REHEARSAL_HOST
    from asl_authority.storage.state import load_seal
    from asl_authority.values.finding import Finding

    seal = load_seal(call.machine)
    if found.host_id != REHEARSAL_HOST or (seal is not None and seal.mode is Mode.REHEARSAL):
        return []
    return [Finding("CLAIM-REHEARSAL", False, "the claim of a rehearsal: nothing of any machine was looked at")]


def _named(path: Path, found: Claim) -> list[Finding]:
    """A file that is named like a stored claim must be that one."""
    from asl_authority.values.claim import check_named
    from asl_authority.values.fields import SHA256

    return [check_named(found, path.stem)] if path.suffix == ".claim" and SHA256.fullmatch(path.stem) else []


def _judged(call: Call) -> Judged | None:
    """The manifest that was given, judged. Raises Refused when this image seals no builders."""
    from asl_authority.errors import Refused, UsageError
    from asl_authority.front.places import builders_here
    from asl_authority.operations.claim import judge
    from asl_authority.storage.plain_files import named, read_file

    path, given = call.values.get("manifest"), tuple(call.values.get("signatures", ()))
    if path is None:
        if given or call.values.get("builders"):
            raise UsageError("--signatures and --builders go with --manifest")
        return None
    builders = builders_here(call)
    if builders is None:
        raise Refused(
            "this image names no builders: nobody can vouch for a manifest here",
            hint="without --manifest the claim is made, and is UNVERIFIED; see docs/claims.md",
            check_id="BUILDERS-NAMED",
        )
    beside = path.with_name(f"{path.name}.dsse.json")
    if not given and path.is_file() and not beside.exists():
        raise UsageError(
            f"{beside}: no such file: who has signed {path.name}?",
            hint="its builders' signatures lie in that file, or name theirs: --signatures",
            check_id="PATH-MISSING",
        )
    files = given or (beside,)
    with named(path):
        return judge(read_file(path, MOST), [(str(file), read_file(file, 2 * MOST)) for file in files], builders)


def _nonce(call: Call) -> str | None:
    from asl_authority.errors import UsageError
    from asl_authority.values.claim import NONCE as FORM

    nonce = call.values.get("nonce")
    if nonce is not None and not FORM.fullmatch(nonce):
        raise UsageError(f"--nonce {nonce[:70]!a}: expected 32 to 64 hexadecimal digits, in lower case")
    return nonce


def _declared(call: Call) -> dict[str, tuple[str, ...]]:
    from asl_authority.errors import UsageError

    said: dict[str, tuple[str, ...]] = {}
    for each in call.values.get("declare", ()):
        name, equals, value = each.partition("=")
        if not equals or not value:
            raise UsageError(f"--declare {each!a}: expected NAME=VALUE")
        said[name] = (*said.get(name, ()), value)
    return said


VERBS = (
    Verb(
        "claim",
        "measure this machine and say what it is, with how much that is worth",
        "Measures the image, its layers and medium, kernel, boot environment, network interfaces, swap, mounts and "
        "tools, runs the self-test, and says each fact with its status: verified, measured, declared by a person, or "
        "absent. The claim as a whole is VERIFIED only against the image's manifest, signed by enough of the builders "
        "whose keys are sealed in this image; it says why when it is not. It is stored and logged where there is a "
        "store, without any key; with --stick or --head not in one whose host was rolled back. Ends with 3 when a "
        "manifest was given and the claim is not VERIFIED by it, with 4 when this image names no builders.",
        claim,
        (MANIFEST, SIGNATURES, BUILDERS, NONCE, DECLARE, OUTPUT, QR, *KEEPING),
    ),
    Verb(
        "verify-env",
        "measure again and hold a claim against it; or check a claim elsewhere",
        "On the sealed host that made the claim: measures everything once more and demands that nothing has changed "
        "and that the machine was not restarted. Anywhere, with --manifest: that the manifest is signed by enough "
        "builders, that it is the one that the claim names, and that all that the claim calls verified is what the "
        "manifest says. With --nonce: that the claim answers it. Ends with 3 when any of it does not hold.",
        verify_env,
        (
            Argument(("CLAIM",), "the claim, as `claim --output` wrote it", "CLAIM", "path", required=True),
            *(MANIFEST, SIGNATURES, BUILDERS, NONCE),
            Argument(("--paper",), "look at the claim alone, not at this machine", kind="flag"),
        ),
    ),
    Verb(
        "measure",
        "read the layers and the medium that this machine runs from",
        "Recomputes the root hash of every layer and the digests of medium, kernel and initramfs, and prints them as "
        "one canonical JSON object. Only root may read these devices: on a sealed host a helper does it for `claim`, "
        "and whoever else calls this gets what they may read.",
        measure_devices,
    ),
)
