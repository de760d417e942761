"""sign: put a detached signature beside a manifest or a rebuild statement."""

from __future__ import annotations

import fcntl
import getpass
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from asl_image import ed25519, sshsig
from asl_image.atomic import write_whole
from asl_image.dsse import Envelope, read_envelope
from asl_image.ed25519 import PrivateKey, load_private_key
from asl_image.errors import Aborted, Busy, CheckFailed, ConfigError, IoFailed, Refused
from asl_image.runner import Runner
from asl_image.signable import Signable, read_signable
from asl_image.signatures import read_limited
from asl_image.verbs import House

LARGEST_KEY = 16 * 1024
AGENT = "SSH_AUTH_SOCK"


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path(path_type=Path))
@click.option(
    "--key",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="KEY",
    help="An Ed25519 key: PKCS #8 in PEM (gives DSSE), or one of OpenSSH's, or the .pub of one that an agent holds.",
)
@click.pass_obj
def sign(house: House, files: tuple[Path, ...], key: Path) -> None:
    """Sign manifests or rebuild statements; the paths of the signatures are printed on stdout."""
    papers = [read_signable(file) for file in dict.fromkeys(files)]
    data = read_key(key)
    with ExitStack() as held, TemporaryDirectory(prefix="asl-sign-") as scratch:
        for paper in papers:
            held.enter_context(only_signer(paper.path))
        if ed25519.is_pem(data):
            private = load_private_key(data, str(key), passphrase)
            key_id = private.public.key_id
            made = [(paper.envelope, with_ours(paper, private)) for paper in papers]
        else:
            agent = {AGENT: house.environ[AGENT]} if AGENT in house.environ else {}
            public = sshsig.key_of_file(data, str(key))
            key_id = public.key_id
            made = [(paper.ssh_signature(key_id), by_ssh(paper, key_id, key, Path(scratch), agent)) for paper in papers]
        for path, signature in made:
            write_whole(path, signature)
    paths = [str(path) for path, _ in made]
    house.screen.result("\n".join(paths), {"key": key_id, "signatures": paths})


def read_key(path: Path) -> bytes:
    """The bytes of a key file. Raises ConfigError for what is too small or too large to be one, or IoFailed."""
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= LARGEST_KEY else b""
    except OSError as error:
        raise IoFailed(f"{path}: can't be read: {error.strerror}") from error
    if not data:
        raise ConfigError(f"{path}: not a key: {size} bytes", hint=ed25519.MAKE_ONE)
    return data


@contextmanager
def only_signer(path: Path) -> Iterator[None]:
    """Hold a paper, so that two signatures at once don't lose one. Raises Busy."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"{path}: somebody else is signing it") from None
        yield


def with_ours(paper: Signable, key: PrivateKey) -> bytes:
    """The text of the paper's envelope with our signature in it. Raises CheckFailed when it is over something else."""
    ours = Envelope(paper.payload_type, paper.data, {})
    if paper.envelope.exists():
        ours = read_envelope(read_limited(paper.envelope), str(paper.envelope))
        if (ours.payload_type, ours.payload) != (paper.payload_type, paper.data):
            raise CheckFailed(
                f"{paper.envelope}: holds signatures over other bytes than {paper.path}",
                hint="move it away; nothing was changed",
            )
    key_id = key.public.key_id
    held = ours.signatures.get(key_id)
    if held is not None and not ed25519.verifies(key.public, held, ours.signed_bytes()):
        raise CheckFailed(f"{paper.envelope}: holds a wrong signature under the key {key_id}")
    text = ours.with_signature(key_id, key.sign(ours.signed_bytes())).text().encode()
    if read_envelope(text, str(paper.envelope)).signatures.keys() != {*ours.signatures, key_id}:
        raise AssertionError("a signature was lost")
    return text


def by_ssh(paper: Signable, key_id: str, key: Path, scratch: Path, agent: Mapping[str, str]) -> bytes:
    """An OpenSSH signature over the paper, looked at by ssh-keygen once more. Raises CheckFailed or ProgramFailed."""
    runner = Runner(scratch / "commands.log")
    path = paper.ssh_signature(key_id)
    for data in existing(path) or [sshsig.sign(paper.data, paper.namespace, key, runner, scratch, agent)]:
        found = sshsig.read_signature(data, str(path))
        if (found.key.key_id, found.namespace) != (key_id, paper.namespace) or not sshsig.verifies(
            data, found, paper.data, runner, scratch
        ):
            raise CheckFailed(f"{path}: not a signature by this key over {paper.path}", hint="nothing was changed")
    return data


def existing(path: Path) -> Sequence[bytes]:
    """What this key left here before, if it did."""
    return [read_limited(path)] if path.exists() else []


def passphrase(question: str) -> bytes:
    """Ask on the terminal, whatever stdin is. Raises Refused when there is none, Aborted when nobody answers."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        raise Refused(
            "the key is encrypted, and there is no terminal to ask for its passphrase",
            hint="a passphrase is never taken from an option, a file or the environment",
        ) from None
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)  # rather none than one that is shown
        try:
            return getpass.getpass(question).encode()
        except EOFError:  # Ctrl-D
            raise Aborted("no passphrase was given") from None
