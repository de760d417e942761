"""Nothing of the running system can be changed, and what it runs from is what was sealed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host

from asl_image.machine import Machine
from support.boots import ask, check_key_facts

pytestmark = pytest.mark.image

WRITABLE = ("/run", "/tmp", "/var", "/dev", "/proc", "/sys")  # noqa: S108 - these are the guest's
MASKED = (
    *(
        "autovt@.service",
        "getty@.service",
        "serial-getty@.service",
        "console-getty.service",
        "container-getty@.service",
    ),
    *("debug-shell.service", "getty.target"),
)
SYSCTLS = {
    "kernel.sysrq": "0",
    "kernel.kexec_load_disabled": "1",
    "kernel.core_pattern": "|/bin/false",
    "fs.suid_dumpable": "0",
    "kernel.yama.ptrace_scope": "2",
    "kernel.dmesg_restrict": "1",
    "kernel.kptr_restrict": "2",
    "kernel.unprivileged_bpf_disabled": "1",
    "user.max_user_namespaces": "0",
}


@pytest.mark.boot
def test_the_key_facts_hold(booted: Machine, manifest: Mapping[str, Any]) -> None:
    check_key_facts(booted, manifest)


@pytest.mark.boot
def test_only_memory_is_mounted_writable(booted: Machine) -> None:
    mounts = [line.split(" ") for line in booted.run("cat /proc/self/mounts").stdout.splitlines()]
    writable = [mount for mount in mounts if "rw" in mount[3].split(",")]
    in_memory = {"tmpfs", "devtmpfs", "ramfs"}
    views = {"proc", "sysfs", "cgroup2", "devpts", "mqueue", "securityfs", "pstore", "efivarfs", "bpf", "autofs"}
    views |= {"hugetlbfs", "configfs", "fusectl", "tracefs", "debugfs", "binfmt_misc"}

    assert {mount[1] for mount in writable if mount[2] not in in_memory | views} == set()
    assert {mount[1] for mount in writable if "/" + mount[1].split("/")[1] not in WRITABLE} == set()


@pytest.mark.boot
def test_no_place_outside_memory_takes_a_file_or_a_new_mount(booted: Machine) -> None:
    places = "$(find / -xdev -type d 2>/dev/null | grep -vxE '/(run|tmp|var|dev|proc|sys)')"
    answers = ask(
        booted,
        {
            "files": f"for at in {places}; do {{ : >$at/.x; }} 2>/dev/null && echo $at; done; true",
            "appending": "for file in /etc/passwd /etc/machine-id /usr/bin/bash /usr/lib/asl/image.json; do "
            "{ : >>$file; } 2>/dev/null && echo $file; done; true",
            "remounting": "mount -o remount,rw /; mount -o remount,rw /etc/machine-id; mount -t tmpfs none /etc",
            "places": f"echo {places} | wc -w",
        },
    )

    assert int(answers["places"]) > 500
    assert answers["files"] == ""
    assert answers["appending"] == ""
    assert "status" in answers["remounting"]


@pytest.mark.boot
def test_the_layers_are_opened_by_dm_verity_as_they_were_sealed(booted: Machine, manifest: Mapping[str, Any]) -> None:
    answers = ask(
        booted,
        {
            "seal": "cat /run/asl/seal.json",
            "devices": "for dm in /sys/block/dm-*; do echo $(cat $dm/dm/name $dm/ro $dm/size); done",
            "mounts": "grep squashfs /proc/self/mounts",
            "root": "grep ' / ' /proc/self/mounts",
            "words": "tr ' ' '\\n' </proc/cmdline | grep asl.layer",
        },
    )
    layers = manifest["layers"]

    assert json.loads(answers["seal"])["layers"] == layers
    assert answers["devices"].splitlines() == [f"asl-{each['name']} 1 {each['data_blocks'] * 8}" for each in layers]
    assert answers["words"].splitlines() == [
        f"asl.layer={each['name']},{each['data_blocks']},{each['root_hash']},{each['salt']}" for each in layers
    ]
    found = re.findall(r"^/dev/dm-(\d+) \S+/(\w+) squashfs ro,", answers["mounts"], re.MULTILINE)
    assert found == [(str(number), each["name"]) for number, each in enumerate(layers)]
    lower = ":".join(f"/run/asl/layers/{each['name']}" for each in reversed(layers))
    assert f"lowerdir={lower}," in answers["root"] or f"lowerdir={lower} " in answers["root"]


@pytest.mark.boot
def test_no_unit_failed(booted: Machine) -> None:
    assert booted.run("cat /run/asl/failed-units").stdout == ""


@pytest.mark.boot
def test_nothing_is_scheduled(booted: Machine) -> None:
    timers = booted.run("systemctl list-timers --all --no-legend --plain").stdout.splitlines()

    assert {line.split()[-2] for line in timers} <= {"systemd-tmpfiles-clean.timer"}


@pytest.mark.boot
def test_the_kernel_is_told_to_be_careful(booted: Machine) -> None:
    paths = " ".join("/proc/sys/" + name.replace(".", "/") for name in SYSCTLS)
    found = booted.run(f"grep -H . {paths}").stdout.splitlines()

    assert {
        path.removeprefix("/proc/sys/").replace("/", "."): value
        for path, value in (line.split(":", 1) for line in found)
    } == SYSCTLS


def test_no_unit_offers_a_login_or_a_shell_of_last_resort(host: Host) -> None:
    links = host.check_output(f"cd /etc/systemd/system && readlink {' '.join(MASKED)}").splitlines()
    rescue = host.check_output("cat /etc/systemd/system/rescue.service /etc/systemd/system/emergency.service")

    assert links == ["/dev/null"] * len(MASKED)
    assert re.findall(r"^ExecStart.*=.*$", rescue, re.MULTILINE) == ["ExecStart=/usr/lib/asl/halt"] * 2


def test_every_generator_of_systemd_is_masked(host: Host) -> None:
    """They would start consoles, shells and mounts that are not meant."""
    left = host.check_output(
        "for kind in system user system-environment user-environment; do "
        "cd /usr/lib/systemd/$kind-generators 2>/dev/null || continue; "
        "for name in *; do link=$(readlink /etc/systemd/$kind-generators/$name) || true; "
        '[ "$link" = /dev/null ] && echo masked || echo $name; done; done'
    ).split()

    assert len(left) > 5
    assert set(left) == {"masked"}


def test_the_sealed_tree_has_no_machine_id_and_no_random_seed(host: Host) -> None:
    if host.user().name == "root":
        assert host.check_output("stat -c '%s %a' /etc/machine-id") == "0 444"
        assert host.run("find / -xdev -name random-seed -o -xdev -name 'ssh_host_*'").stdout == ""
    else:
        assert re.fullmatch(r"[0-9a-f]{32}", host.check_output("cat /etc/machine-id"))
        assert host.check_output("grep -c ' /etc/machine-id tmpfs ro' /proc/self/mounts") == "1"


def test_nobody_but_root_owns_anything_and_nobody_may_write_to_it(host: Host) -> None:
    odd = "find / -xdev ! -type l '(' -perm /0022 -o ! -user root ')' -printf '%p %m %u\\n' 2>/dev/null"

    assert host.run(f"{odd} | grep -vE '^/(run|tmp|var|dev|proc|sys|home/operator) '").stdout == ""


def test_the_root_folder_is_an_ordinary_one(host: Host) -> None:
    assert host.check_output("stat -c '%a %U:%G' / /etc /usr /home/operator").splitlines()[:3] == ["755 root:root"] * 3
