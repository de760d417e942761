"""The image starts from everything it is made to start from, and each time it is the same sealed machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from asl_image.machine import Machine
from asl_image.qemu import NEVER_READ_ONLY, Attachment, DirectKernel, Drive, Firmware, MachineConfig
from support.boots import EVERY_NIC, PROMPT, PROMPT_S, at_prompt, check_key_facts
from support.iso import Iso
from support.stick import make_stick
from support.toolstree import ToolsTree

pytestmark = [pytest.mark.image, pytest.mark.boot]

ISO_PATH = "/images/asl image.iso".replace(" ", "-")


def machine_id(machine: Machine) -> str:
    return machine.run("cat /etc/machine-id").stdout


# BIOS and CD is the shared machine of all specs (`booted`).
@pytest.mark.parametrize(
    ("firmware", "medium"),
    [
        ("uefi", "usb"),
        pytest.param("uefi", "cdrom", marks=pytest.mark.long),
        pytest.param("bios", "usb", marks=pytest.mark.long),
        pytest.param("bios", "cdrom", marks=pytest.mark.long),
    ],
)
def test_it_starts_by_either_firmware_from_disc_and_stick_and_the_operator_switches_it_off(
    iso: Iso,
    manifest: Mapping[str, Any],
    tmp_path: Path,
    booted: Machine,
    firmware: Firmware,
    medium: Attachment,
) -> None:
    config = MachineConfig(medium=Drive(iso.path, medium), firmware=firmware, nics=EVERY_NIC)
    with at_prompt(config, tmp_path) as machine:
        check_key_facts(machine, manifest)
        assert machine_id(machine) != machine_id(booted)  # every start has one of its own

        machine.type("poweroff\n")

        machine.wait_for_end(60)


@pytest.mark.long
@pytest.mark.parametrize("medium", ["disk", "virtio", "nvme"])
def test_it_starts_from_a_disk_of_any_bus(iso: Iso, tmp_path: Path, medium: Attachment, spare: Path) -> None:
    drive = Drive(iso.flipped((), spare), medium, read_only=medium not in NEVER_READ_ONLY)
    with at_prompt(MachineConfig(medium=drive), tmp_path) as machine:
        assert '"in_memory":false' in machine.run("cat /run/asl/seal.json").stdout


@pytest.mark.long
def test_it_starts_from_a_card_by_a_boot_loader_that_can_read_it(iso: Iso, tmp_path: Path, spare: Path) -> None:
    """QEMU's firmware can't, so the kernel is started as a boot loader would."""
    with iso.flipped((), spare).open("r+b") as card:
        card.truncate(1 << (card.seek(0, 2) - 1).bit_length())  # QEMU wants a power of two
    parts = [iso.extract(f"asl/{name}", tmp_path) for name in ("vmlinuz", "initrd")]
    kernel = DirectKernel(parts[0], parts[1], iso.command_line())
    config = MachineConfig(drives=(Drive(spare, "sd", read_only=False),), kernel=kernel)
    with Machine(config, tmp_path) as machine:
        machine.start()
        machine.wait_for(PROMPT, PROMPT_S)
        assert '"medium":"mmcblk0' in machine.run("cat /run/asl/seal.json").stdout


def test_it_starts_as_a_file_that_another_grub_loops_through(
    iso: Iso, manifest: Mapping[str, Any], tools_tree: ToolsTree, tmp_path: Path, spare: Path
) -> None:
    stick = make_stick(iso.path, tools_tree, spare, ISO_PATH)
    config = MachineConfig(medium=Drive(stick, "usb"), firmware="uefi", nics=EVERY_NIC)
    with at_prompt(config, tmp_path) as machine:
        check_key_facts(machine, manifest)
        assert f"asl.iso={ISO_PATH}" in machine.run("cat /proc/cmdline").stdout

        machine.press("ctrl-alt-delete")

        machine.wait_for_end(60)


def test_with_enough_memory_the_medium_may_be_removed(iso: Iso, tmp_path: Path) -> None:
    config = MachineConfig(medium=Drive(iso.path, "usb"), memory_mib=2400)
    with at_prompt(config, tmp_path) as machine:
        said = machine.transcript.text
        for layer in iso.layers():
            assert f"asl-seal: layer {layer}: every block matches the seal" in said
        assert "copied to memory and verified; it may be removed" in said

        machine.detach()

        drives = "ls /sys/block | grep -E '^(sd|sr)'"
        assert (
            machine.run(f"for second in {{1..20}}; do {drives} || break; sleep 1; done >/dev/null; {drives}").stdout
            == ""
        )
        assert machine.run("ls -A /run/asl/medium").stdout == ""
        # Everything that there is can still be read, whether it was before or not.
        read = machine.run("find / -xdev -type f -readable -exec cat {} + | wc -c", timeout_s=300)
        assert read.stderr == ""
        assert int(read.stdout) > 100_000_000
        machine.type("exit\n")
        machine.wait_for(PROMPT, 60)


def test_a_rehearsal_is_marked_as_one(iso: Iso, manifest: Mapping[str, Any], tmp_path: Path) -> None:
    with at_prompt(MachineConfig(medium=Drive(iso.path, "cdrom")), tmp_path, key="r") as machine:
        assert "mode     REHEARSAL: nothing that is made here is real" in machine.transcript.text
        assert '"mode":"rehearsal"' in machine.run("cat /run/asl/seal.json").stdout
        if any(tool["name"] == "asl-auth-host" for tool in manifest["tools"]):
            assert "REHEARSAL" in machine.run("asl-auth-host status").stdout
