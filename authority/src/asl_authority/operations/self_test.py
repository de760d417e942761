"""Known-answer tests: do this machine's cryptography and our own forms compute what the standards print?"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

from asl_authority.errors import AuthorityError, Malformed, UnlockFailed
from asl_authority.values.canonical import canonical_bytes, read_canonical
from asl_authority.values.ed25519 import PublicKey, SecretKey
from asl_authority.values.finding import Finding
from asl_authority.values.known_answers import (
    AGE_ANSWERS,
    CANONICAL_ANSWERS,
    ED25519_ANSWERS,
    SCRYPT_ANSWERS,
    SHA256_ANSWERS,
    SLIP39_ANSWERS,
    TREE_ENTRIES,
    TREE_EXTENDS,
    TREE_ROOTS,
    AgeAnswer,
    ScryptAnswer,
)
from asl_authority.values.merkle import Frontier, check_consistency, leaf_hashes
from asl_authority.values.slip39 import combine, read_share


class Ed25519(Protocol):
    """The three things that are asked of an Ed25519 implementation; keys and signatures are raw bytes."""

    def public(self, secret: bytes) -> bytes: ...

    def sign(self, secret: bytes, message: bytes) -> bytes: ...

    def verifies(self, public: bytes, message: bytes, signature: bytes) -> bool: ...


def run_self_test() -> Iterator[Finding]:
    """All checks on this machine, one finding each, as they end."""
    yield check_sha256(lambda message: hashlib.sha256(message).digest())
    yield answered("SELFTEST-ED25519", lambda: check_ed25519(_InstalledEd25519()))
    yield check_scrypt(_scrypt)
    yield answered("SELFTEST-SLIP39", lambda: check_slip39(_combined))
    yield answered("SELFTEST-JSON", lambda: check_json(canonical_bytes, read_canonical))
    yield check_tree(_root, _extends)
    yield answered("SELFTEST-AGE", lambda: check_age(_opened))
    yield check_random(lambda size: os.getrandom(size, os.GRND_NONBLOCK))


def answered(check_id: str, check: Callable[[], Finding]) -> Finding:
    """What a check finds; that it can't be done, or that a good answer is refused, is a failure too."""
    try:
        return check()
    except ImportError as error:
        return Finding(check_id, ok=False, detail=f"a package can't be loaded: {error}")
    except AuthorityError as error:
        return Finding(check_id, ok=False, detail=f"a known answer is refused: {error}")


def check_sha256(sha256: Callable[[bytes], bytes]) -> Finding:
    """SELFTEST-SHA256: the digests are those of FIPS 180-4."""
    wrong = [name for name, message, digest in SHA256_ANSWERS if sha256(message) != bytes.fromhex(digest)]
    return _finding("SELFTEST-SHA256", f"{len(SHA256_ANSWERS)} known answers of FIPS 180-4", wrong)


def check_ed25519(ed25519: Ed25519) -> Finding:
    """SELFTEST-ED25519: keys, signatures and verification are those of RFC 8032, and a flipped bit is refused."""
    wrong = []
    for answer in ED25519_ANSWERS:
        secret, public, message, signature = (
            bytes.fromhex(text) for text in (answer.secret, answer.public, answer.message, answer.signature)
        )
        if ed25519.public(secret) != public:
            wrong.append(f"{answer.name}: public key")
        if ed25519.sign(secret, message) != signature:
            wrong.append(f"{answer.name}: signature")
        if not ed25519.verifies(public, message, signature):
            wrong.append(f"{answer.name}: a good signature is refused")
        if ed25519.verifies(public, message, _flip_first_bit(signature)):
            wrong.append(f"{answer.name}: a flipped bit in the signature is accepted")
        if ed25519.verifies(public, _flip_first_bit(message or b"\0"), signature):
            wrong.append(f"{answer.name}: a changed message is accepted")
    return _finding("SELFTEST-ED25519", f"{len(ED25519_ANSWERS)} known answers of RFC 8032", wrong)


def check_scrypt(scrypt: Callable[[ScryptAnswer], bytes]) -> Finding:
    """SELFTEST-SCRYPT: the derived keys are those of RFC 7914."""
    wrong = [f"N={answer.n}" for answer in SCRYPT_ANSWERS if scrypt(answer) != bytes.fromhex(answer.key)]
    return _finding("SELFTEST-SCRYPT", f"{len(SCRYPT_ANSWERS)} known answers of RFC 7914", wrong)


def check_slip39(combined: Callable[[Sequence[str], bytes], bytes]) -> Finding:
    """SELFTEST-SLIP39: shares give the secrets printed beside SLIP-0039, and a misread one is refused."""
    wrong = []
    for answer in SLIP39_ANSWERS:
        first, *others = answer.shares
        if combined(answer.shares, answer.passphrase) != bytes.fromhex(answer.secret):
            wrong.append(f"{answer.name}: another secret")
        *most, last = first.split()
        with suppress(Malformed):
            combined([" ".join([last, *most]), *others], answer.passphrase)
            wrong.append(f"{answer.name}: a misread share is accepted")
    return _finding("SELFTEST-SLIP39", f"{len(SLIP39_ANSWERS)} known answers of SLIP-0039", wrong)


