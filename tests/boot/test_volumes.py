"""A store volume is seen when it is there at the start, and when it comes or goes later."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from asl_authority import contract
from asl_image.machine import Machine
from asl_image.qemu import Drive, MachineConfig
from support.boots import FAILED_UNITS, PROMPT, ask, at_prompt
from support.iso import Iso

pytestmark = [pytest.mark.image, pytest.mark.boot]


def volumes(machine: Machine, count: int) -> list[str]:
    """The volumes that the system says are there, once there are so many, or after a while whatever there are."""
    at = contract.VOLUMES_STATE
    wait = f"for i in {{1..20}}; do [ $(grep -o /dev/ {at} | wc -l) -eq {count} ] && break; sleep 1; done; cat {at}"
    found: list[str] = json.loads(ask(machine, {"volumes": wait})["volumes"])["devices"]
    return sorted(found)


def labelled(at: Path, label: str = contract.STORE_LABEL) -> Path:
    """A drive that holds nothing but the superblock of an ext2 file system with that label."""
    data = bytearray(1 << 20)
    struct.pack_into("<III", data, 1024, 128, 1024, 0)  # inodes, blocks
    struct.pack_into("<I", data, 1024 + 20, 1)  # first data block
    struct.pack_into("<H", data, 1024 + 56, 0xEF53)
    struct.pack_into("<I", data, 1024 + 76, 1)  # a revision that has labels
    struct.pack_into("<16s", data, 1024 + 120, label.encode())
    at.write_bytes(data)
    return at


def test_the_banner_names_a_store_volume_and_a_second_one_is_a_warning(iso: Iso, tmp_path: Path) -> None:
    first = Drive(labelled(tmp_path / "first"), "virtio", name="first")
    stranger = Drive(labelled(tmp_path / "stranger", "asl-stores"), "nvme", name="stranger")
    second = Drive(labelled(tmp_path / "second"), "usb", name="second")
    with at_prompt(MachineConfig(Drive(iso.path, "cdrom"), drives=(first, stranger)), tmp_path) as machine:
        assert "store    volume on /dev/vda\n" in machine.transcript.text
        assert ask(machine, {"failed": FAILED_UNITS}) == {"failed": ""}

        machine.attach(second)
        assert volumes(machine, 2) == ["/dev/sda", "/dev/vda"]
        machine.type("exit\n")
        machine.wait_for(r"WARNING: more than one store volume: .*; none is used\n", 30)
        machine.wait_for(PROMPT, 30)

        machine.detach("second")
        assert volumes(machine, 1) == ["/dev/vda"]
