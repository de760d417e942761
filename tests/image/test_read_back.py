"""What the tools of others have written, the ISO and the FAT image in it, is read back by our own readers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from asl_image.errors import CheckFailed
from asl_image.fat import read_fat
from asl_image.medium import opened
from asl_image.partitions import read_partitions
from asl_image.startup import LOADER, without_boot_info
from asl_image.steps.boot_tree import check_efi_image
from asl_image.steps.iso import ELTORITO, read_back
from support.iso import Iso

pytestmark = pytest.mark.image


@pytest.fixture(scope="module")
def work(iso: Iso, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder as it was when the image had just been written; tests leave it as they found it."""
    at = tmp_path_factory.mktemp("work")
    with opened(iso.path) as medium:
        for name, extent in medium.files.items():
            (at / "iso" / name).parent.mkdir(parents=True, exist_ok=True)
            data = medium.bytes_of(extent)
            (at / "iso" / name).write_bytes(without_boot_info(bytes(data)) if name == ELTORITO else data)
            del data
        (image,) = (medium.bytes_of(each.extent) for each in read_partitions(medium.data).entries if each.is_efi)
        (at / "efi.img").write_bytes(image)
        (at / "bootx64.efi").write_bytes(read_fat(image)[0].data)
        del image
    (at / "image.iso").symlink_to(iso.path)
    return at


def test_a_whole_image_reads_back_as_it_was_written(work: Path) -> None:
    assert read_back(work) == []
    check_efi_image(work)


def flipped(path: Path) -> Callable[[], None]:
    """Change one byte in the midst of a file; what is returned undoes it."""
    before = path.read_bytes()
    after = bytearray(before)
    after[len(after) // 2] ^= 1
    path.write_bytes(after)
    return lambda: (path.write_bytes(before), None)[1]


def moved(path: Path, to: Path) -> Callable[[], None]:
    path.rename(to)
    return lambda: (to.rename(path), None)[1]


def made(path: Path) -> Callable[[], None]:
    path.mkdir()
    return path.rmdir


TROUBLE: dict[str, tuple[Callable[[Path], Callable[[], None]], list[str]]] = {
    "a file with other bytes": (lambda work: flipped(work / "iso/asl/vmlinuz"), ["/asl/vmlinuz: other bytes"]),
    "a boot image with other bytes": (lambda work: flipped(work / "iso" / ELTORITO), [f"/{ELTORITO}: other bytes"]),
    "a file of another name": (
        lambda work: moved(work / "iso/asl/initrd", work / "iso/asl/initrd.new"),
        ["/asl/initrd.new: was not written", "/asl/initrd: nobody asked for it"],
    ),
    "a folder that is missing": (lambda work: made(work / "iso/more"), ["/more: not this folder"]),
    "another EFI image": (lambda work: flipped(work / "efi.img"), ["the EFI image: other bytes"]),
}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_what_was_written_otherwise_is_named(work: Path, trouble: str) -> None:
    begin, said = TROUBLE[trouble]
    undo = begin(work)
    try:
        assert read_back(work) == said
    finally:
        undo()


def test_an_efi_image_with_another_program_is_refused(work: Path) -> None:
    undo = flipped(work / "bootx64.efi")
    try:
        with pytest.raises(CheckFailed, match="does not read back") as caught:
            check_efi_image(work)
        assert caught.value.details[0].startswith(LOADER)
    finally:
        undo()
