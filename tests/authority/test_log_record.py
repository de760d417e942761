"""Log files: the bytes of the paper, and every way in which a chain can be broken."""

from __future__ import annotations

import hashlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as some

from asl_authority.errors import Malformed
from asl_authority.values.log_entry import RULES as ENTRY_RULES
from asl_authority.values.log_entry import Entry, read_entry
from asl_authority.values.log_record import (
    FIRST_HASH,
    MOST_PAYLOAD,
    RULES,
    Record,
    RecordType,
    file_bytes,
    read_hashed,
    read_records,
    scan_records,
)

D = "ab" * 32
RECORDS = (Record(1, 0x8001, b'{"a":1}'), Record(2, 0x77, b"\0\xff"), Record(3, RecordType.TOMBSTONE, b""))
WHOLE = file_bytes(RECORDS)


def test_the_bytes_are_those_of_the_paper() -> None:
    header = b"ASLLOG01" + struct.pack("<I", 1) + struct.pack("<I", 24) + struct.pack("<Q", 0)
    fields = struct.pack("<Q", 1) + struct.pack("<I", 0x8001) + struct.pack("<I", 7) + b'{"a":1}'
    first = fields + hashlib.sha256(bytes(32) + fields).digest()

    assert file_bytes(RECORDS[:1]) == header + first
    assert hashlib.sha256(WHOLE).hexdigest() == "ea12361b3839b55a679406652903b1606bebeb4a145815732e005427a08f5ba8"


def test_records_of_unknown_types_are_skipped_by_length_and_stay_in_the_chain() -> None:
    assert read_records(WHOLE) == RECORDS
    without = file_bytes((RECORDS[0], Record(2, RecordType.TOMBSTONE, b"")))
    assert WHOLE[-32:] != without[-32:]


def test_a_second_file_goes_on_where_the_first_ended() -> None:
    second = file_bytes((Record(4, 0x8002, b"{}"),), WHOLE[-32:])

    assert read_records(second, 4, WHOLE[-32:])[0].logseq == 4
    with pytest.raises(Malformed) as refusal:
        read_records(second, 4)
    assert refusal.value.check_id == "LOG-CHAIN"


@pytest.mark.parametrize("at", range(len(WHOLE)))
def test_no_byte_of_a_log_can_change(at: int) -> None:
    changed = bytearray(WHOLE)
    changed[at] ^= 1
    with pytest.raises(Malformed) as refusal:
        read_records(bytes(changed))

    assert refusal.value.check_id in {"LOG-HEADER", "LOG-SEQUENCE", "LOG-LENGTH", "LOG-CHAIN", "LOG-TORN"}


@pytest.mark.parametrize(
    ("check_id", "data"),
    [
        ("LOG-HEADER", b""),
        ("LOG-HEADER", b"ASLLOG02" + WHOLE[8:]),
        ("LOG-TORN", WHOLE[:-1]),
        ("LOG-TORN", WHOLE + b"\3"),
        ("LOG-SEQUENCE", file_bytes((Record(2, 1, b""),))),
        ("LOG-SEQUENCE", file_bytes((Record(1, 1, b""), Record(1, 1, b"")))),
        ("LOG-LENGTH", WHOLE + struct.pack("<QII", 4, 1, MOST_PAYLOAD + 1)),
        ("LOG-CHAIN", WHOLE[:-1] + b"x"),
    ],
)
def test_a_log_that_is_not_whole_is_refused_by_name(check_id: str, data: bytes) -> None:
    with pytest.raises(Malformed) as refusal:
        read_records(data)

    assert refusal.value.check_id == check_id


def test_a_record_alone_is_the_bytes_that_its_hash_is_over() -> None:
    before = RECORDS[0].hash_after(FIRST_HASH)
    alone = RECORDS[1].hashed(before)

    assert hashlib.sha256(alone).digest() == RECORDS[1].hash_after(before)
    assert read_hashed(alone) == RECORDS[1]


