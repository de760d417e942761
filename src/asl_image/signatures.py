"""Judges signatures over a paper: which builders vouch for it, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from asl_image import ed25519, sshsig
from asl_image.builders import Builders
from asl_image.dsse import read_envelope
from asl_image.errors import CheckFailed, IoFailed
from asl_image.signable import Signable

# A signature's file is small, and an envelope little longer than its payload in base64.
LARGEST = 64 << 20
SSH_BEGIN = sshsig.BEGIN.encode()

JudgeSsh = Callable[[bytes, sshsig.SshSignature, bytes], bool]


@dataclass(frozen=True)
class Vote:
    """One signature: `builder` when it is good and by a key that is known; `wrong` when it must never be seen."""

    file: str
    form: str  # dsse, ssh
    said: str
    key_id: str = ""
    builder: str | None = None
    wrong: bool = False

    @property
    def verdict(self) -> str:
        """In one word."""
        return "WRONG" if self.wrong else "good" if self.builder else "unknown"


@dataclass(frozen=True)
class Verdict:
    """What all signatures over papers of one kind come to."""

    papers: tuple[Signable, ...]
    votes: tuple[Vote, ...]
    builders: tuple[str, ...]  # who vouches, sorted
    threshold: int
    total: int
    contradictions: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Enough builders, and nothing that is wrong."""
        return (
            len(self.builders) >= self.threshold
            and not self.contradictions
            and not any(vote.wrong for vote in self.votes)
        )


def judge(papers: Iterable[tuple[Signable, Iterable[Path]]], builders: Builders, by_ssh: JudgeSsh) -> Verdict:
    """Every signature of every file, and whom they add up to; the papers are of one kind.

    Several rebuild statements may differ, since they tell of different surroundings; they must name one image.
    """
    papers = [(paper, list(files)) for paper, files in papers]
    votes = [vote for paper, files in papers for file in files for vote in votes_of(file, paper, builders, by_ssh)]
    first = papers[0][0]
    return Verdict(
        tuple(paper for paper, _ in papers),
        tuple(votes),
        tuple(sorted({vote.builder for vote in votes if vote.builder and not vote.wrong})),
        builders.threshold,
        len(builders.builders),
        tuple(
            f"{paper.path}: names another {what} than {first.path}: {named} instead of {expected}"
            for paper, _ in papers[1:]
            for what, named, expected in (
                ("ISO", paper.iso, first.iso),
                ("manifest", paper.manifest, first.manifest),
            )
            if named != expected
        ),
    )


def votes_of(file: Path, paper: Signable, builders: Builders, by_ssh: JudgeSsh) -> list[Vote]:
    """Every signature that a file holds. What can't be read is one that is wrong."""
    form = "dsse"
    try:
        data = read_limited(file)
        if data.startswith(SSH_BEGIN):
            form = "ssh"
            return [ssh_vote(file, data, paper, builders, by_ssh)]
        return dsse_votes(file, data, paper, builders)
    except CheckFailed as error:
        return [Vote(str(file), form, str(error).removeprefix(f"{file}: "), wrong=True)]


def dsse_votes(file: Path, data: bytes, paper: Signable, builders: Builders) -> list[Vote]:
    """The votes in an envelope. Raises CheckFailed when it is none, or over something else."""
    envelope = read_envelope(data, str(file))
    if envelope.payload_type != paper.payload_type:
        raise CheckFailed(f"{file}: over a payload of type {envelope.payload_type!r:.80}, not {paper.payload_type}")
    if envelope.payload != paper.data:
        raise CheckFailed(f"{file}: over other bytes than {paper.path}")
    if not envelope.signatures:
        raise CheckFailed(f"{file}: holds no signature")
    signed = envelope.signed_bytes()
    votes = []
    for key_id, signature in sorted(envelope.signatures.items()):
        key = builders.key_named(key_id)
        if key is None:
            votes.append(Vote(str(file), "dsse", "by a key that no builder has", key_id))
        elif not ed25519.verifies(key, signature, signed):
            said = f"not a signature by this key of {builders.owner(key)}"
            votes.append(Vote(str(file), "dsse", said, key_id, wrong=True))
        else:
            votes.append(Vote(str(file), "dsse", "", key_id, builders.owner(key)))
    return votes


def ssh_vote(file: Path, data: bytes, paper: Signable, builders: Builders, by_ssh: JudgeSsh) -> Vote:
    """The vote in an OpenSSH signature. Raises CheckFailed when it is none, or for another use."""
    found = sshsig.read_signature(data, str(file))
    if found.namespace != paper.namespace:
        raise CheckFailed(f"{file}: for the use {found.namespace!r:.80}, not {paper.namespace}")
    owner, key_id = builders.owner(found.key), found.key.key_id
    if owner is None:
        return Vote(str(file), "ssh", "by a key that no builder has", key_id)
    if not by_ssh(data, found, paper.data):
        said = f"not a signature over {paper.path} by this key of {owner}"
        return Vote(str(file), "ssh", said, key_id, wrong=True)
    return Vote(str(file), "ssh", "", key_id, owner)


def read_limited(file: Path) -> bytes:
    """A file that is not too large to be one of signatures. Raises CheckFailed or IoFailed."""
    try:
        if file.stat().st_size > LARGEST:
            raise CheckFailed(f"{file}: too large for a file of signatures")
        return file.read_bytes()
    except OSError as error:
        raise IoFailed(f"{file}: can't be read: {error.strerror}") from error
