"""An ISO is read from its bytes alone; whatever can't be is named, and nothing else is ever raised."""

from __future__ import annotations

from pathlib import Path

import pytest

from asl_image.errors import CheckFailed
from asl_image.medium import Medium, opened, read_medium
from asl_image.verify import check_medium
from support.tiny_iso import CATALOGUE, FIRST, SECTOR, tiny_iso

FILES = {"a.txt": b"one", "asl/long-name.squashfs": b"x" * 5000, "asl/empty": b""}


def read(image: bytes | bytearray) -> Medium:
    return read_medium(Path("tiny.iso"), memoryview(bytes(image)))


def test_every_file_is_found_with_its_bytes() -> None:
    medium = read(tiny_iso(FILES))

    assert {name: bytes(medium.bytes_of(extent)) for name, extent in medium.files.items()} == FILES
    assert (medium.tree.label, medium.tree.folders) == ("TINY", frozenset({"asl"}))
    assert [(entry.platform, entry.loads) for entry in medium.boot] == [("bios", 2048)]


def test_an_image_that_is_cut_short_is_named() -> None:
    with pytest.raises(CheckFailed, match=r"cut short: /asl/long-name\.squashfs would end at byte"):
        read(tiny_iso(FILES)[:-SECTOR])


def test_an_image_that_is_padded_is_found_out() -> None:
    _, wrong = check_medium(read(tiny_iso(FILES) + bytes(SECTOR)))

    assert wrong == [f"the volume has {len(tiny_iso(FILES))} bytes, the file is {SECTOR} bytes too long"]
    assert check_medium(read(tiny_iso(FILES)))[1] == []


def test_a_folder_that_leads_back_into_itself_is_not_followed() -> None:
    image = tiny_iso({"asl/x": b""})
    at = image.index(b"\x02D0") + 1 - 31  # the place of the folder, in both byte orders
    image[at : at + 8] = FIRST.to_bytes(4, "little") + FIRST.to_bytes(4, "big")

    with pytest.raises(CheckFailed, match="leads back into itself"):
        read(image)


@pytest.mark.parametrize(
    ("at", "value", "said"),
    [
        (16 * SECTOR, 0, "no ISO 9660 image"),
        (16 * SECTOR + 80, 9, "one byte order"),
        (17 * SECTOR + 7, 0, "no boot record"),
        (18 * SECTOR, 7, "has no end"),
        (CATALOGUE * SECTOR + 5, 1, "checksum"),
        (CATALOGUE * SECTOR + 33, 2, "a kind that we never write"),
        (CATALOGUE * SECTOR + 99, 2, "behind its last entry"),
    ],
)
def test_what_is_not_as_we_write_it_is_named(at: int, value: int, said: str) -> None:
    image = tiny_iso(FILES)
    image[at] = value

    with pytest.raises(CheckFailed, match=said):
        read(image)


def test_no_flipped_byte_leads_to_anything_but_a_named_refusal() -> None:
    image = tiny_iso(FILES)
    refused = 0
    for at in range(16 * SECTOR, (FIRST + 2) * SECTOR):
        image[at] ^= 0xFF
        try:
            read(image)
        except CheckFailed:
            refused += 1
        image[at] ^= 0xFF

    assert refused > 200


def test_an_empty_file_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "empty.iso").touch()

    with pytest.raises(CheckFailed, match="empty"), opened(tmp_path / "empty.iso"):
        pass


def test_an_image_whose_reading_fails_is_closed_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "short.iso").write_bytes(tiny_iso(FILES)[:-SECTOR])

    with pytest.raises(CheckFailed, match="cut short"), opened(tmp_path / "short.iso"):
        pass
