"""The closing page of a ceremony: every step with its result, from the reviewed file and the record alone."""

from __future__ import annotations

from collections.abc import Iterator

from asl_authority.front import ui
from asl_authority.front.ceremony_desk import head_lines
from asl_authority.front.ceremony_labels import head_code, label_blocks, media_block, media_members, media_of
from asl_authority.front.ceremony_script import page_head
from asl_authority.front.pages import Block, paged
from asl_authority.operations.confirm import digest_text
from asl_authority.values.ceremony import Ceremony, Step
from asl_authority.values.ceremony_record import Event, Happened, HeadSeen, Record

INDENT = " " * 4


def report_pages(ceremony: Ceremony, record: Record) -> list[list[str]]:
    """The pages."""
    blocks: list[Block] = [_top(ceremony, record)]
    blocks += [[*_step(number, step, record.of_step(number))] for number, step in enumerate(ceremony.steps, 1)]
    media = media_of(record)
    blocks += [_outputs(record), media_block(media), _last_head(record), _fingerprint(record), _signatures(ceremony)]
    blocks += label_blocks(ceremony, media)
    left = ui.plain(f"Report: {ceremony.title}, version {ceremony.version}")
    return paged([block for block in blocks if block], left, page_head(ceremony))


def report_members(ceremony: Ceremony, record: Record) -> dict[str, object]:
    """The same for --json."""
    steps = [
        {
            "title": step.title,
            "result": result(record.of_step(number)),
            "events": [event.members() for event in record.of_step(number)],
        }
        for number, step in enumerate(ceremony.steps, 1)
    ]
    head = last_head(record)
    return {
        "ok": record.ended,
        "title": ceremony.title,
        "ceremony_version": ceremony.version,
        "rehearsal": ceremony.rehearsal,
        "ceremony": ceremony.digest.hex(),
        "record": record.fingerprint,
        "ended": record.ended,
        "steps": steps,
        "deviations": len(deviations(record)),
        "media": media_members(media_of(record)),
        "head": None if head is None else {"size": head.size, "root": head.root, "words": head.words.split()},
    }


def result(events: tuple[Event, ...]) -> str:
    """How a step stands."""
    if not events:
        return "not reached"
    last = [event for event in events if event.happened is not Happened.ABORTED]
    if last and last[-1].happened is Happened.DONE:
        return "done"
    if last and last[-1].happened is Happened.DEVIATION and last[-1].goes_on:
        return "deviation"
    return "NOT DONE"


def deviations(record: Record) -> list[Event]:
    """Everything that two people stand for."""
    return [event for event in record.events if event.happened is Happened.DEVIATION]


def last_head(record: Record) -> HeadSeen | None:
    """The head that the last step with one ended with; with its words for paper, where any step said them."""
    heads = [event.head for event in record.events if event.head is not None]
    worded = [head for head in heads if head.words and (head.size, head.root) == (heads[-1].size, heads[-1].root)]
    return (worded or heads)[-1] if heads else None


def _top(ceremony: Ceremony, record: Record) -> Block:
    states = [result(record.of_step(number)) for number in range(1, len(ceremony.steps) + 1)]
    stopped = sum(event.happened is Happened.ABORTED for event in record.events)
    banner = [*ui.rehearsal_banner().rstrip().split("\n"), ""] if ceremony.rehearsal else []
    return [
        "THE REPORT OF A CEREMONY",
        "",
        f"{INDENT}{ui.plain(ceremony.title)}, version {ceremony.version}",
        f"{INDENT}{'ended' if record.ended else 'NOT ENDED: it can be continued'}",
        f"{INDENT}steps done: {states.count('done')} of {len(states)}; deviations: {len(deviations(record))}; "
        f"stopped: {stopped}",
        "",
        *banner,
        "Digest of the ceremony",
        *digest_text(ceremony.digest).rstrip().split("\n"),
    ]


def _step(number: int, step: Step, events: tuple[Event, ...]) -> Iterator[str]:
    title = f"{number:>2}. {ui.plain(step.title)}"
    yield f"{title:<64}{result(events):>14}"
    for event in events:
        yield from (f"{INDENT}{line}" for line in _event(event))


def _event(event: Event) -> Iterator[str]:
    match event.happened:
        case Happened.FAILED:
            why = f", {event.check_id}" if event.check_id else ""
            yield f"a try ended with {event.status}{why}"
        case Happened.ABORTED:
            yield "stopped here"
        case Happened.DEVIATION:
            yield from ui.wrapped(ui.plain(f"deviation: {event.what}"), "")
            yield from ui.wrapped(ui.plain(f"because {event.why}"), "  ")
            yield from ui.wrapped(ui.plain(f"stood for by {' and '.join(event.people)}"), "  ")
        case Happened.DONE:
            yield from _done(event)


def _done(event: Event) -> Iterator[str]:
    for digest in event.confirmed:
        yield "confirmed"
        yield f"  {digest}"
    for name, digest in event.digests:
        yield ui.plain(name)
        yield f"  {digest}"
    if event.head is not None:
        yield "head of the log"
        yield from closing_head(event.head)
    if event.people:
        who = "read by {}, heard by {}" if len(event.people) == 2 else "seen by {}"
        yield from ui.wrapped(ui.plain(who.format(*event.people)), "")


def _outputs(record: Record) -> Block:
    found = [each for event in record.events for each in event.outputs]
    rows = [line for name, digest in found for line in (f"  {ui.plain(name)}", f"      {digest}")]
    return ["New files, with their SHA-256", *rows] if found else []


def _last_head(record: Record) -> Block:
    head = last_head(record)
    if head is None:
        return []
    return [
        "The last head of a log, to keep on paper: the next session begins with it",
        *closing_head(head),
        "The same for a camera: size and root, as --head takes them",
        *head_code(head),
    ]


def closing_lines(record: Record) -> list[str]:
    """What a run ends with on the screen: the media and the last head; codes and labels are the report's."""
    head, media = last_head(record), media_block(media_of(record))
    return [*media, *([] if head is None else ["The last head of a log, to keep on paper", *closing_head(head)])]


def closing_head(head: HeadSeen) -> list[str]:
    """A head as it is closed with: its size, its words, and its root."""
    return [f"  {line}" for line in (*head_lines(head), *([head.root] if head.words else []))]


def _fingerprint(record: Record) -> Block:
    return [
        f"The record: {len(record.lines)} lines. SHA-256 of the last one, which pins all of them",
        *digest_text(bytes.fromhex(record.fingerprint)).rstrip().split("\n"),
    ]


def _signatures(ceremony: Ceremony) -> Block:
    rows = [f"  {each.role:<9} {ui.plain(each.name)[:34]:<34} {'_' * 30}" for each in ceremony.people]
    return ["We have seen this, and it was so", *rows]
