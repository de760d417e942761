"""Passphrase files: the published vectors, the real age both ways, and everything that must not open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from asl_authority.errors import AuthorityError, Malformed, Refused, UnlockFailed
from asl_authority.values import age

RealAge = Callable[[list[str], str, int], bytes]
VECTORS = sorted((Path(__file__).parent / "vectors/cctv-age").iterdir())
RANDOM = bytes(range(age.RANDOM_BYTES))
PASSPHRASE = "correct horse battery staple"
QUICK = 10
SEALED = age.seal(b"content", PASSPHRASE, QUICK, RANDOM)


def parts(path: Path) -> tuple[dict[str, str], bytes]:
    """The head of a vector and its file."""
    head, _, body = path.read_bytes().partition(b"\n\n")
    return dict(line.split(": ", 1) for line in head.decode().splitlines()), body


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.name)
def test_the_published_vectors_open_or_are_refused_as_they_say(path: Path) -> None:
    said, body = parts(path)
    passphrase = said.get("passphrase", "password")
    if said["expect"] == "success" and "armored" not in said:
        assert age.unseal(body, passphrase, 1) is not None
        return
    with pytest.raises(AuthorityError) as refusal:
        age.unseal(body, passphrase, 1)
    wrong_passphrase = said["expect"] == "no match" and b"\n-> scrypt " in body
    assert isinstance(refusal.value, UnlockFailed if wrong_passphrase else Malformed | UnlockFailed)


def test_what_is_sealed_opens_with_its_passphrase_only() -> None:
    assert age.unseal(SEALED, PASSPHRASE, QUICK) == b"content"
    with pytest.raises(UnlockFailed):
        age.unseal(SEALED, PASSPHRASE + "r", QUICK)


def test_the_same_randomness_gives_the_same_bytes_and_other_randomness_others() -> None:
    assert age.seal(b"content", PASSPHRASE, QUICK, RANDOM) == SEALED
    assert age.seal(b"content", PASSPHRASE, QUICK, RANDOM[::-1]) != SEALED


@pytest.mark.parametrize("at", range(0, len(SEALED), 7))
def test_every_changed_byte_is_noticed(at: int) -> None:
    changed = bytearray(SEALED)
    changed[at] ^= 1
    with pytest.raises((Malformed, UnlockFailed)):
        age.unseal(bytes(changed), PASSPHRASE, 1)


BAD = [
    ("AGE-SIZE", SEALED + bytes(age.MOST_BYTES)),
    ("AGE-HEADER", b""),
    ("AGE-HEADER", SEALED.replace(b"/v1", b"/v2")),
    ("AGE-HEADER", SEALED.replace(b"\n", b"\r\n")),
    ("AGE-HEADER", SEALED.replace(b" 10\n", b" 010\n")),
    ("AGE-RECIPIENT", SEALED.replace(b"-> scrypt", b"-> X25519")),
    ("AGE-RECIPIENT", SEALED.replace(b"\n--- ", b"\n-> grease x\n\n--- ")),
    ("AGE-WORK-FACTOR", SEALED.replace(b" 10\n", b" 9\n")),
    ("AGE-WORK-FACTOR", SEALED.replace(b" 10\n", b" 23\n")),
    ("AGE-WORK-FACTOR", SEALED.replace(b" 10\n", b" 1000\n")),
    ("AGE-PAYLOAD", SEALED + b"\n"),
    ("AGE-PAYLOAD", SEALED[:-1]),
    ("AGE-PAYLOAD", SEALED[: SEALED.index(b"\n--- ") + 60]),
]


@pytest.mark.parametrize(("check_id", "data"), BAD)
def test_a_file_of_another_form_is_refused_by_name(check_id: str, data: bytes) -> None:
    with pytest.raises(Malformed) as refusal:
        age.unseal(data, PASSPHRASE, QUICK)

    assert refusal.value.check_id == check_id


def test_a_header_with_another_mac_is_refused_by_name() -> None:
    start = SEALED.index(b"\n--- ") + 5
    other = age.seal(b"content", PASSPHRASE, QUICK, RANDOM[::-1])
    foreign = other[other.index(b"\n--- ") + 5 :][:43]
    with pytest.raises(Malformed) as refusal:
        age.unseal(SEALED[:start] + foreign + SEALED[start + 43 :], PASSPHRASE, QUICK)

    assert refusal.value.check_id == "AGE-MAC"


def test_too_little_memory_is_refused_and_the_cost_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def starve(*_: object) -> bytes:
        raise MemoryError

    monkeypatch.setattr(age, "scrypt", starve)
    with pytest.raises(Refused, match="2\\^20 needs 1024 MiB") as refused:
        age.seal(b"", PASSPHRASE, 20, RANDOM)

    assert refused.value.check_id == "SCRYPT-MEMORY"


def test_the_real_age_opens_what_we_sealed(tmp_path: Path, real_age: RealAge) -> None:
    (tmp_path / "sealed").write_bytes(SEALED)

    real_age(["-d", "-o", str(tmp_path / "plain"), str(tmp_path / "sealed")], PASSPHRASE, 1)

    assert (tmp_path / "plain").read_bytes() == b"content"


def test_we_open_what_the_real_age_sealed(tmp_path: Path, real_age: RealAge) -> None:
    (tmp_path / "plain").write_bytes(b"from age")

    real_age(["-p", "-o", str(tmp_path / "sealed"), str(tmp_path / "plain")], PASSPHRASE, 2)

    assert age.unseal((tmp_path / "sealed").read_bytes(), PASSPHRASE, 18) == b"from age"
