"""The last head, on the stick and on paper: options of every verb that adds to a log; asked for before, kept after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asl_authority.front.verb import Answer, Argument, Call

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from asl_authority.errors import AuthorityError
    from asl_authority.operations.reading import Source
    from asl_authority.operations.rollback import Kept
    from asl_authority.storage.stick import Stick
    from asl_authority.values.ed25519 import PublicKey
    from asl_authority.values.kept_head import KeptHead

STICK = Argument(("--stick",), "the directory on your stick where the last heads of logs are kept", "DIR", "path")
HEAD = Argument(
    ("--head",), 'the last head, from paper, quoted: "SIZE WORDS" or "SIZE ROOT" (may repeat)', "HEAD", many=True
)
TYPE = "type it as it was printed, in quotes: the size, then the twelve words or the root"
KEEPING = (STICK, HEAD)
KEPT = (
    " The log is held to its last head, from --stick or --head: an older copy of the store is refused, and so is "
    "one of which no head is at hand. With --stick the new head is kept there."
)


def stick_of(call: Call) -> Stick | None:
    """The stick that is named."""
    from asl_authority.storage.disk import HostDisk
    from asl_authority.storage.stick import Stick

    path = call.values.get("stick")
    return None if path is None else Stick(HostDisk(), path)


def kept_of(call: Call) -> Kept:
    """What was kept, from the stick and as it was typed. Raises Malformed for what is no head."""
    from asl_authority.operations.rollback import Kept

    return Kept(stick_of(call), tuple(_typed(each) for each in call.values.get("head", ())))


def log_keys(source: Source) -> tuple[PublicKey, ...]:
    """The keys that this log's checkpoints may be signed by: its roots certify them. Raises Damaged, IoFailed."""
    from asl_authority.operations.domain_reading import held_roots, read_log_of
    from asl_authority.operations.reading import certified_keys

    reading = read_log_of(source.disk, source.store, source.paths, source.origin)
    return certified_keys(source, held_roots(reading, rehearsal=source.rehearsal))


def expect_known(call: Call, source: Source) -> None:
    """The log begins with its last head. Raises Refused when it does not, or when no head is at hand, Malformed.

    A rehearsal's store never lasts: there a head is asked for only where one is given. Nor does it take one to see what
    would be done.
    """
    from asl_authority.operations.reading import HOST
    from asl_authority.operations.rollback import expect_kept

    kept = kept_of(call)
    if kept.given or not (source.rehearsal or call.dry_run):
        expect_kept(source, kept, log_keys(source))
    if source.domain_id != HOST:
        _expect_host_known(call, source, kept)


def _expect_host_known(call: Call, source: Source, kept: Kept) -> None:
    """The host's log too, where the stick has its head: state, leases and roots of a domain are what the host says.

    That it was not held to anything, because the head came from paper, is said. Raises as `expect_known`.
    """
    from asl_authority.operations.reading import HOST, find_domain
    from asl_authority.operations.rollback import Kept, expect_kept

    host = find_domain(source.disk, source.store.root, HOST, rehearsal=source.rehearsal)
    if kept.stick is not None and kept.stick.load(host.origin) is not None:
        expect_kept(host, Kept(kept.stick), log_keys(host))
    elif not (source.rehearsal or call.dry_run):
        call.err.write("the host's own log was held to no head: with --stick it is, where the stick has it\n")


def expect_keeps(call: Call) -> None:
    """The stick that is named, if one is, could keep a new head: asked before anything is done. Raises IoFailed."""
    stick = stick_of(call)
    if stick is not None and not call.dry_run:
        stick.expect_writable()


def expect_free_on_stick(call: Call, origin: str, domain_id: str) -> None:
    """The stick knows of no such log. Raises Refused, Malformed, IoFailed."""
    from asl_authority.operations.rollback import expect_new

    stick = stick_of(call)
    expect_keeps(call)
    if stick is not None:
        expect_new(origin, domain_id, stick)


def kept_after(call: Call, source: Source, answer: Answer) -> Answer:
    """Keep the new head on the stick, where there is one."""
    from asl_authority.operations.rollback import keep_head

    stick = stick_of(call)
    return answer if stick is None else answered(answer, lambda: keep_head(source, stick, log_keys(source)))


def answered(answer: Answer, keep: Callable[[], Path]) -> Answer:
    """The answer, and whether the head was kept. What was done stands, whatever the stick does; then it ends with 8."""
    from asl_authority.errors import AuthorityError

    try:
        path = keep()
    except AuthorityError as error:
        return _not_kept(answer, str(error), error)
    except KeyboardInterrupt:  # too late to leave everything as it was
        return _not_kept(answer, "stopped by you", None)
    return Answer(f"{answer.text}kept on the stick\n  {path}\n", {**answer.members, "kept": str(path)}, answer.status)


def deviations_text(count: int) -> str:
    """What stands beside every head of a log in which an older backup was gone on from; else nothing."""
    return f"deviations {count}: see log deviations\n" if count else ""


def _typed(text: str) -> KeptHead:
    from asl_authority.errors import Malformed
    from asl_authority.values.kept_head import read_typed_head

    try:
        return read_typed_head(text)
    except Malformed as error:
        raise Malformed(f"--head: {error}", check_id=error.check_id, hint=TYPE) from None


def _not_kept(answer: Answer, words: str, error: AuthorityError | None) -> Answer:
    from asl_authority.contract import ExitStatus
    from asl_authority.front import ui

    said: Sequence[str] = (
        f"NOT KEPT ON THE STICK: {words}",
        *((error.hint,) if error and error.hint else ()),
        "What was done is done, and the store has it. Write the head above down on paper NOW: next time it is asked "
        "for (--head), or the stick, once it works again, is found to be behind, which is allowed.",
    )
    text = "".join("\n".join(ui.wrapped(ui.plain(line), "")) + "\n" for line in said)
    return Answer(answer.text + text, {**answer.members, "not_kept": words}, ExitStatus.IO_FAILED)
