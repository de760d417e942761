"""A damaged medium is found out: by the check in the menu, and by a boot as soon as it reads what is damaged."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from asl_image.machine import Machine
from asl_image.qemu import Drive, Firmware, MachineConfig
from support.boots import at_prompt
from support.iso import Flip, Iso

pytestmark = [pytest.mark.image, pytest.mark.boot]

LAYERS = ("base", "tools", "overlay")
LONG = pytest.mark.long
# SHA-256 of the whole medium takes 10 s on a quiet machine under emulation.
CHECK_S = 240.0
STOP_S = 120.0
GRUB_SAYS = "asl-seal: THIS MEDIUM IS DAMAGED"


@contextmanager
def started(medium: Path, logs: Path, key: str, firmware: Firmware = "bios") -> Iterator[Machine]:
    """A machine in which this entry of the boot menu was chosen."""
    with Machine(MachineConfig(medium=Drive(medium, "cdrom"), firmware=firmware), logs) as machine:
        machine.start()
        machine.choose(key)
        yield machine


def verdicts(machine: Machine) -> dict[str, str]:
    """What the check says of each file, once it is through."""
    machine.wait_for(r"asl-seal: press Enter", CHECK_S)
    return dict(re.findall(r"asl-seal: (\S+): (good|DAMAGED|MISSING)\n", machine.transcript.text))


def in_the_middle(iso: Iso, name: str) -> Flip:
    return Flip(name, iso.files[name].size // 2)


def in_every_file(iso: Iso, place: str) -> list[Flip]:
    """One flip in the data, or in the padding, of each layer's squashfs and of each hash tree."""
    flips = []
    for layer in iso.layers():
        squashfs, tree = f"asl/{layer}.squashfs", f"asl/{layer}.verity"
        if place == "padding":  # what the squashfs and the last hashes do not fill
            assert len(iso.padding(layer)) > 0
            assert iso.read(tree, iso.files[tree].size - 1) == b"\0"
            flips += [Flip(squashfs, iso.padding(layer)[0]), Flip(tree, -1)]
        else:
            flips += [in_the_middle(iso, squashfs), Flip(tree, 0)]
    return flips


def test_the_check_finds_an_intact_medium_good_and_then_switches_the_machine_off(iso: Iso, tmp_path: Path) -> None:
    with started(iso.path, tmp_path, "m") as machine:
        found = verdicts(machine)
        assert "asl-seal: this medium is good: 8 files" in machine.transcript.text
        assert found == {
            name.removeprefix("asl/"): "good" for name in iso.files if name.startswith("asl/") and "SUMS" not in name
        }

        time.sleep(1)  # what was typed before the question is no answer
        machine.type("\n")

        machine.wait_for_end(30)


@pytest.mark.parametrize("place", ["padding", pytest.param("data", marks=LONG)])
def test_the_check_names_every_layer_and_every_hash_tree_with_a_flipped_byte(
    iso: Iso, tmp_path: Path, spare: Path, place: str
) -> None:
    with started(iso.flipped(in_every_file(iso, place), spare), tmp_path, "m") as machine:
        found = verdicts(machine)

        assert {name for name, verdict in found.items() if verdict == "DAMAGED"} == {
            f"{layer}.{kind}" for layer in LAYERS for kind in ("squashfs", "verity")
        }
        assert found["vmlinuz"] == found["initrd"] == "good"
        assert "asl-seal: THIS MEDIUM IS DAMAGED: 6 of 8 files" in machine.transcript.text
        assert "is good" not in machine.transcript.text


@pytest.mark.parametrize(
    ("name", "firmware"),
    [
        ("vmlinuz", "bios"),
        pytest.param("initrd", "bios", marks=LONG),
        pytest.param("vmlinuz", "uefi", marks=LONG),
        ("initrd", "uefi"),
    ],
)
def test_the_check_finds_a_flipped_byte_in_kernel_and_initramfs_before_either_is_started(
    iso: Iso, tmp_path: Path, spare: Path, name: str, firmware: Firmware
) -> None:
    damaged = iso.flipped([in_the_middle(iso, f"asl/{name}")], spare)
    with started(damaged, tmp_path, "m", firmware) as machine:
        machine.wait_for(GRUB_SAYS, CHECK_S)

        assert re.search(rf"^(/asl/|.*/)?{name}: HASH MISMATCH", machine.transcript.text, re.MULTILINE)
        assert "asl-seal: start" not in machine.transcript.text
        assert "Linux version" not in machine.transcript.text


