"""Archives: GNU tar writes the same bytes, and Python's own reader finds the same files."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from asl_authority.errors import Malformed
from asl_authority.values.identifiers import FILE_NAME
from asl_authority.values.ustar import MOST_FILES, MOST_TIME, Archive, read_archive
from support.samples.ustar import ARCHIVE, FILES

NAMES = some.from_regex(FILE_NAME, fullmatch=True).filter(lambda name: len(name) <= 100)


def without_devices(data: bytes) -> bytes:
    """An archive without the device numbers that a file does not have: GNU tar 1.34 writes zeros, 1.35 nothing."""
    blocks = [bytearray(data[at : at + 512]) for at in range(0, len(data), 512)]
    for block in blocks:
        if block[257:262] == b"ustar":
            del block[329:345], block[148:156]
    return b"".join(blocks)


def test_gnu_tar_writes_the_same_bytes(tmp_path: Path) -> None:
    for name, data in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
        (tmp_path / name).chmod(0o644)
        os.utime(tmp_path / name, (0, ARCHIVE.mtime))
    argv = ["tar", "--create", "--format=ustar", "--owner=0", "--group=0", "--numeric-owner", "--blocking-factor=1"]

    done = subprocess.run([*argv, "--", *sorted(FILES)], cwd=tmp_path, capture_output=True, check=True)

    assert without_devices(done.stdout) == without_devices(ARCHIVE.to_bytes())


def test_pythons_own_reader_finds_the_same_files() -> None:
    with tarfile.open(fileobj=io.BytesIO(ARCHIVE.to_bytes()), mode="r:") as archive:
        found = {each.name: archive.extractfile(each).read() for each in archive}  # type: ignore[union-attr]

    assert found == FILES


@given(some.dictionaries(NAMES, some.binary(max_size=1100), max_size=5), some.integers(0, MOST_TIME))
def test_any_files_are_read_as_they_were_written(files: dict[str, bytes], mtime: int) -> None:
    archive = Archive(files, mtime if files else 0)

    assert read_archive(archive.to_bytes()) == archive


@pytest.mark.parametrize(("files", "mtime"), [({"../a": b""}, 0), ({"n" * 101: b""}, 0), ({"a": b""}, -1)])
def test_we_never_write_an_archive_that_we_would_not_read(files: dict[str, bytes], mtime: int) -> None:
    with pytest.raises(ValueError, match=r"in an archive"):
        Archive(files, mtime).to_bytes()


def test_an_archive_that_is_too_large_is_not_looked_at() -> None:
    with pytest.raises(Malformed) as refusal:
        read_archive(ARCHIVE.to_bytes(), limit=1024)
    assert refusal.value.check_id == "TAR-SIZE"


def test_an_archive_of_too_many_files_is_not_read_to_its_end() -> None:
    crowd = Archive({f"{number:05}": b"" for number in range(MOST_FILES + 1)}).to_bytes()

    with pytest.raises(Malformed, match="more than") as refusal:
        read_archive(crowd)
    assert refusal.value.check_id == "TAR-SIZE"
    assert len(read_archive(crowd[512:]).files) == MOST_FILES
