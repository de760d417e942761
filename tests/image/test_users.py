"""Who there is in the image, and that nobody becomes somebody else."""

from __future__ import annotations

import struct

import pytest
from testinfra.host import Host

from asl_image.machine import Machine
from support.boots import ask
from support.iso import Iso

pytestmark = pytest.mark.image

NO_TABLE = 0xFFFF_FFFF_FFFF_FFFF


def accounts(host: Host) -> dict[str, list[str]]:
    rows = [line.split(":") for line in host.check_output("cat /etc/passwd").splitlines()]
    return {row[0]: row for row in rows}


def test_the_operator_and_the_authority_have_numbers_that_never_change(host: Host) -> None:
    found = accounts(host)

    assert found["operator"][2:] == ["1000", "37", "", "/home/operator", "/bin/bash"]
    assert found["authority"][2:4] == ["990", "990"]
    assert host.check_output("id -Gn operator") == "operator"


def test_only_root_and_the_operator_have_a_shell_and_only_root_is_root(host: Host) -> None:
    found = accounts(host)

    assert {name for name, row in found.items() if row[6].endswith("sh")} == {"root", "operator"}
    assert {name for name, row in found.items() if row[2] == "0"} == {"root"}


def test_nobody_has_a_password(host: Host) -> None:
    if host.user().name != "root":
        assert host.run("cat /etc/shadow /etc/gshadow").stdout == ""  # not for the operator's eyes
        return
    shadow = [line.split(":") for line in host.check_output("cat /etc/shadow").splitlines()]

    assert len(shadow) == len(accounts(host))
    assert {row[0] for row in shadow if row[1][:1] not in ("!", "*")} == set()
    assert host.check_output("cut -d: -f2 /etc/group | sort -u") == "x"


def test_no_program_is_set_user_id_or_set_group_id(host: Host) -> None:
    assert host.run("find / -xdev -type f -perm /6000 2>/dev/null").stdout == ""


def test_no_layer_has_extended_attributes_and_so_no_file_has_capabilities(iso: Iso) -> None:
    for layer in iso.layers():
        superblock = iso.read(f"asl/{layer}.squashfs", 0, 96)
        assert struct.unpack_from("<Q", superblock, 56) == (NO_TABLE,), layer


@pytest.mark.parametrize("program", ["sudo", "doas", "pkexec"])
def test_there_is_no_program_to_become_root_with(host: Host, program: str) -> None:
    assert host.run("command -v %s", program).stdout == ""


@pytest.mark.boot
def test_the_operator_has_no_way_to_more_rights(booted: Machine) -> None:
    answers = ask(
        booted,
        {
            "rights": "grep -E '^(NoNewPrivs|Cap...):' /proc/self/status",
            "user namespace": "unshare --user --map-root-user id",
            "network namespace": "unshare --net true",
            "su": "su -c id </dev/null",
            "systemd": "systemctl --no-ask-password start rescue.target",
            "a unit of root's": "systemd-run --no-ask-password --wait --pipe id",
            "tracing root": "cat /proc/1/environ /proc/1/maps",
            "the kernel's memory": "head -c1 /dev/mem /dev/port /proc/kcore",
            "disks": "for disk in /dev/{sr,dm-,loop}?; do head -c1 $disk >/dev/null && echo $disk; done; false",
            "the kernel's log": "dmesg",
        },
    )
    rights = dict(line.split(":\t") for line in answers.pop("rights").splitlines())
    seen = {name: answer for name, answer in answers.items() if "uid=" in answer or "status" not in answer}

    assert rights.pop("NoNewPrivs") == "1"
    assert set(rights.values()) == {"0" * 16}
    assert seen == {}