@LONG
def test_the_check_finds_a_list_that_is_not_the_images_own(iso: Iso, tmp_path: Path, spare: Path) -> None:
    with started(iso.flipped([Flip("asl/SHA256SUMS", 0)], spare), tmp_path, "m") as machine:
        machine.wait_for("asl-seal: THIS MEDIUM IS DAMAGED", CHECK_S)


@pytest.mark.parametrize("layer", ["base", pytest.param("tools", marks=LONG), pytest.param("overlay", marks=LONG)])
def test_a_layer_with_a_damaged_beginning_is_named_and_nothing_is_started(
    iso: Iso, tmp_path: Path, spare: Path, layer: str
) -> None:
    damaged = iso.flipped([Flip(f"asl/{layer}.squashfs", 40)], spare)
    with started(damaged, tmp_path, "s") as machine:
        machine.wait_for(rf"asl-seal: STOP: layer {layer}: block 0 of its data does not match the seal\n", STOP_S)

        assert "starting systemd" not in machine.transcript.text


@LONG
@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_with_a_damaged_hash_tree_is_named(iso: Iso, tmp_path: Path, spare: Path, layer: str) -> None:
    """The first block of a hash file is the root of the tree: nothing of the layer can be read without it."""
    with started(iso.flipped([Flip(f"asl/{layer}.verity", 0)], spare), tmp_path, "s") as machine:
        machine.wait_for(
            rf"asl-seal: STOP: layer {layer}: block \d+ of its hash tree does not match the seal\n", STOP_S
        )


# The more blocks are damaged, the sooner a boot meets one: at systemd's first page, or when half of it runs.
@pytest.mark.parametrize(
    ("layer", "every"), [("base", 4), pytest.param("base", 256, marks=LONG), pytest.param("base", 1024, marks=LONG)]
)
def test_a_boot_that_reads_a_damaged_block_of_a_file_stops_with_the_layers_name(
    iso: Iso, tmp_path: Path, spare: Path, layer: str, every: int
) -> None:
    inodes, _, _ = iso.squashfs_tables(layer)
    name = f"asl/{layer}.squashfs"
    flips = [Flip(name, block * 4096 + 7) for block in range(8, inodes // 4096 - 1, every)]
    with started(iso.flipped(flips, spare), tmp_path, "s") as machine:
        machine.wait_for("asl-seal: root: starting systemd", STOP_S)
        machine.wait_for(rf"asl-seal: STOP: layer {layer}: block \d+ of its data does not match the seal\n", STOP_S)
        machine.wait_for("asl-seal: Switch the machine off", 10)

        said = machine.transcript.text
        assert not re.search(r"^operator@", said[said.index("asl-seal: STOP") :], re.MULTILINE)


@LONG
@pytest.mark.parametrize("layer", ["tools", "overlay"])
def test_a_layer_with_damaged_names_of_files_is_named(iso: Iso, tmp_path: Path, spare: Path, layer: str) -> None:
    """Whoever looks a file up reads the inode table and the directory table."""
    inodes, _, _ = iso.squashfs_tables(layer)
    with started(iso.flipped([Flip(f"asl/{layer}.squashfs", inodes + 16)], spare), tmp_path, "s") as machine:
        machine.wait_for(rf"asl-seal: STOP: layer {layer}: block \d+ of its data does not match the seal\n", STOP_S)


@LONG
def test_a_damaged_block_that_is_read_long_after_the_start_stops_the_machine_too(
    iso: Iso, tmp_path: Path, spare: Path
) -> None:
    blocks = iso.squashfs_tables("tools")[0] // 4096
    # Not at the ends: whoever looks for file systems reads there.
    flips = [Flip("asl/tools.squashfs", block * 4096 + 7) for block in range(blocks * 2 // 5, blocks * 3 // 5)]
    with at_prompt(MachineConfig(medium=Drive(iso.flipped(flips, spare), "cdrom")), tmp_path) as machine:
        machine.type("sops --version\n")

        machine.wait_for(r"asl-seal: STOP: layer tools: block \d+ of its data does not match the seal\n", STOP_S)


@LONG
def test_a_damaged_copy_in_memory_is_never_started(iso: Iso, tmp_path: Path, spare: Path) -> None:
    """With enough memory every block is read before the start, so that no damage can turn up later."""
    damaged = iso.flipped([in_the_middle(iso, "asl/tools.squashfs")], spare)
    with Machine(MachineConfig(medium=Drive(damaged, "cdrom"), memory_mib=2400), tmp_path) as machine:
        machine.start()
        machine.choose("s")
        machine.wait_for(r"asl-seal: STOP: layer tools: block \d+ of its data does not match the seal\n", STOP_S)

        assert "starting systemd" not in machine.transcript.text
