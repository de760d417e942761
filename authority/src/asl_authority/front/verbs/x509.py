"""cert x509: X.509 certificates for outsiders, of a domain's X.509 key and by it of the domain's principals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asl_authority.front.given import CERTIFICATES, POLICY, REHEARSAL, ROOT_SET
from asl_authority.front.kept import KEEPING
from asl_authority.front.verb import DRY_RUN, Answer, Argument, Call, Verb

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from asl_authority.operations.x509 import Domain, Export
    from asl_authority.values.finding import Finding

TBS, SIGNATURE = ".tbs", ".sig"


def export(call: Call) -> Answer:
    """Judge, show, and go the way that was asked for: a key here, bytes out, signatures in."""
    from asl_authority.front.signing import begin, in_the_log, signer_named, unlocked
    from asl_authority.operations import x509
    from asl_authority.operations.confirm import confirm
    from asl_authority.storage.plain_files import named, read_file
    from asl_authority.values.ed25519 import SIGNATURE_BYTES, SecretKey
    from asl_authority.values.keyfile import KeyKind
    from asl_authority.values.x509 import FOR_EVER, Validity

    rehearsal = begin(call)
    domain = _domain(call, rehearsal=rehearsal)
    validity = Validity(call.values["not_before"], call.values.get("not_after", FOR_EVER))
    issuer = signer_named(call) or x509.find_issuer(domain)
    wanted = x509.prepare_export(domain, issuer, call.values.get("principal", ()), validity, rehearsal=rehearsal)
    _expect_folder(call)
    shown, found = _shown(wanted), x509.lint(wanted, SecretKey(call.outside.random(32)))
    if call.dry_run:
        answer = _planned(wanted, shown, found)
        if call.values.get("key") and in_the_log(call):
            answer = answer._replace(members={**answer.members, "host": _recorded(call, wanted, shown).members})
        return answer
    if folder := call.values.get("payload"):
        return _payload(wanted, shown, folder)
    if folder := call.values.get("add_signature"):
        signatures = {}
        for each in wanted.certificates:
            path = folder / f"{each.name}{SIGNATURE}"
            with named(path):
                signatures[each.name] = read_file(path, SIGNATURE_BYTES)
    elif in_the_log(call):
        return _recorded(call, wanted, shown)
    else:
        call.terminal.say(shown)
        confirm(call.terminal, f"To be signed: {wanted.what}", wanted.digest)
        signatures = x509.signed_here(wanted, lambda: unlocked(call, issuer, KeyKind.X509))
    made = x509.finished(wanted, signatures)
    paths = x509.write_certificates(wanted, made, call.path("output"))
    return _written(call, wanted, paths)


def _recorded(call: Call, wanted: Export, shown: str) -> Answer:
    """On a sealed host: as an operation of the host's own domain, and only then in files. Raises as `act`.

    In a dry run the answer is what that operation would be.
    """
    from asl_authority.errors import Refused
    from asl_authority.front.acting import act, gate_of, standing_of
    from asl_authority.front.signing import unlocked
    from asl_authority.operations import x509
    from asl_authority.operations.reading import HOST
    from asl_authority.operations.recorded_signing import RecordedExport
    from asl_authority.values.ed25519 import SecretKey
    from asl_authority.values.keyfile import KeyKind

    folder = call.values.get("output")
    for each in wanted.certificates:
        if folder is not None and (path := folder / f"{each.name}.pem").exists():
            raise Refused(f"{path}: is there already; nothing is overwritten", check_id="PATH-TAKEN")
    opened: list[SecretKey] = []
    signing = RecordedExport(wanted, lambda: opened[0])
    gate, standing = gate_of(call), standing_of(call, HOST)
    key = KeyKind.X509
    done = act(
        call, gate, standing, signing.act(shown), unlock=lambda: opened.append(unlocked(call, wanted.issuer, key))
    )
    if call.dry_run:
        return done
    paths = x509.write_certificates(wanted, x509.finished(wanted, signing.signatures), call.path("output"))
    answer = _written(call, wanted, paths)
    return Answer(done.text + answer.text, {**done.members, **answer.members}, done.status)


def _expect_folder(call: Call) -> None:
    """Where files will go must be there before anything is signed. Raises UsageError."""
    from asl_authority.errors import UsageError

    folder = call.values.get("payload") or call.values.get("output")
    if folder is not None and not folder.is_dir():
        raise UsageError(
            f"{folder}: no such directory", hint="make an empty one, and begin again", check_id="PATH-MISSING"
        )


def _domain(call: Call, *, rehearsal: bool) -> Domain:
    from asl_authority.front.given import given_certificates, given_policy, given_root_set
    from asl_authority.operations.artifacts import form_of, load
    from asl_authority.operations.x509 import Domain
    from asl_authority.values.dam import KIND, read_dam

    return Domain(
        load(call.path("file"), form_of(KIND, read_dam, rehearsal=rehearsal)).signed,
        given_certificates(call.values["certificate"], rehearsal=rehearsal),
        given_root_set(call.path("root_set")),
        given_policy(call.path("policy")),
    )


def _shown(wanted: Export) -> str:
    from asl_authority.front import show as words
    from asl_authority.front import ui

    first = wanted.certificates[0]
    text = ui.rehearsal_banner() if wanted.rehearsal else ""
    text += f"X.509 certificates of {first.domain_id}\nvalid      {first.validity.words}\n"
    text += words.digest_rows("issued by the X.509 key", first.issuer.key_id)
    for each in wanted.certificates:
        who, behind = ("the X.509 key, as an authority", "certificate") if each.authority else ("a principal", "DAM")
        text += f"{each.name}.pem\n  {who}; the {behind} behind it has the SHA-256\n  {each.vouched}\n"
    return text


def _planned(wanted: Export, shown: str, findings: Iterable[Finding]) -> Answer:
    from asl_authority.front import ui
    from asl_authority.operations.confirm import digest_text

    checked = list(findings)
    text = "".join(ui.finding_line(finding) for finding in checked)
    return Answer(
        f"{shown}{text}SHA-256 of what would be signed\n{digest_text(wanted.digest)}Nothing was done.\n",
        {"sha256": wanted.digest.hex(), "findings": ui.findings_members(checked)},
    )


def _payload(wanted: Export, shown: str, folder: Path) -> Answer:
    import hashlib

    from asl_authority.operations.confirm import digest_text
    from asl_authority.storage.plain_files import write_all_new

    files = {folder / f"{each.name}{TBS}": each.tbs() for each in wanted.certificates}
    write_all_new(files)
    sums = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    text = (
        f"{shown}SHA-256 of all that is to be signed, to compare\n{digest_text(wanted.digest)}"
        "The exact bytes to sign, with their SHA-256, as sha256sum prints it\n"
        + "".join(f"{path}\n  {digest}\n" for path, digest in sums.items())
        + "On the other machine, for each of them, for instance:\n"
        f"  openssl pkeyutl -sign -rawin -inkey KEY -in ca{TBS} -out ca{SIGNATURE}\n"
    )
    payloads = [{"name": str(path), "sha256": digest} for path, digest in sums.items()]
    return Answer(text, {"sha256": wanted.digest.hex(), "payloads": payloads})


def _written(call: Call, wanted: Export, paths: Iterable[Path]) -> Answer:
    files = [str(path) for path in paths]
    folder, first = call.path("output"), files[0]
    text = "".join(f"{each}\n" for each in files)
    text += "written, read back, every signature verified by two implementations\n"
    text += (
        "A rehearsal: every verifier refuses them, for an extension that none knows.\n"
        if wanted.rehearsal
        else f"Outsiders check one with:\n  openssl verify -x509_strict -CAfile {first} {folder}/FILE.pem\n"
    )
    return Answer(text, {"files": files, "sha256": wanted.digest.hex()})


EXPORT = Verb(
    "cert x509",
    "export a domain's keys as X.509 certificates, for outsiders who need them",
    "Has the domain's X.509 key, which the offline roots have certified for nothing else, sign X.509 certificates: one "
    "of itself as an authority (ca.pem), and one of each principal of the DAM (its key id.pem), or of those that "
    "--principal names. The DAM and every certificate are verified first. Days are those that you state: no clock is "
    "asked, and the same input gives the same bytes. Before the key is opened a throw-away key signs the very same "
    "bytes, and another implementation reads every field of them. --payload writes the bytes to sign into a folder as "
    "NAME.tbs, --add-signature takes NAME.sig from one. A rehearsal's certificates have a critical extension that no "
    "verifier knows, so that each refuses them.",
    export,
    (
        Argument(("FILE",), "the domain's DAM, signed", "FILE", "path", required=True),
        ROOT_SET,
        CERTIFICATES,
        POLICY,
        Argument(("--not-before",), "the first day of the certificates", "YYYY-MM-DD", required=True),
        Argument(("--not-after",), "their last day; without it they have no end", "YYYY-MM-DD"),
        Argument(("--principal",), "the key id of a principal; once for each; without it, all", "ID", many=True),
        Argument(("--key",), "sign here, with the X.509 key at rest (an age file)", "FILE", "path"),
        Argument(("--payload",), "write the exact bytes to sign into this folder", "DIR", "path"),
        Argument(("--add-signature",), "take the signatures in this folder, made elsewhere", "DIR", "path"),
        Argument(("--public-key",), "the X.509 key that signs; needed where several are certified", "FILE", "path"),
        Argument(("--output",), "the folder for the certificates, which are new files", "DIR", "path"),
        *KEEPING,
        REHEARSAL,
        DRY_RUN,
    ),
)
