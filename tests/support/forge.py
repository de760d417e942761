"""What a story's forger does: `forge`, which changes papers and a store's log and signs them again, with keys of tests.

    forge edit FILE MEMBER VALUE …          set a member (a.b.0, or a:b:0 where names have dots), VALUE is JSON, or
                                            `-` takes it away
    forge sign FILE TYPE KEY …              FILE.sig: an envelope over the file; TYPE is a kind (`dam`), or `real:dam`,
                                            or a payload type as it is
    forge view FILE KIND                    FILE, with .cbor for .json: the view of it as that kind
    forge payload ENVELOPE FILE             the file that an envelope carries
    forge seal FILE KIND SEALED             seal it as a private key of that kind, with the stories' passphrase
    forge record FILE LINE MEMBER VALUE …   change a line of a ceremony's record, and chain what follows to it

    forge reseal STORE DOMAIN [LOGSEQ MEMBER VALUE …]
                                            name files by the digests that they have now (a new one as ""), change a
                                            record, sign the head
    forge vouch STORE DOMAIN [LOGSEQ MEMBER VALUE …]
                                            reseal, and have the operator sign the last receipt anew, over what is there
    forge append STORE DOMAIN TYPE PAYLOAD  one record more, of this type, which says what PAYLOAD has beside it
    forge receipt STORE DOMAIN LOGSEQ MEMBER VALUE …
                                            change a receipt, have the operator sign it in both forms, and reseal
    forge unsigned STORE DOMAIN SIZE        sign the head of the first SIZE records only; nobody signs that of all
    forge roll STORE DOMAIN LOGSEQ          have the log go on in a file of its own from this record on
    forge hashed STORE DOMAIN LOGSEQ FILE   what a record's hash is over, as a file

A value `@FILE` is the SHA-256 of a file. Keys are called `roots/1`, `host/log`, `me.example/root` (a rehearsed
store's), or as `support.domains.secret` has them. A rehearsal's payload types are meant unless `real:` stands before
them. Nothing of this is in the program.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from support.forge_log import append, hashed, receipt, reseal, roll, unsigned, vouch
from support.forge_papers import edit, payload, record, seal, sign, view


def forge(words: Sequence[str], here: Path) -> None:
    """Do what the words say, in the directory `here`."""
    FORGERS[words[0]](here, *(_said(here, word) for word in words[1:]))


def _said(here: Path, word: str) -> str:
    """A word as it is meant: `@FILE` is a digest."""
    file = here / word.removeprefix("@")
    return json.dumps(hashlib.sha256(file.read_bytes()).hexdigest()) if word.startswith("@") else word


FORGERS: dict[str, Callable[..., None]] = {
    each.__name__: each
    for each in (
        *(edit, sign, view, payload, seal, record),
        *(reseal, vouch, append, receipt, unsigned, roll, hashed),
    )
}
