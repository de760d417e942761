"""What the verbs that only read a store have in common: their options, how they end, and what they say meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING

from asl_authority.front.verb import Answer, Argument, Call

if TYPE_CHECKING:
    from asl_authority.operations.reading import Source
    from asl_authority.values.ed25519 import PublicKey
    from asl_authority.values.finding import Finding

DOMAIN = Argument(("--domain",), "the domain's id (default: the host)", "ID")
LOG_KEY = Argument(
    ("--log-key",), "the public key that checkpoints must be signed by (may repeat)", "FILE", "path", many=True
)
ROOTS = Argument(
    ("--root-set",), "the offline root set that is trusted: log keys that it certifies count", "FILE", "path"
)
TRUST = (
    "Whose signature counts: the keys of --log-key, and those that the roots of --root-set certify; when neither is "
    "given, those that the roots in the store itself certify, which is said."
)

# Checks of what lies in a store: when one of them fails, it is damaged, and not only unproven. A signature that fails
# although its key's id stands before it means that somebody has changed the checkpoint.
STORE = ("NOTE-SIGNATURES", "SNAPSHOT-", "BLOCK-")


def reads(run: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
    """A verb that only reads: damage ends it with 5, and with words for that."""

    @wraps(run)
    def guarded(call: Call) -> Answer:
        from asl_authority.operations.reading import only_reading

        with only_reading():
            return run(call)

    return guarded


def source_of(call: Call) -> Source:
    """The domain that is meant. Raises Refused, UsageError, IoFailed."""
    from asl_authority.operations.reading import find_domain
    from asl_authority.storage.disk import HostDisk

    return find_domain(HostDisk(), call.root, domain_of(call), rehearsal=is_rehearsal(call))


def domain_of(call: Call) -> str:
    """Its id."""
    return str(call.values.get("domain", "host"))


def is_rehearsal(call: Call) -> bool:
    """Whether a rehearsal's store is meant."""
    from asl_authority.operations.gate import rehearsal_here
    from asl_authority.storage.state import load_seal

    return rehearsal_here(load_seal(call.machine), bool(call.values.get("rehearsal")))


def keys_of(call: Call, source: Source | None) -> tuple[PublicKey, ...] | None:
    """The keys that count; None when the person named none, which is not the same as that there are none."""
    from asl_authority.errors import UsageError
    from asl_authority.front.given import given_public_key, given_root_set
    from asl_authority.operations.reading import certified_keys

    given, roots = call.values.get("log_key", ()), call.values.get("root_set")
    if roots is not None and source is None:
        raise UsageError("--root-set goes with a store; elsewhere give the key itself: --log-key")
    if not given and roots is None:
        return None if source is None else _own_keys(call, source)
    certified = () if roots is None or source is None else certified_keys(source, given_root_set(roots))
    return (*(given_public_key(path) for path in given), *certified)


def _own_keys(call: Call, source: Source) -> tuple[PublicKey, ...] | None:
    """The keys that the roots of this store certify; None in a store without roots. Raises Damaged, IoFailed."""
    from asl_authority.operations.domain_reading import own_roots
    from asl_authority.operations.reading import certified_keys
    from asl_authority.storage.layout import StorePaths

    roots = own_roots(source.disk, StorePaths(call.root), rehearsal=source.rehearsal)
    if roots is None:
        return None
    # Said, for it is less: whoever can write to the store could have put other roots there.
    call.err.write("held to the roots that this store itself trusts; to those that you hold: --root-set\n")
    return certified_keys(source, roots)


def ended(
    findings: Sequence[Finding], text: str, members: dict[str, object], damage: tuple[str, ...] = STORE
) -> Answer:
    """The findings, the verdict, and the status: 5 where the store is not what was committed to it, else 3.

    `damage` is how the ids of the checks begin that mean so.
    """
    from asl_authority.contract import ExitStatus
    from asl_authority.front import ui
    from asl_authority.operations.reading import READ_ONLY

    failed = [finding.check_id for finding in findings if not finding.ok]
    damaged = any(each.startswith(damage) for each in failed)
    status = ExitStatus.STORE_DAMAGED if damaged else ExitStatus.CHECK_FAILED if failed else ExitStatus.DONE
    lines = "".join(ui.finding_line(finding) for finding in findings)
    if damaged:
        text += "\n".join(ui.wrapped(f"THE STORE IS DAMAGED: {READ_ONLY}", "")) + "\n"
    elif failed:
        text += f"NOT VERIFIED: {', '.join(failed)}\n{ui.explained(failed)}"
    return Answer(lines + text, {"ok": not failed, **members, "findings": ui.findings_members(findings)}, status)


def teller(call: Call, what: str) -> Callable[[int, int], None]:
    """Tells how far long work is, on stderr: a line for every tenth of it."""
    told = -1

    def tell(done: int, total: int) -> None:
        nonlocal told
        tenth = done * 10 // total if total else 10
        if tenth > told:
            told = tenth
            call.err.write(f"{what}: {done} of {total}\n")
            call.err.flush()

    return tell
