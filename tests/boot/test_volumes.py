"""A store volume is opened when it is there at the start, and is seen when it comes or goes later."""

from __future__ import annotations

import json
import os
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from asl_authority import contract
from asl_image.machine import Machine
from asl_image.qemu import Drive, MachineConfig
from support.boots import FAILED_UNITS, PROMPT, ask, at_prompt
from support.iso import Iso
from support.sticks import fat, read_from
from support.toolstree import ToolsTree
from support.volumes import made

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


def looked_into(volume: Path, question: str) -> str:
    """What e2fsprogs say of a volume that no machine has any more."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    argv = ["debugfs", "-R", question, str(volume)]
    return subprocess.run(argv, check=True, capture_output=True, text=True, env={**os.environ, "PATH": path}).stdout


def test_a_store_volume_is_opened_and_a_second_one_is_a_warning(
    iso: Iso, manifest: Mapping[str, Any], tmp_path: Path, tools_tree: ToolsTree
) -> None:
    volume = made(tmp_path / "first")
    first = Drive(volume, "virtio", name="first", read_only=False)
    stranger = Drive(labelled(tmp_path / "stranger", "asl-stores"), "nvme", name="stranger")
    second = Drive(labelled(tmp_path / "second"), "usb", name="second")
    authority = any(tool["name"] == "asl-auth-host" for tool in manifest["tools"])
    with at_prompt(MachineConfig(Drive(iso.path, "cdrom"), drives=(first, stranger)), tmp_path) as machine:
        assert "store    volume on /dev/vda\n" in machine.transcript.text
        assert ask(machine, {"failed": FAILED_UNITS}) == {"failed": ""}
        if authority:
            check_opened(machine)

        machine.attach(second)
        assert volumes(machine, 2) == ["/dev/sda", "/dev/vda"]
        machine.type("exit\n")
        machine.wait_for(r"WARNING: more than one store volume: .*; none is used\n", 30)
        machine.wait_for(PROMPT, 30)

        machine.detach("second")
        assert volumes(machine, 1) == ["/dev/vda"]
        if authority:
            stick = fat(tmp_path / "stick", tools_tree)
            machine.attach(Drive(stick, "usb", name="stick", read_only=False))
            check_stick(machine)
            machine.detach("stick")
        machine.type("poweroff\n")
        machine.wait_for_end(60)
    if authority:
        assert read_from(stick, tools_tree, "policy.yaml").startswith("# ")
        assert "needs_recovery" not in looked_into(volume, "stats -h")  # it was given back, not dropped
        assert "User:   990   Group:    37" in looked_into(volume, "stat /")


def check_opened(machine: Machine) -> None:
    """One volume is the store: mounted once, with the sealed tools over it, for the authority alone to write to."""
    answers = ask(
        machine,
        {
            "mounts": "grep -E ' (/asl-auth-host|/asl-auth-host/tools|/run/asl/view) ' /proc/self/mounts",
            "state": f"cat {contract.STORE_STATE}",
            "status": "asl-auth-host status --json | grep -o 'the store volume is open: /dev/vda'",
            "tools": "readlink -f $(command -v asl-admin)",
            "writing": "for at in /asl-auth-host /asl-auth-host/tools /run/asl/view; do : >$at/x && echo written; done",
            "by name": "asl-auth-host policy new --output /asl-auth-host/p.yaml",
        },
    )
    mounts = {line.split()[1]: line.split() for line in answers["mounts"].splitlines()}

    assert json.loads(answers["state"]) == {"device": "/dev/vda", "how": "open", "why": ""}
    assert mounts["/asl-auth-host"][::2][:2] == ["/dev/vda", "ext4"]
    assert {"rw", "nosuid", "nodev", "noexec"} <= set(mounts["/asl-auth-host"][3].split(","))
    assert mounts["/asl-auth-host/tools"][2] == "squashfs"
    assert "ro" in mounts["/run/asl/view"][3].split(",")
    assert answers["status"] == "the store volume is open: /dev/vda\n"
    assert answers["tools"].startswith("/asl-auth-host/tools/versions/asl-auth-host-")
    assert "written" not in answers["writing"]
    assert "where nothing is put by hand" in answers["by name"]


def check_stick(machine: Machine) -> None:
    """A stick is opened for the authority, which writes to it, and closed before it is pulled out."""
    at = contract.STICKS / "KEYS"
    answers = ask(
        machine,
        {
            "seen": "for i in {1..20}; do [ -b /dev/sda ] && break; sleep 1; done; asl-auth-host stick list",
            "open": "asl-auth-host stick open",
            "mount": f"grep ' {at} ' /proc/self/mounts",
            "written": f"asl-auth-host policy new --output {at}/policy.yaml",
            "in use": f"cd {at} && asl-auth-host stick close; cd - >/dev/null",
            "closed": "asl-auth-host stick close",
            "gone": f"grep -c ' {at} ' /proc/self/mounts; ls {contract.STICKS}",
        },
    )

    assert answers["seen"] == "sda  KEYS, vfat, 67 MB\n  not open\n"
    assert answers["open"].startswith(f"{at}: open\n")
    assert {"rw", "nosuid", "nodev", "noexec", "nosymfollow", "uid=990", "gid=37"} <= set(
        answers["mount"].split()[3].split(",")
    )
    assert "policy.yaml" in answers["written"], answers
    assert "sda: it is in use" in answers["in use"]
    assert answers["closed"] == "sda: closed; it can be pulled out\n"
    assert answers["gone"].split("\n")[0] == "0"


@pytest.mark.long
def test_a_volume_that_comes_late_becomes_the_store_when_somebody_asks(
    iso: Iso, manifest: Mapping[str, Any], tmp_path: Path
) -> None:
    if not any(tool["name"] == "asl-auth-host" for tool in manifest["tools"]):
        pytest.skip("not an authority image")
    late = Drive(made(tmp_path / "late"), "usb", name="late", read_only=False)
    with at_prompt(MachineConfig(Drive(iso.path, "cdrom")), tmp_path) as machine:
        none = ask(machine, {"none": "asl-auth-host store open"})
        assert "STORE-OPENED: no store was opened: there is no volume" in none["none"]
        machine.attach(late)
        assert volumes(machine, 1) == ["/dev/sda"]
        answers = ask(
            machine,
            {
                "open": "asl-auth-host store open",
                "again": "asl-auth-host store open",
                "mounts": "grep -E ' (/asl-auth-host|/run/asl/view) ' /proc/self/mounts",
                "stick": "asl-auth-host stick list",
            },
        )
        assert answers["open"] == answers["again"] == "the store is open: /dev/sda\n"
        assert answers["mounts"].count("/dev/sda") == 2
        assert answers["stick"].startswith("no stick is plugged in")
        machine.type("poweroff\n")
        machine.wait_for_end(60)
