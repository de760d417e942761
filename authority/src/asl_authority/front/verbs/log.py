"""log: its head, a reading of all of it, the proof that a record is in it, and that it extends an older one."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from asl_authority.front.given import NEW_FILE, REHEARSAL
from asl_authority.front.reading import (
    DOMAIN,
    LOG_KEY,
    ROOTS,
    TRUST,
    domain_of,
    ended,
    is_rehearsal,
    keys_of,
    reads,
    source_of,
    teller,
)
from asl_authority.front.verb import Answer, Argument, Call, Verb
from asl_authority.front.verbs import backup

if TYPE_CHECKING:
    from asl_authority.values.checkpoint import Checkpoint


@reads
def head(call: Call) -> Answer:
    """The last head, and whose word it is."""
    from asl_authority.front import ui
    from asl_authority.front.kept import deviations_text
    from asl_authority.operations.reading import LOG_COVERED, LOG_SIGNED, check_heads
    from asl_authority.operations.rollback import deviations
    from asl_authority.values.paper_head import paper_head

    source = source_of(call)
    keys = keys_of(call, source)
    heads = source.log().heads
    findings = check_heads(heads, keys)
    last = heads.last
    text, members = _head(last)
    if call.values.get("words"):
        paper = paper_head(last)
        text += f"for paper:\n{paper.to_text()}"
        members["words"] = list(paper.words)
    members["deviations"] = count = len(deviations(source.log()))
    text += deviations_text(count)
    if heads.signed is not None:
        members["checkpoint"] = heads.signed[1].to_bytes().decode()
    answer = ended(findings, "", members)
    failed = [each for each in findings if not each.ok]
    if keys is None or all(each.check_id in (LOG_SIGNED, LOG_COVERED) for each in failed):
        # Looking at the head is no check of it: what nobody asked for, or nothing has signed yet, is said and no more.
        said = "".join(f"NOTE     {ui.plain(each.detail)}\n" for each in failed) or "signed   verified\n"
        return Answer(text + said, answer.members)
    return Answer(text + answer.text, answer.members, answer.status)


@reads
def verify(call: Call) -> Answer:
    """All of the log, read again."""
    from asl_authority.front import ui
    from asl_authority.operations.log_check import verify_log

    source = source_of(call)
    report = verify_log(source, keys_of(call, source), teller(call, "records read"))
    text, members = _head(report.heads.last)
    notes = "".join("\n".join(ui.wrapped(f"note: {ui.plain(note)}", "")) + "\n" for note in report.notes)
    return ended(report.findings, notes + text, {**members, "notes": list(report.notes)})


@reads
def proof(call: Call) -> Answer:
    """Make a proof, or check one."""
    from asl_authority.errors import UsageError

    checked, logseq = call.values.get("check"), call.values.get("logseq")
    if (checked is None) == (logseq is None):
        raise UsageError("say LOGSEQ to make a proof, or --check FILE to check one")
    if checked is not None:
        return _check(call)
    if call.values.get("entry") or call.values.get("record"):
        raise UsageError("--entry and --record go with --check")
    return _prove(call, int(call.values["logseq"]))


@reads
def consistency(call: Call) -> Answer:
    """Whether the log begins with an older one."""
    from asl_authority.errors import UsageError
    from asl_authority.operations.log_check import check_extends

    size = call.values["size"]
    if size < 0:
        raise UsageError(f"SIZE {size}: a log has 0 records or more")
    source = source_of(call)
    found = check_extends(source, size, call.values["root_hash"], keys_of(call, source))
    text, members = _head(found.head)
    lines = [base64.b64encode(each).decode() for each in found.proof]
    if lines:
        text += "consistency proof (RFC 9162), hashes in base64:\n" + "".join(f"  {line}\n" for line in lines)
    return ended(found.findings, text, {**members, "old_size": size, "proof": lines})


def _prove(call: Call, logseq: int) -> Answer:
    from asl_authority.front.given import written
    from asl_authority.operations.log_check import check_proof

    source = source_of(call)
    keys = keys_of(call, source)
    reader = source.log()
    made = reader.prove(logseq)
    entry = reader.hash_of(logseq).hex()
    findings = check_proof(made, bytes.fromhex(entry), source.origin, keys)
    if keys is not None and not all(each.ok for each in findings):
        return ended(findings, "", {"logseq": logseq, "entry": entry})  # nothing is given out under a wrong signature
    signature = "not checked" if keys is None else "verified"
    said = f"the proof of record {logseq}, whose hash is\n  {entry}\nthe signature of its checkpoint: {signature}"
    return written(call, made.to_bytes(), said, logseq=logseq, entry=entry, signature=signature)


def _check(call: Call) -> Answer:
    from asl_authority.operations.log_check import MOST_PROOF, check_proof, expect_record, read_hash
    from asl_authority.storage.plain_files import named, read_file
    from asl_authority.values.checkpoint import origin_of, read_log_proof

    path, given = call.path("check"), _entry(call)
    with named(path):
        found = read_log_proof(read_file(path, MOST_PROOF))
    if given is None or call.values.get("root_set"):
        source = source_of(call)
        origin, keys = source.origin, keys_of(call, source)
        entry = expect_record(source, found.index) if given is None else read_hash(given, "--entry")
    else:
        origin, keys = origin_of(domain_of(call), rehearsal=is_rehearsal(call)), keys_of(call, None)
        entry = read_hash(given, "--entry")
    with named(path):
        findings = check_proof(found, entry, origin, keys)
    members: dict[str, object] = {"logseq": found.index + 1, "entry": entry.hex(), "origin": origin}
    return ended(findings, f"record {found.index + 1} of {origin}, hash\n  {entry.hex()}\n", members, damage=())


def _entry(call: Call) -> str | None:
    """The record's hash: as it was given, or of the record itself. Raises UsageError, Malformed for what is none."""
    import hashlib

    from asl_authority.errors import UsageError
    from asl_authority.operations.log_check import MOST_RECORD
    from asl_authority.storage.plain_files import named, read_file
    from asl_authority.values.log_record import read_hashed

    given, path = call.values.get("entry"), call.values.get("record")
    if path is None:
        return None if given is None else str(given)
    if given is not None:
        raise UsageError("--entry or --record: the record's hash, or the record")
    with named(path):
        data = read_file(path, MOST_RECORD)
        read_hashed(data)
    return hashlib.sha256(data).hexdigest()


