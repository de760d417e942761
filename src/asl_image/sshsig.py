"""OpenSSH's detached signatures: whose they are, read strictly; made and judged by `ssh-keygen` itself."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from asl_image.errors import CheckFailed, ConfigError, ProgramFailed
from asl_image.publickey import PublicKey, exact_base64, from_ssh_blob, from_ssh_line, packed, unpacked
from asl_image.runner import Command

BEGIN, END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
ARMOR = re.compile(rf"{BEGIN}\n((?:[A-Za-z0-9+/=]{{1,76}}\n)+){END}\n?")
MAGIC = b"SSHSIG" + (1).to_bytes(4, "big")
HASHES = (b"sha512", b"sha256")
LINE = 70

PRIVATE = re.compile(r"-----BEGIN OPENSSH PRIVATE KEY-----\n([A-Za-z0-9+/=\n]+)-----END OPENSSH PRIVATE KEY-----\n?")
PRIVATE_MAGIC = b"openssh-key-v1\0"
MAKE_ONE = "ssh-keygen -t ed25519 -f KEY makes one"


class Ssh(Protocol):
    """What is asked of a runner."""

    def status(self, command: Command) -> int: ...

    def ask(self, command: Command) -> int: ...


@dataclass(frozen=True)
class SshSignature:
    """A signature as it says of itself; nothing is believed yet."""

    key: PublicKey
    namespace: str


def read_signature(data: bytes, name: str) -> SshSignature:
    """Whose signature a file is, and for what use. Raises CheckFailed for what ssh-keygen would not write."""
    try:
        armor = ARMOR.fullmatch(data.decode("ascii"))
        if armor is None:
            raise ValueError("not an armored OpenSSH signature, and nothing else")
        blob = exact_base64(armor[1].replace("\n", ""))
        if not blob.startswith(MAGIC):
            raise ValueError("of another version")
        parts = unpacked(blob[len(MAGIC) :])
        if len(parts) != 5:
            raise ValueError("cut off, or longer than one")
        key, namespace, reserved, hashed, signature = parts
        if reserved or hashed not in HASHES:
            raise ValueError("of a form that is not known here")
        public = from_ssh_blob(key)
        # A security key's signature goes on with a byte of flags and a counter, which ssh-keygen looks at.
        if not signature.startswith(packed([public.kind.encode()])):
            raise ValueError("the key and the signature are of different kinds")
        return SshSignature(public, namespace.decode("ascii"))
    except ValueError as error:
        raise CheckFailed(f"{name}: not an OpenSSH signature by an Ed25519 key: {error}") from None


def armored(blob: bytes) -> str:
    """The text of a signature, as ssh-keygen breaks its lines."""
    text = base64.b64encode(blob).decode()
    lines = (text[start : start + LINE] for start in range(0, len(text), LINE))
    return "\n".join((BEGIN, *lines, END, ""))


def key_of_file(data: bytes, name: str) -> PublicKey:
    """The public key in a file that ssh-keygen made: a private key, or the `.pub` of one. Raises ConfigError."""
    try:
        text = data.decode("ascii")
        if not text.startswith("-----"):
            return from_ssh_line(text)
        found = PRIVATE.fullmatch(text)
        if found is None:
            raise ValueError("not one OpenSSH private key, and nothing else")
        blob = exact_base64(found[1].replace("\n", ""))
        if not blob.startswith(PRIVATE_MAGIC):
            raise ValueError("of another version")
        rest = blob[len(PRIVATE_MAGIC) :]
        for _ in ("cipher", "key derivation", "its options"):
            rest = rest[4 + int.from_bytes(rest[:4], "big") :]
        if rest[:4] != (1).to_bytes(4, "big"):
            raise ValueError("cut off, or more than one key")
        size = int.from_bytes(rest[4:8], "big")
        return from_ssh_blob(rest[8 : 8 + size])
    except ValueError as error:
        raise ConfigError(f"{name}: not an OpenSSH key for Ed25519: {error}", hint=MAKE_ONE) from None


def sign(message: bytes, namespace: str, key: Path, runner: Ssh, scratch: Path, agent: Mapping[str, str]) -> bytes:
    """A signature over `message`; ssh-keygen asks for what it needs on the terminal. Raises ProgramFailed.

    `agent` says how an ssh-agent is reached, for a key that it holds.
    """
    said, out = scratch / "message", scratch / "signature"
    said.write_bytes(message)
    out.unlink(missing_ok=True)
    argv = ("ssh-keygen", "-Y", "sign", "-q", "-n", namespace, "-f", str(key))
    if runner.ask(Command(argv, private=agent, stdin=said, stdout=out)) != 0:
        raise ProgramFailed(f"ssh-keygen did not sign with {key}", hint="what it said stands above")
    return out.read_bytes()


def verifies(data: bytes, found: SshSignature, message: bytes, runner: Ssh, scratch: Path) -> bool:
    """Whether ssh-keygen takes a signature for good, under the key that it names. Raises Refused without ssh-keygen."""
    signers, signature, said = (scratch / name for name in ("allowed-signers", "signature", "message"))
    signers.write_text(f'signer namespaces="{found.namespace}" {found.key.ssh_line}\n')
    signature.write_bytes(data)
    said.write_bytes(message)
    argv = ("ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", "signer", "-n", found.namespace)
    return runner.status(Command((*argv, "-s", str(signature)), stdin=said)) == 0
