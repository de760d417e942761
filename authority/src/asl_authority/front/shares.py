"""What the verbs of shares and of drills do, and say: key split, key combine, key drill."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asl_authority.contract import ExitStatus
from asl_authority.front.given import KEY_FILE_LIMIT
from asl_authority.front.verb import Answer, Call

if TYPE_CHECKING:
    from collections.abc import Callable

    from asl_authority.operations.drill import Held
    from asl_authority.operations.shares import Places
    from asl_authority.values.ed25519 import PublicKey, SecretKey
    from asl_authority.values.keyfile import KeyKind
    from asl_authority.values.share_set import ShareSet
    from asl_authority.values.slip39 import Share


def split_into_shares(call: Call, kind: KeyKind, public: PublicKey, places: Places) -> Answer:
    """Open the key, and give out shares that open its new file."""
    from asl_authority.operations.confirm import digest_text
    from asl_authority.operations.shares import split_key
    from asl_authority.operations.unlock import unlock
    from asl_authority.storage.plain_files import expect_room, named, read_file
    from asl_authority.values.keyfile import cost_words

    threshold, count = _wanted(call)
    path = call.path("file")
    expect_room(*places.all)
    if call.dry_run:
        from asl_authority.front.key_plans import would_split

        return would_split(call, kind, public, (places.private, places.public, places.record), (threshold, count))
    with named(path):
        key = unlock(call.terminal, str(path), read_file(path, KEY_FILE_LIMIT), kind, public)
    tried = split_key(call.terminal, call.outside.random, key, kind, places, threshold=threshold, count=count)
    text = (
        f"{places.private}: a key of the kind {kind}, {cost_words(kind)}\n"
        "  read back, opened, and its signature verified twice\n"
        f"  {tried.detail} were tried, and each share typed back\n"
        f"{places.public}: its public half\n"
        f"{places.record}: the record of its shares, to lie beside it; no secret\n"
        f"key id\n{digest_text(bytes.fromhex(public.key_id))}"
        f"{path} still opens with its passphrase: destroy it when you are done.\n"
        f"Now hold a drill with its holders: {call.program} key drill\n"
    )
    members = {"file": str(places.private), "public_key": str(places.public), "share_set": str(places.record)}
    return Answer(
        text,
        {**members, "key_id": public.key_id, "cost": cost_words(kind), "threshold": threshold, "shares": count},
    )


def opened_with_shares(
    call: Call, kind: KeyKind, public: PublicKey, record: ShareSet | None
) -> tuple[SecretKey, dict[str, object]]:
    """The key, and which shares opened it."""
    from asl_authority.errors import Malformed
    from asl_authority.operations.shares import open_with_shares
    from asl_authority.storage.plain_files import named, read_file
    from asl_authority.values.age import read_header
    from asl_authority.values.keyfile import WORK
    from asl_authority.values.share_set import check_key_file

    path = call.path("file")
    taken: list[Share] = []
    with named(path):
        data = read_file(path, KEY_FILE_LIMIT)
        read_header(data, WORK[kind])
        if record is not None and not (same := check_key_file(record, data)).ok:
            raise Malformed(same.detail, check_id=same.check_id, hint="find the file that belongs to these shares")
        key = open_with_shares(call.terminal, str(path), data, kind, public, record, taken)
    return key, {"shares_used": sorted(share.number for share in taken)}


def held_drill(call: Call, kind: KeyKind, public: PublicKey, record: ShareSet | None) -> Answer:
    """Hold a drill, keep its record, and say how it ended."""
    from asl_authority.operations.drill import Backup, expect_record_of, hold_drill
    from asl_authority.operations.gate import rehearsal_here
    from asl_authority.storage.plain_files import read_file, write_new
    from asl_authority.storage.state import load_seal

    path, output = call.path("file"), call.path("output")
    recording = _recording(call)
    if call.dry_run:
        from asl_authority.front.key_plans import would_drill

        return would_drill(call, kind, public, record)
    backup = Backup(str(path), read_file(path, KEY_FILE_LIMIT), kind, public, record)
    expect_record_of(backup)
    rehearsal = rehearsal_here(load_seal(call.machine), False)
    held = hold_drill(call.terminal, call.outside.random, backup, rehearsal=rehearsal)
    write_new(output, held.drill.to_bytes())
    ended = _ended(str(output), held)
    return ended if recording is None else recording(held, ended)


def _recording(call: Call) -> Callable[[Held, Answer], Answer] | None:
    """How the record comes into the log of the domain that is named, which is looked at before there is a drill."""
    domain_id = call.values.get("domain")
    if domain_id is None:
        return None
    from asl_authority.front.acting import act, expect_allowed, gate_of, standing_of
    from asl_authority.operations.drill import drill_act, drill_to_come

    gate, standing = gate_of(call), standing_of(call, domain_id)
    expect_allowed(call, standing, drill_to_come())  # before there is a drill, not after it

    def record(held: Held, ended: Answer) -> Answer:
        call.terminal.say(ended.text)
        done = act(call, gate, standing, drill_act(held.drill))
        return Answer(ended.text + done.text, {**done.members, **ended.members}, ended.status or done.status)

    return record


def _ended(output: str, held: Held) -> Answer:
    import hashlib

    from asl_authority.front import ui
    from asl_authority.operations.confirm import digest_text

    drill, digest = held.drill, hashlib.sha256(held.drill.to_bytes()).digest()
    end = "PASSED" if drill.passed else f"FAILED: {', '.join(drill.failed)}"
    used = "" if drill.shares is None else f" {', '.join(map(str, drill.shares.used)) or '(none was taken)'}"
    text = (
        "".join(ui.finding_line(finding) for finding in held.findings)
        + "".join(f"{line}\n" for line in ui.wrapped(f"present: {', '.join(map(ui.plain, drill.persons))}", ""))
        + f"The drill {end}, by {drill.method}{used}\n"
        + f"{output}: its record; SHA-256\n{digest_text(digest)}"
    )
    if not drill.passed:
        text += "This backup does not restore the key: make another while the key is there.\n"
    members = {"ok": drill.passed, "file": output, "sha256": digest.hex(), "key_id": drill.key_id}
    members |= {"failed": list(drill.failed), "persons": list(drill.persons)}
    members |= {} if drill.shares is None else {"shares_used": list(drill.shares.used)}
    return Answer(text, {**members, "findings": ui.findings_members(held.findings)}, _status(held))


def _status(held: Held) -> ExitStatus:
    if held.trouble is not None:
        return held.trouble.status
    return ExitStatus.DONE if held.drill.passed else ExitStatus.CHECK_FAILED


def _wanted(call: Call) -> tuple[int, int]:
    """How many shares of how many. Raises UsageError."""
    from asl_authority.errors import UsageError
    from asl_authority.values.slip39 import LEAST_THRESHOLD, MOST_SHARES

    threshold, count = int(call.values["threshold"]), int(call.values["shares"])
    if not LEAST_THRESHOLD <= threshold <= count <= MOST_SHARES:
        raise UsageError(
            f"--shares {count} --threshold {threshold}: at most {MOST_SHARES} shares, and {LEAST_THRESHOLD} or more "
            "of them needed",
            hint="for example: --shares 5 --threshold 3",
        )
    return threshold, count
