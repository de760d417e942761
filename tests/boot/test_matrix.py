"""The image starts from everything it is made to start from, and each time it is the same sealed machine."""

from __future__ import annotations

import time
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


def with_authority(manifest: Mapping[str, Any]) -> bool:
    return any(tool["name"] == "asl-auth-host" for tool in manifest["tools"])


def machine_id(machine: Machine) -> str:
    return machine.run("cat /etc/machine-id").stdout


# In `make test`, BIOS and CD are the shared machine of all specs (`booted`), UEFI and stick the next test.
@pytest.mark.long
@pytest.mark.parametrize("firmware", ["bios", "uefi"])
@pytest.mark.parametrize("medium", ["cdrom", "usb"])
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


@pytest.mark.parametrize(
    ("firmware", "medium"), [("uefi", "usb"), pytest.param("bios", "cdrom", marks=pytest.mark.long)]
)
def test_it_stops_when_the_medium_that_it_runs_from_is_taken_away(
    iso: Iso, manifest: Mapping[str, Any], tmp_path: Path, booted: Machine, firmware: Firmware, medium: Attachment
) -> None:
    config = MachineConfig(medium=Drive(iso.path, medium), firmware=firmware, nics=EVERY_NIC)
    with at_prompt(config, tmp_path) as machine:
        check_key_facts(machine, manifest)
        assert machine_id(machine) != machine_id(booted)

        machine.detach()
        machine.wait_for("asl-seal: STOP: the medium was removed\n", 30)
        machine.wait_for("asl-seal: Switch the machine off", 10)

        machine.type("\necho still''-here\n")
        time.sleep(2)
        assert "still-here" not in machine.transcript.text


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


def test_a_rehearsal_is_marked_as_one(rehearsal: Machine, manifest: Mapping[str, Any]) -> None:
    assert "mode     REHEARSAL: nothing that is made here is real" in rehearsal.transcript.text
    assert '"mode":"rehearsal"' in rehearsal.run("cat /run/asl/seal.json").stdout
    if with_authority(manifest):
        assert "REHEARSAL" in rehearsal.run("asl-auth-host status").stdout


def test_with_enough_memory_the_medium_may_be_removed(
    rehearsal: Machine, iso: Iso, manifest: Mapping[str, Any]
) -> None:
    said = rehearsal.transcript.text
    for layer in iso.layers():
        assert f"asl-seal: layer {layer}: every block matches the seal" in said
    assert "copied to memory and verified; it may be removed" in said

    rehearsal.detach()

    drives = "ls /sys/block | grep -E '^(sd|sr)'"
    gone = f"for second in {{1..20}}; do {drives} || break; sleep 1; done >/dev/null; {drives}; ls -A /run/asl/medium"
    assert rehearsal.run(gone).stdout == ""
    # What nobody has read before is read now.
    read = rehearsal.run("cat /usr/bin/* /usr/sbin/* 2>&1 >/dev/null | grep -v 'Permission denied'", timeout_s=300)
    assert read.stdout == ""
    if with_authority(manifest):
        sops = next(file for tool in manifest["tools"] if tool["name"] == "sops" for file in tool["files"])
        assert rehearsal.run("sha256sum </asl-auth-host/tools/sops").stdout.split()[0] == sops["sha256"]


def test_a_machine_in_memory_is_switched_off_by_its_operator(rehearsal: Machine) -> None:
    """The last test that has this machine."""
    rehearsal.type("poweroff\n")

    rehearsal.wait_for_end(60)
