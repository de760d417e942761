"""Another passphrase for keys of a domain: the same keys in new files, which its log names from then on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from asl_authority.errors import Refused
from asl_authority.operations.act import Act, Bench, Made, Standing
from asl_authority.operations.genesis import USES
from asl_authority.operations.key_files import KeyFile, key_files
from asl_authority.operations.keys import expect_opens
from asl_authority.operations.pieces import Piece
from asl_authority.storage import durable, layout
from asl_authority.values.canonical import canonical_bytes
from asl_authority.values.ed25519 import SecretKey
from asl_authority.values.keyfile import RANDOM_BYTES, cost_words, seal_key
from asl_authority.values.log_record import RecordType
from asl_authority.values.passphrase import Passphrase
from asl_authority.values.public_key_file import MOST_BYTES, read_public_key_file

OPERATION = "key-change-passphrase"
MOST_SEALED = 1 << 16


@dataclass(frozen=True)
class Sealed:
    """Keys for a new passphrase, in memory: the files by the names of the keys. No secret shows in its text."""

    passphrase: Passphrase
    files: Mapping[str, bytes]
    challenge: bytes


def next_files(standing: Standing, names: Sequence[str]) -> list[KeyFile]:
    """The next file of each of these keys, or of all that are here. Raises Refused where one is not."""
    held = key_files(standing.report.entries)
    wanted = [name for name in USES if name in (names or held)]
    if missing := [name for name in wanted if name not in held]:
        raise Refused(f"{standing.domain_id}: its log names no file of the key {missing[0]}", check_id="KEY-HERE")
    return [KeyFile(name, held[name].number + 1) for name in wanted]


def change_act(standing: Standing, names: Sequence[str], sealed: Callable[[], Sealed]) -> Act:
    """Give keys of a domain another passphrase, in new files beside the old ones. Raises Refused where one is not here.

    `sealed` gives the files once the keys are open. What is written is read back from the disk, opened, and its key
    signs, before any record names it; stopped anywhere before, the old files stay in force.
    """
    held, root = key_files(standing.report.entries), standing.source.paths.root
    news = next_files(standing, names)
    names = [new.key for new in news]
    halves = {
        name: durable.read(standing.source.disk, root / layout.public_key_name(name), MOST_BYTES) for name in names
    }
    publics = {name: read_public_key_file(half) for name, half in halves.items()}
    lines = [f"new files of keys of {standing.domain_id}, for one new passphrase", "the old files stay where they are"]
    for new in news:
        kind = USES[new.key].kind
        lines += [f"{new.key}: a key of the kind {kind}, {cost_words(kind)}", f"  key id  {publics[new.key].key_id}"]
        lines += [f"  now     {held[new.key].path}", f"  then    {new.path}"]
    asked = {
        new.key: {"file": new.path, "follows": held[new.key].sha256, "key_id": publics[new.key].key_id} for new in news
    }
    parameters = {"operation": OPERATION, "domain_id": standing.domain_id, "keys": asked}
    tries = count(1)

    def make(bench: Bench) -> Made:
        # In a trial of another length each time: how long a file will be is not known before it is sealed.
        done = None if bench.trial else sealed()
        stand_ins = next(tries)
        weak = {"passphrase": "weak"} if done and done.passphrase.weak else {}
        entries = []
        for new in news:
            data = done.files[new.key] if done else new.key.encode() * stand_ins
            facts = {"key": new.key, "key_id": publics[new.key].key_id, "follows": held[new.key].sha256, **weak}
            entries.append(bench.put(Piece(RecordType.KEY, {new.path: data, new.half: halves[new.key]}, facts=facts)))
            if done:
                data = durable.read(bench.domain.disk, root / new.path, MOST_SEALED)
                kind = USES[new.key].kind
                expect_opens(new.path, data, done.passphrase, kind, publics[new.key], done.challenge)
        given = {held[name].sha256 for name in names} | {hashlib.sha256(half).hexdigest() for half in halves.values()}
        return Made(tuple(entries), tuple(given))

    what = f"a new passphrase for {', '.join(names)}"
    return Act(OPERATION, what, tuple(lines), canonical_bytes(parameters), make, tuple(names))


def seal(keys: Mapping[str, SecretKey], passphrase: Passphrase, random: Callable[[int], bytes]) -> Sealed:
    """The same keys for another passphrase. Raises Refused for too little memory."""
    files = {name: seal_key(key, passphrase.text, USES[name].kind, random(RANDOM_BYTES)) for name, key in keys.items()}
    return Sealed(passphrase, files, random(32))
