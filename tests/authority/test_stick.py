"""Heads on a stick: what was kept is found again, and what somebody else has put there is not taken for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from asl_authority.errors import IoFailed, Malformed
from asl_authority.storage.disk import HostDisk
from asl_authority.storage.stick import Stick
from asl_authority.values.checkpoint import Checkpoint
from asl_authority.values.signed_note import MOST_BYTES, NoteSigner
from support.domains import secret
from support.memory_disk import MemoryDisk

ORIGIN = "asl/me.example"
LOG = NoteSigner(ORIGIN, secret("log"))
PATH = "heads/asl_me.example.checkpoint"


def note(size: int, origin: str = ORIGIN) -> bytes:
    return Checkpoint(origin, size, bytes([size]) * 32).signed(NoteSigner(origin, LOG.signer)).to_bytes()


@pytest.fixture
def stick(tmp_path: Path) -> Stick:
    return Stick(HostDisk(), tmp_path)


def size_on(stick: Stick, origin: str = ORIGIN) -> int | None:
    kept = stick.load(origin)
    return kept.size if kept else None


def test_the_last_head_is_kept_and_the_one_before_it_beside_it(stick: Stick) -> None:
    assert stick.load(ORIGIN) is None
    for size in (3, 5, 5, 9):
        stick.keep(ORIGIN, note(size))

    assert (stick.root / PATH).read_bytes() == note(9)
    assert (stick.root / PATH).with_suffix(".previous").read_bytes() == note(5)
    assert size_on(stick) == 9
    assert sorted(path.name for path in (stick.root / "heads").iterdir()) == [
        "asl_me.example.checkpoint",
        "asl_me.example.previous",
    ]


def test_every_log_has_a_file_of_its_own_and_a_rehearsals_is_never_a_real_one(stick: Stick) -> None:
    origins = ("asl/host", "asl/me.example", "asl-rehearsal/host", "asl/me_x", "asl/me.x")
    for size, origin in enumerate(origins, 1):
        stick.keep(origin, note(size, origin))

    assert [size_on(stick, origin) for origin in origins] == [1, 2, 3, 4, 5]
    assert len({str(stick.path(origin)).casefold() for origin in origins}) == len(origins)


def test_a_head_of_a_rehearsal_under_a_real_name_is_refused(stick: Stick) -> None:
    stick.keep(ORIGIN, note(3, "asl-rehearsal/me.example"))
    with pytest.raises(Malformed) as refusal:
        stick.load(ORIGIN)

    assert refusal.value.check_id == "CHECKPOINT-ORIGIN"
    assert "--head" in (refusal.value.hint or "")


def test_a_head_that_is_given_up_has_a_name_of_its_own_and_is_no_longer_the_last(stick: Stick) -> None:
    stick.keep(ORIGIN, note(9))
    lost = stick.load(ORIGIN)
    assert lost is not None
    aside = stick.set_aside(ORIGIN, lost)
    stick.keep(ORIGIN, note(4))

    assert aside.name == "asl_me.example.lost-9-0909090909090909"
    assert aside.read_bytes() == note(9)
    assert size_on(stick) == 4


def test_where_the_last_head_is_gone_the_one_before_it_counts(stick: Stick) -> None:
    stick.keep(ORIGIN, note(3))
    stick.keep(ORIGIN, note(5))
    (stick.root / PATH).unlink()

    assert size_on(stick) == 3


@pytest.mark.parametrize("data", [b"", b"x" * 20, note(3)[:-5]], ids=["empty", "other", "torn"])
def test_what_is_no_checkpoint_is_refused_by_its_name(stick: Stick, data: bytes) -> None:
    stick.keep(ORIGIN, note(3))
    (stick.root / PATH).write_bytes(data)
    with pytest.raises(Malformed, match=r"asl_me\.example\.checkpoint"):
        stick.load(ORIGIN)


def test_a_file_without_end_is_not_read(stick: Stick) -> None:
    stick.keep(ORIGIN, note(3))
    (stick.root / PATH).write_bytes(bytes(MOST_BYTES + 1))
    with pytest.raises(Malformed, match="longer than") as found:
        stick.load(ORIGIN)
    assert found.value.check_id == "PATH-SIZE"


def test_no_link_on_a_stick_is_followed(stick: Stick, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "x").write_bytes(note(3))
    (stick.root / "heads").mkdir()
    (stick.root / PATH).symlink_to(elsewhere / "x")
    with pytest.raises(IoFailed, match=r"asl_me\.example\.checkpoint"):
        stick.load(ORIGIN)
    (stick.root / PATH).unlink()
    (stick.root / "heads").rmdir()
    (stick.root / "heads").symlink_to(elsewhere)
    with pytest.raises(IoFailed, match="not a directory"):
        stick.load(ORIGIN)
    with pytest.raises(IoFailed, match="not a directory"):
        stick.keep(ORIGIN, note(4))

    assert [path.name for path in elsewhere.iterdir()] == ["x"]


def test_a_stick_that_is_not_in_is_named(tmp_path: Path) -> None:
    gone = Stick(HostDisk(), tmp_path / "gone")
    with pytest.raises(IoFailed, match="there is no stick here"):
        gone.load(ORIGIN)
    with pytest.raises(IoFailed, match="there is no stick here"):
        gone.keep(ORIGIN, note(3))


def test_a_stick_that_can_not_be_written_is_known_before_anything_is_done(tmp_path: Path) -> None:
    class Protected(HostDisk):
        def is_read_only(self, _: Path) -> bool:
            return True

    Stick(HostDisk(), tmp_path).expect_writable()
    for stick, told in (
        (Stick(Protected(), tmp_path), "nothing can be written"),
        (Stick(HostDisk(), Path("/gone")), "no stick"),
    ):
        with pytest.raises(IoFailed, match=told) as refused:
            stick.expect_writable()
        assert refused.value.check_id == "STICK"


class Liar(MemoryDisk):
    """Says that it has written, and has written something else."""

    def write_at(self, file: int, data: memoryview, offset: int) -> int:
        return super().write_at(file, memoryview(bytes(len(data))), offset)


def test_what_reads_back_otherwise_is_not_kept() -> None:
    disk = Liar()
    disk.make_directory(Path("/stick"))
    with pytest.raises(IoFailed, match="reads back otherwise"):
        Stick(disk, Path("/stick")).keep(ORIGIN, note(3))
