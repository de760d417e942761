"""Which file of each of a domain's private keys is in force: the newest that its log names, each after the one before.

A file is never replaced, so whoever has an old one and its passphrase has the key all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from asl_authority.operations.domain_reading import Reading
from asl_authority.operations.genesis import USES
from asl_authority.storage import layout
from asl_authority.values.finding import Finding
from asl_authority.values.log_entry import Entry
from asl_authority.values.log_record import RecordType
from asl_authority.values.public_key_file import MOST_BYTES, read_public_key_file

DOMAIN_KEY_FILES = "DOMAIN-KEY-FILES"


@dataclass(frozen=True)
class KeyFile:
    """A private key at rest, as its log names it; `public` is the SHA-256 of the file of its public half."""

    key: str
    number: int = 1
    sha256: str = ""
    public: str = ""

    @property
    def path(self) -> str:
        """Its path below the domain."""
        return layout.private_key_name(self.key, self.number)

    @property
    def half(self) -> str:
        """The path of its public half, which lies beside it."""
        return layout.public_key_name(self.key, self.number)


def key_files(entries: Iterable[tuple[int, Entry]]) -> dict[str, KeyFile]:
    """The files in force, by the names of the keys; a key that lies elsewhere has none."""
    held: dict[str, KeyFile] = {}
    for _, entry in entries:
        if entry.type is RecordType.KEY:
            held |= _named(held, entry)
    return held


def follower_of(entry: Entry) -> str:
    """The key that a record has a new file of; empty for every other record."""
    name = entry.facts.get("key")
    return name if entry.type is RecordType.KEY and type(name) is str and name in USES else ""


def check_key_files(reading: Reading) -> Iterator[Finding]:
    """DOMAIN-KEY-FILES, of each record that came after the genesis. Raises Damaged, Malformed, IoFailed."""
    held: dict[str, KeyFile] = {}
    for logseq, entry in reading.of(RecordType.KEY):
        if held:
            name, former = follower_of(entry), held.get(follower_of(entry))
            why = "names no key of this domain" if former is None else _unlike(reading, former, entry)
            yield Finding(DOMAIN_KEY_FILES, not why, f"record {logseq}: {why or f'a new file of the key {name}'}")
        held |= _named(held, entry)


def _named(held: Mapping[str, KeyFile], entry: Entry) -> dict[str, KeyFile]:
    """The files that a record brings into force: those of a genesis, or the next one of a key."""
    former = held.get(follower_of(entry))
    firsts = (KeyFile(name) for name in USES if not held)
    wanted = firsts if former is None else iter((replace(former, number=former.number + 1),))
    return {
        each.key: replace(each, sha256=entry.files[each.path], public=entry.files.get(each.half, ""))
        for each in wanted
        if each.path in entry.files
    }


def _unlike(reading: Reading, former: KeyFile, entry: Entry) -> str:
    """What a record of a new file says that can't be; empty when it follows."""
    new = replace(former, number=former.number + 1)
    if set(entry.files) != {new.path, new.half}:
        return f"names other files than {new.path} and {new.half}"
    if entry.facts.get("follows") != former.sha256:
        return f"does not follow {former.path}"
    key_id = reading.load(layout.public_key_name(new.key), read_public_key_file, MOST_BYTES).key_id
    if entry.files[new.half] != former.public or entry.facts.get("key_id") != key_id:
        return f"is not of the key {key_id}"
    return ""
