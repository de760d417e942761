"""What is read from a module folder, and the one judgement that keeps a network out."""

from __future__ import annotations

import lzma
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest

from asl_image.kernel import ModuleFolder, module_name, undefined_symbols


def relocatable(undefined: Sequence[str], defined: Sequence[str] = ()) -> bytes:
    """A smallest ELF64 object: a null section, a symbol table, its strings."""
    strings, symbols = b"\0", bytes(24)
    for names, home in ((undefined, 0), (defined, 1)):
        for name in names:
            symbols += struct.pack("<IBBHQQ", len(strings), 0x10, 0, home, 0, 0)
            strings += name.encode() + b"\0"
    symbols_at, strings_at = 64, 64 + len(symbols)
    sections_at = strings_at + len(strings)
    sections = [
        bytes(64),
        struct.pack("<IIQQQQIIQQ", 0, 2, 0, 0, symbols_at, len(symbols), 2, 1, 8, 24),
        struct.pack("<IIQQQQIIQQ", 0, 3, 0, 0, strings_at, len(strings), 0, 0, 1, 0),
    ]
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 1, 62, 1, 0, 0, sections_at, 0, 64, 0, 0, 64, 3, 2)
    return head + symbols + strings + b"".join(sections)


@pytest.fixture
def folder(tmp_path: Path) -> ModuleFolder:
    at = tmp_path / "usr/lib/modules/6.12"
    (at / "kernel/drivers/ata").mkdir(parents=True)
    (at / "modules.dep").write_text(
        "kernel/drivers/ata/libata.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz kernel/drivers/scsi/scsi_common.ko.xz\n"
        "kernel/drivers/ata/ahci.ko.xz: kernel/drivers/ata/libahci.ko.xz kernel/drivers/ata/libata.ko.xz "
        "kernel/drivers/scsi/scsi_mod.ko.xz kernel/drivers/scsi/scsi_common.ko.xz\n"
        "kernel/drivers/ata/libahci.ko.xz: kernel/drivers/ata/libata.ko.xz\n"
        "kernel/drivers/md/dm-mod.ko.xz:\n"
        "kernel/drivers/scsi/scsi_mod.ko.xz: kernel/drivers/scsi/scsi_common.ko.xz\n"
        "kernel/drivers/scsi/scsi_common.ko.xz:\n"
    )
    (at / "modules.builtin").write_text("kernel/drivers/input/serio/i8042.ko\n")
    (at / "modules.alias").write_text(
        "# comment\nalias pci:v1 ahci\nalias pci:v2 ahci\nalias dm:* dm_mod\nshort line\n"
    )
    return ModuleFolder.read(tmp_path)


def names(paths: Sequence[str]) -> list[str]:
    return [module_name(path) for path in paths]


def test_a_folder_is_read_whole(folder: ModuleFolder) -> None:
    assert folder.version == "6.12"
    assert len(folder.dependencies) == 6
    assert folder.dependencies["kernel/drivers/md/dm-mod.ko.xz"] == ()


def test_a_module_is_loaded_after_all_that_it_needs_the_farthest_first(folder: ModuleFolder) -> None:
    order = names(folder.load_order(["kernel/drivers/ata/ahci.ko.xz", "kernel/drivers/md/dm-mod.ko.xz"]))

    assert order == ["scsi_common", "scsi_mod", "libata", "libahci", "ahci", "dm_mod"]


def test_folders_and_names_select_and_dashes_are_underscores(folder: ModuleFolder) -> None:
    chosen, idle = folder.select(["drivers/ata/", "dm_mod", "i8042"])

    assert sorted(names(sorted(chosen))) == ["ahci", "dm_mod", "libahci", "libata"]
    assert idle == set()


@pytest.mark.parametrize("word", ["drivers/att/", "ahcii", "drivers/at"])
def test_a_word_that_selects_nothing_is_given_back(folder: ModuleFolder, word: str) -> None:
    assert folder.select([word]) == (set(), {word})


def test_aliases_are_kept_by_the_module_that_serves_them(folder: ModuleFolder) -> None:
    assert folder.aliases() == {"ahci": ["pci:v1", "pci:v2"], "dm_mod": ["dm:*"]}


def test_two_kernels_in_a_root_are_an_error(tmp_path: Path) -> None:
    for version in ("1", "2"):
        (tmp_path / "usr/lib/modules" / version).mkdir(parents=True)
        (tmp_path / "usr/lib/modules" / version / "modules.dep").write_text("")

    with pytest.raises(ValueError, match="one kernel is expected in the root tree, 2 are there"):
        ModuleFolder.read(tmp_path)


@pytest.mark.parametrize(
    ("undefined", "defined", "makes_one"),
    [
        (["printk", "register_netdev"], [], True),
        (["alloc_netdev_mqs"], [], True),
        (["printk"], ["register_netdev"], False),  # its own function of that name
        (["register_netdevice_notifier"], [], False),  # listens only
    ],
)
def test_a_module_is_judged_by_the_symbols_that_it_wants(
    folder: ModuleFolder, undefined: list[str], defined: list[str], makes_one: bool
) -> None:
    path = "kernel/drivers/ata/ahci.ko.xz"
    (folder.at / path).write_bytes(lzma.compress(relocatable(undefined, defined), preset=0))

    assert folder.makes_net_device(path) is makes_one


@pytest.mark.parametrize("data", [b"", b"\x7fELF\x01\x01", b"not a module"])
def test_what_is_no_module_is_refused_and_not_taken_for_harmless(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a 64-bit little-endian ELF file"):
        undefined_symbols(data)