@pytest.mark.parametrize(
    ("check_id", "data"),
    [
        ("LOG-TORN", b""),
        ("LOG-TORN", RECORDS[0].hashed(FIRST_HASH)[:-1]),
        ("LOG-TORN", RECORDS[0].hashed(FIRST_HASH) + b"x"),
        ("LOG-LENGTH", FIRST_HASH + struct.pack("<QII", 1, 1, MOST_PAYLOAD + 1)),
    ],
)
def test_a_record_alone_that_is_not_whole_is_refused_by_name(check_id: str, data: bytes) -> None:
    with pytest.raises(Malformed) as refusal:
        read_hashed(data)
    assert refusal.value.check_id == check_id


def test_what_is_good_before_a_fault_is_still_said() -> None:
    body = FIRST_HASH + WHOLE[24:-1] + b"x"
    scan = scan_records(body, 1, 10)

    assert (len(scan.spans), scan.end) == (2, len(body) - 48)
    assert scan.problem is not None


def test_a_payload_that_no_reader_takes_is_not_written() -> None:
    with pytest.raises(ValueError, match="payload"):
        Record(1, 0x8001, bytes(MOST_PAYLOAD + 1)).to_bytes(FIRST_HASH)


@given(some.lists(some.tuples(some.integers(0, 2**32 - 1), some.binary(max_size=40)), max_size=5))
def test_any_records_are_read_as_they_were_written(fields: list[tuple[int, bytes]]) -> None:
    records = tuple(Record(n, kind, payload) for n, (kind, payload) in enumerate(fields, 1))

    assert read_records(file_bytes(records)) == records


@given(some.binary(max_size=200))
def test_any_bytes_are_a_log_or_refused_by_a_rule(tail: bytes) -> None:
    data = WHOLE[:24] + tail
    try:
        again = file_bytes(read_records(data))
    except Malformed as refusal:
        again = data if refusal.check_id in {rule.check_id for rule in RULES} else b""
    assert again == data


ENTRY = Entry(RecordType.DAM, "0" * 32, 2, (D,), {"dam/dam-1.json.sig": D}, {"version": 1})


@pytest.mark.parametrize("entry", [ENTRY, Entry(RecordType.ROOT_SET), Entry(RecordType.CLAIM, blocks=(D,))])
def test_an_entry_is_read_as_it_was_written(entry: Entry) -> None:
    assert read_entry(entry.type, entry.to_bytes()) == entry


@pytest.mark.parametrize(
    ("check_id", "payload"),
    [
        ("LOG-ENTRY-SCHEMA", b'{"type":"asl.log-dam/1","x":1}'),
        ("LOG-ENTRY-SCHEMA", b'{"left":0,"type":"asl.log-dam/1"}'),
        ("LOG-ENTRY-SCHEMA", b'{"blocks":[],"type":"asl.log-dam/1"}'),
        ("LOG-ENTRY-SCHEMA", b'{"blocks":["x"],"type":"asl.log-dam/1"}'),
        ("LOG-ENTRY-SCHEMA", b'{"session":"x","type":"asl.log-dam/1"}'),
        ("LOG-ENTRY-SCHEMA", b'{"files":{"a":"x"},"type":"asl.log-dam/1"}'),
        ("LOG-ENTRY-TYPE", b'{"type":"asl.log-claim/1"}'),
        ("LOG-ENTRY-TYPE", b"{}"),
        ("LOG-ENTRY-PATHS", b'{"files":{"../a":"%s"},"type":"asl.log-dam/1"}' % D.encode()),
        ("LOG-ENTRY-PATHS", b'{"files":{"/a":"%s"},"type":"asl.log-dam/1"}' % D.encode()),
        ("LOG-ENTRY-PATHS", b'{"files":{"a/..":"%s"},"type":"asl.log-dam/1"}' % D.encode()),
        ("LOG-ENTRY-PATHS", b'{"files":{"a//b":"%s"},"type":"asl.log-dam/1"}' % D.encode()),
        ("JSON-CANONICAL", b'{"type": "asl.log-dam/1"}'),
    ],
)
def test_an_entry_of_another_form_is_refused_by_name(check_id: str, payload: bytes) -> None:
    with pytest.raises(Malformed) as refusal:
        read_entry(RecordType.DAM, payload)

    assert refusal.value.check_id == check_id
    assert check_id.startswith("JSON") or check_id in {rule.check_id for rule in ENTRY_RULES}


def test_an_entry_that_no_reader_takes_is_not_written() -> None:
    with pytest.raises(Malformed):
        Entry(RecordType.DAM, blocks=("x",)).to_bytes()