def check_json(write: Callable[[Mapping[str, Any]], bytes], read: Callable[[bytes], Mapping[str, Any]]) -> Finding:
    """SELFTEST-JSON: objects are written as RFC 8785 prints them, read again, and refused in another form."""
    wrong = []
    for name, value, text in CANONICAL_ANSWERS:
        if write(value) != text:
            wrong.append(f"{name}: another text")
        if read(text) != value:
            wrong.append(f"{name}: read as something else")
        with suppress(Malformed):
            read(text.replace(b":", b": ", 1))
            wrong.append(f"{name}: another form is accepted")
    return _finding("SELFTEST-JSON", f"{len(CANONICAL_ANSWERS)} known answer of RFC 8785", wrong)


def check_tree(
    root: Callable[[Sequence[bytes]], bytes], extends: Callable[[int, bytes, int, bytes, Sequence[bytes]], bool]
) -> Finding:
    """SELFTEST-TREE: roots are those of Certificate Transparency's trees, and a proof holds for its trees only."""
    wrong = [
        f"the root of {size} entries"
        for size, known in enumerate(TREE_ROOTS)
        if root(TREE_ENTRIES[:size]) != bytes.fromhex(known)
    ]
    old, size, proof = TREE_EXTENDS[0], len(TREE_ENTRIES), tuple(bytes.fromhex(each) for each in TREE_EXTENDS[1])
    before, now = bytes.fromhex(TREE_ROOTS[old]), bytes.fromhex(TREE_ROOTS[size])
    if not extends(old, before, size, now, proof):
        wrong.append("a good proof is refused")
    if extends(old, bytes.fromhex(TREE_ROOTS[old - 1]), size, now, proof):
        wrong.append("a proof of another tree is accepted")
    return _finding("SELFTEST-TREE", f"{len(TREE_ROOTS)} known roots of RFC 9162's tree, and a proof", wrong)


def check_age(opened: Callable[[AgeAnswer], bytes]) -> Finding:
    """SELFTEST-AGE: a published file opens, and does not with another passphrase or a flipped bit."""
    wrong = []
    for answer in AGE_ANSWERS:
        if hashlib.sha256(opened(answer)).hexdigest() != answer.content_sha256:
            wrong.append(f"{answer.name}: another content")
        changed = answer.file[:-1] + _flip_first_bit(answer.file[-1:])
        for what, other in (
            ("another passphrase", replace(answer, passphrase=f"{answer.passphrase}s")),
            ("a flipped bit", replace(answer, file=changed)),
        ):
            with suppress(Malformed, UnlockFailed):
                opened(other)
                wrong.append(f"{answer.name}: {what} is accepted")
    return _finding("SELFTEST-AGE", f"{len(AGE_ANSWERS)} known file of age v1", wrong)


def check_random(draw: Callable[[int], bytes]) -> Finding:
    """SELFTEST-RANDOM: the kernel's pool is initialised, and two draws differ.

    This says nothing about the quality of the sources; it finds a pool that is not ready and one that is stuck.
    """
    try:
        first, second = draw(32), draw(32)
    except BlockingIOError:
        return Finding("SELFTEST-RANDOM", ok=False, detail="the kernel's random pool is not initialised yet")
    except OSError as error:
        return Finding("SELFTEST-RANDOM", ok=False, detail=f"the kernel gives no random bytes: {error.strerror}")
    wrong = [] if len(first) == len(second) == 32 and first != second else ["two draws are alike or too short"]
    return _finding("SELFTEST-RANDOM", "the kernel's random pool is initialised", wrong)


class _InstalledEd25519:
    """The first implementation, by raw bytes."""

    def public(self, secret: bytes) -> bytes:
        return SecretKey(secret).public.raw

    def sign(self, secret: bytes, message: bytes) -> bytes:
        return SecretKey(secret).sign(message)

    def verifies(self, public: bytes, message: bytes, signature: bytes) -> bool:
        return PublicKey(public).verifies(message, signature)


def _scrypt(answer: ScryptAnswer) -> bytes:
    return hashlib.scrypt(answer.password, salt=answer.salt, n=answer.n, r=answer.r, p=answer.p, dklen=64)


def _combined(shares: Sequence[str], passphrase: bytes) -> bytes:
    return combine([read_share(each) for each in shares], passphrase)


def _root(entries: Sequence[bytes]) -> bytes:
    tree = Frontier()
    tree.extend(leaf_hashes(list(entries)))
    return tree.root()


def _extends(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    return check_consistency(old, old_root, size, root, proof).ok


def _opened(answer: AgeAnswer) -> bytes:
    from asl_authority.values.age import unseal

    return unseal(answer.file, answer.passphrase, answer.work)


def _flip_first_bit(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


def _finding(check_id: str, held: str, wrong: list[str]) -> Finding:
    return Finding(check_id, ok=not wrong, detail="wrong: " + "; ".join(wrong) if wrong else held)