def _head(last: Checkpoint) -> tuple[str, dict[str, object]]:
    """A head for a person, and for a program."""
    text = f"log      {last.origin}\nrecords  {last.size}\nroot     {last.root.hex()}\n"
    return text, {"origin": last.origin, "size": last.size, "root": last.root.hex()}


WHERE = (DOMAIN, LOG_KEY, ROOTS, REHEARSAL)

VERBS = (
    Verb(
        "log head",
        "print how many records a log has, and the root over them",
        "Prints the last head of the log: what it is called, how many records it has, and the root of the tree over "
        f"them. With --words also the twelve words to write down, by which a later log can be held to this one. "
        f"{TRUST} Where nobody vouches for the head, it is shown all the same, and that is said.",
        head,
        (*WHERE, Argument(("--words",), "the head for paper: a size and twelve words", kind="flag")),
    ),
    Verb(
        "log verify",
        "read a whole log again and hold it to its signed head",
        "Reads every record: order, chain, canonical form, and the tree, whose root must be that of every head; then "
        f"whether the checkpoint is signed by a key that counts, and covers everything. {TRUST} Ends with 3 "
        "where nobody vouches for the head, and with 5 when the log is not what was committed; nothing is "
        "changed in any case.",
        verify,
        WHERE,
    ),
    Verb(
        "log proof",
        "make the proof that a record is in the log, or check one",
        "Writes the proof of record LOGSEQ (C2SP tlog-proof, with the signed checkpoint in it) to a new file or to the "
        "standard output. With --check it reads a proof and says whether the record is in the log: that of its number "
        "in this store, or, without a store, the one whose hash --entry gives or that lies in the file --record. "
        f"{TRUST} Where nobody vouches a check ends with 3.",
        proof,
        (
            Argument(("LOGSEQ",), "the number of the record, from 1", "LOGSEQ", "number"),
            *(NEW_FILE, Argument(("--check",), "check the proof in this file", "FILE", "path")),
            Argument(("--entry",), "with --check: the record's hash, in hexadecimal", "SHA256"),
            Argument(("--record",), "with --check: the record itself, as `dam publish` writes it", "FILE", "path"),
            *WHERE,
        ),
    ),
    Verb(
        "log consistency",
        "say whether a log begins with an older one, kept elsewhere",
        "Holds the log against a head that was kept elsewhere: how many records it had, and its root in hexadecimal or "
        "base64, or the twelve words of `log head --words`, quoted. Prints the consistency proof of RFC 9162. Ends "
        f"with 3 when the log is shorter (it was rolled back) or has another past. {TRUST}",
        consistency,
        (
            Argument(("SIZE",), "how many records it had", "SIZE", "number", required=True),
            Argument(("ROOT_HASH",), "its root, or the words", "ROOT", required=True),
            *WHERE,
        ),
    ),
    *backup.VERBS,
)
