"""What a ceremony asserts, looked at by the tool itself before the first step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from asl_authority.errors import AuthorityError
from asl_authority.operations.boot_claim import boot_claim
from asl_authority.operations.gate import expect_verified
from asl_authority.operations.status import check_network
from asl_authority.storage.layout import StorePaths
from asl_authority.storage.plain_files import sha256_of
from asl_authority.storage.surroundings import load_interfaces
from asl_authority.values.ceremony import Asserted, Assertion, Ceremony
from asl_authority.values.finding import Finding

CHECKS = {
    Asserted.NETWORK: "CEREMONY-NETWORK",
    Asserted.CLAIM: "CEREMONY-CLAIM",
    Asserted.STORE: "CEREMONY-STORE",
    Asserted.FILE: "CEREMONY-FILE",
}
OF_THE_MACHINE = (Asserted.NETWORK, Asserted.CLAIM)
NOT_MEASURED = "not looked at: in a rehearsal nothing of the machine is measured"


def check_assertions(ceremony: Ceremony, machine: Path, root: Path, *, continued: bool) -> Iterator[Finding]:
    """A finding for each; of a rehearsal's machine nothing is looked at. `continued`: a store may be there by now."""
    for assertion in ceremony.assertions:
        if ceremony.rehearsal and assertion.what in OF_THE_MACHINE:
            yield Finding(CHECKS[assertion.what], ok=True, detail=NOT_MEASURED)
        elif not (continued and assertion.what is Asserted.STORE):
            yield _check(assertion, machine, root)


def _check(assertion: Assertion, machine: Path, root: Path) -> Finding:
    try:
        match assertion.what:
            case Asserted.NETWORK:
                found = check_network(load_interfaces(machine))
                return Finding(CHECKS[assertion.what], found.ok, found.detail)
            case Asserted.CLAIM:
                expect_verified(boot_claim(machine, root))
                return Finding(CHECKS[assertion.what], ok=True, detail="the claim of this start is VERIFIED")
            case Asserted.STORE:
                return _store(assertion, root)
            case Asserted.FILE:
                return _file(assertion)
    except AuthorityError as error:
        return Finding(CHECKS[assertion.what], ok=False, detail=str(error))


def _store(assertion: Assertion, root: Path) -> Finding:
    found = "present" if StorePaths(root).host.root.exists() else "absent"
    return Finding(CHECKS[assertion.what], found == assertion.value, f"a store is {found}")


def _file(assertion: Assertion) -> Finding:
    found = sha256_of(Path(assertion.value))
    ok = found == assertion.sha256
    said = f"{assertion.value} has the SHA-256 {found}{'' if ok else ': another file'}"
    return Finding(CHECKS[assertion.what], ok, said)
