"""age v1 files for one passphrase (C2SP age.md): written, and read strictly, without the age program.

    age-encryption.org/v1
    -> scrypt <salt> <log N>
    <the file key, wrapped>
    --- <HMAC of all above>
    <nonce> <one sealed chunk>

Only what we write is read: a single scrypt recipient, no armor, and a content of less than one chunk. Randomness is
handed in. What is read is also written again and compared, so a file has one form.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from dataclasses import dataclass

from asl_authority.errors import Malformed, Refused, UnlockFailed
from asl_authority.values.primitives import (
    TAG_BYTES,
    chacha20_poly1305_open,
    chacha20_poly1305_seal,
    hkdf_sha256,
    scrypt,
)
from asl_authority.values.rules import Rule

PAPER = "C2SP age v1"

RULES = (
    Rule("AGE-SIZE", PAPER, "C", "A file for a key is small: its content fits into one chunk."),
    Rule("AGE-HEADER", PAPER, "S", "The header is version 1, one recipient and a MAC, in the one form of each."),
    Rule("AGE-RECIPIENT", PAPER, "S", "There is one recipient and it is a passphrase: no other may stand beside it."),
    Rule("AGE-WORK-FACTOR", PAPER, "C", "The cost of scrypt is at least that of the kind of key, and at most 2^22."),
    Rule("AGE-MAC", PAPER, "S", "The header's MAC fits the file key."),
    Rule("AGE-PAYLOAD", PAPER, "S", "The content's tag fits, and nothing follows it."),
)

VERSION = b"age-encryption.org/v1"
LABEL = b"age-encryption.org/v1/scrypt"
SALT_BYTES = NONCE_BYTES = FILE_KEY_BYTES = 16
CHUNK = 64 * 1024
MOST_BYTES = CHUNK + 1024
MOST_WORK = 22  # 4 GiB; more is an attack on our memory
RANDOM_BYTES = SALT_BYTES + NONCE_BYTES + FILE_KEY_BYTES
LAST_CHUNK = bytes(11) + b"\1"

_HEADER = re.compile(
    rb"age-encryption\.org/v1\n"
    rb"-> scrypt (?P<salt>[A-Za-z0-9+/]{22}) (?P<work>[1-9][0-9]?)\n"
    rb"(?P<body>[A-Za-z0-9+/]{43})\n"
    rb"--- (?P<mac>[A-Za-z0-9+/]{43})\n"
)
_STANZA = re.compile(rb"^-> (.*)$", re.MULTILINE)
_COST = re.compile(rb"-> scrypt [A-Za-z0-9+/]{22} (?P<work>[1-9][0-9]*)\n")


@dataclass(frozen=True)
class Header:
    """The parts of a header that was read."""

    salt: bytes
    work: int
    body: bytes
    mac: bytes
    payload: bytes
    signed: bytes


def seal(plain: bytes, passphrase: str, work: int, random: bytes) -> bytes:
    """The file that only `passphrase` opens; `work` is log2 of scrypt's cost, `random` RANDOM_BYTES fresh bytes.

    Raises Refused when the machine has too little memory for this cost: it is never lowered.
    """
    if len(random) != RANDOM_BYTES or len(plain) >= CHUNK or not 1 <= work <= MOST_WORK:
        raise ValueError("48 random bytes, a content of less than 64 KiB and a cost of 1 to 22 are expected")
    salt, nonce, file_key = random[:16], random[16:32], random[32:]
    body = chacha20_poly1305_seal(wrap_key(passphrase, salt, work), bytes(12), file_key)
    signed = b"%s\n-> scrypt %s %d\n%s\n---" % (VERSION, _b64(salt), work, _b64(body))
    header = signed + b" " + _b64(header_mac(file_key, signed)) + b"\n"
    return header + nonce + chacha20_poly1305_seal(hkdf_sha256(file_key, nonce, b"payload"), LAST_CHUNK, plain)


def unseal(data: bytes, passphrase: str, least_work: int) -> bytes:
    """The content. Raises Malformed, Refused for too little memory, or UnlockFailed for another passphrase."""
    header = read_header(data, least_work)
    file_key = chacha20_poly1305_open(wrap_key(passphrase, header.salt, header.work), bytes(12), header.body)
    if file_key is None or len(file_key) != FILE_KEY_BYTES:
        raise UnlockFailed("this passphrase does not open it")
    if not hmac.compare_digest(header_mac(file_key, header.signed), header.mac):
        raise Malformed("the header was changed: its MAC does not fit", check_id="AGE-MAC")
    nonce, sealed = header.payload[:NONCE_BYTES], header.payload[NONCE_BYTES:]
    plain = chacha20_poly1305_open(hkdf_sha256(file_key, nonce, b"payload"), LAST_CHUNK, sealed)
    if plain is None:
        raise Malformed("the content was changed, cut or added to: its tag does not fit", check_id="AGE-PAYLOAD")
    return plain


def read_header(data: bytes, least_work: int) -> Header:
    """Header and payload, before any passphrase is tried. Raises Malformed."""
    if len(data) > MOST_BYTES:
        raise Malformed(f"{len(data)} bytes, at most {MOST_BYTES} are read", check_id="AGE-SIZE")
    match = _HEADER.match(data)
    if match is None:
        raise _trouble(data)
    work = int(match["work"])
    if not least_work <= work <= MOST_WORK:
        raise Malformed(_work_words(work, least_work), check_id="AGE-WORK-FACTOR")
    payload = data[match.end() :]
    if len(payload) < NONCE_BYTES + TAG_BYTES:
        raise Malformed("the content is cut off", check_id="AGE-PAYLOAD")
    signed = data[: match.start("mac") - 1]
    salt, body, mac = (_unb64(match[name]) for name in ("salt", "body", "mac"))
    return Header(salt, work, body, mac, payload, signed)


def _trouble(data: bytes) -> Malformed:
    """Why the header is none of ours."""
    head = data.partition(b"\n---")[0]
    recipients = [line.split(b" ")[0] for line in _STANZA.findall(head)]
    if data.startswith(VERSION + b"\n") and (len(recipients) != 1 or recipients != [b"scrypt"]):
        words = ", ".join(line.decode("ascii", "replace") for line in recipients) or "none"
        return Malformed(f"the recipients are not one passphrase: {words:.80}", check_id="AGE-RECIPIENT")
    cost = _COST.search(head + b"\n")
    if data.startswith(VERSION + b"\n") and cost and len(cost["work"]) > 2:
        return Malformed("scrypt's cost is beyond all measure", check_id="AGE-WORK-FACTOR")
    return Malformed("not an age file for a passphrase", check_id="AGE-HEADER")


def _work_words(work: int, least: int) -> str:
    if work < least:
        return f"scrypt's cost is 2^{work}: less than the 2^{least} that this key must have"
    return f"scrypt's cost is 2^{work}: more than the 2^{MOST_WORK} that is tried"


def wrap_key(passphrase: str, salt: bytes, work: int) -> bytes:
    """The key that wraps the file key. Raises Refused when there is too little memory."""
    try:
        return scrypt(passphrase.encode(), LABEL + salt, work)
    except MemoryError:
        need = (1 << work) >> 10
        raise Refused(
            f"scrypt at 2^{work} needs {need} MiB of memory, and the machine does not give it",
            hint="use a machine with more memory; the cost is never lowered",
            check_id="SCRYPT-MEMORY",
        ) from None


def header_mac(file_key: bytes, signed: bytes) -> bytes:
    """The MAC over a header up to and with its three dashes."""
    return hmac.digest(hkdf_sha256(file_key, b"", b"header"), signed, "sha256")


def _b64(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def _unb64(text: bytes) -> bytes:
    try:
        data = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        data = b""
    if _b64(data) != text:
        raise Malformed("base64 that is not in its one form", check_id="AGE-HEADER")
    return data
