"""Nothing in the image can talk to anybody: no driver, no daemon, no resolver, and no interface but `lo`."""

from __future__ import annotations

import lzma
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

from asl_image.kernel import NET_DEVICE_SYMBOLS, ModuleFolder, module_name, undefined_symbols
from asl_image.machine import Machine
from support.boots import EVERY_NIC, ask
from support.iso import Iso
from support.toolstree import ToolsTree

pytestmark = pytest.mark.image

# By beginnings of names, as Debian has them.
NEVER_INSTALLED = (
    *("apt", "aptitude", "cron", "anacron", "at", "systemd-cron", "unattended-upgrades"),
    *("openssh", "dropbear", "telnet", "rsync", "nfs-", "samba", "cifs-", "avahi", "cups", "snmp", "ntp", "chrony"),
    *(
        "systemd-timesyncd",
        "systemd-resolved",
        "systemd-networkd",
        "network-manager",
        "networkd-dispatcher",
        "ifupdown",
    ),
    *("isc-dhcp", "dhcpcd", "wpasupplicant", "iwd", "iw", "bluez", "bluetooth", "rfkill", "modemmanager", "ppp"),
    *(
        "iproute2",
        "net-tools",
        "iputils",
        "netcat",
        "curl",
        "wget",
        "ca-certificates",
        "wireless",
        "dnsmasq",
        "resolvconf",
    ),
    *("firmware-", "sudo", "doas", "policykit", "polkitd", "snapd", "docker", "podman"),
)
PROGRAMS = (
    *("apt", "apt-get", "cron", "crond", "at", "ssh", "sshd", "ip", "ifconfig", "dhclient", "dhcpcd", "wpa_supplicant"),
    *(
        "bluetoothd",
        "resolvectl",
        "nc",
        "telnet",
        "curl",
        "wget",
        "rpcbind",
        "avahi-daemon",
    ),
)
DAEMONS = (
    "networkd|resolved|timesyncd|rfkill|ssh-proxy|ssh-generator|network-generator|journal-(remote|upload|gatewayd)"
)
MAY_RUN = {"systemd", "systemd-journal", "systemd-udevd", "(udev-worker)", "asl-seal", "bash"}


def test_no_package_of_the_image_talks_schedules_or_installs(manifest: Mapping[str, Any]) -> None:
    names = {package["name"] for package in manifest["packages"]}
    bad = {
        name for name in names for each in NEVER_INSTALLED if name == each or name.startswith(f"{each.rstrip('-')}-")
    }

    assert bad == set()
    assert len(names) > 30


def test_no_program_of_that_kind_is_there(host: Host) -> None:
    assert host.run(f"command -v {' '.join(PROGRAMS)}").stdout == ""


def test_no_daemon_of_systemds_own_that_talks_is_there(host: Host) -> None:
    found = host.check_output("find /usr/lib/systemd /usr/bin -type f -perm /111 -printf '%f\\n'").splitlines()

    assert "systemctl" in found
    assert [name for name in found if re.fullmatch(f"systemd-({DAEMONS})(-.*)?", name)] == []


@pytest.mark.boot
def test_only_the_seal_systemd_and_the_operator_have_processes(booted: Machine) -> None:
    # A thread of the kernel's has no command line.
    every = "for each in /proc/[0-9]*; do read -r -d '' _ <$each/cmdline && echo $(<$each/comm); done 2>/dev/null"
    found = booted.run(every).stdout.splitlines()

    assert {"systemd", "asl-seal"} <= set(found) <= MAY_RUN


def test_names_are_looked_up_in_files_alone(host: Host) -> None:
    assert host.run("cat /etc/resolv.conf").stdout == ""
    assert host.check_output("grep '^hosts:' /etc/nsswitch.conf").split()[1:] in (["files"], ["files", "dns"])


def test_no_kernel_module_of_the_image_makes_a_network_interface(tree: Path) -> None:
    folder = ModuleFolder.read(tree)
    files = [path.relative_to(folder.at).as_posix() for path in folder.at.rglob("*.ko*")]

    assert sorted(files) == sorted(folder.dependencies)  # nothing lies there that nobody lists
    assert len(files) > 100
    assert [path for path in files if folder.makes_net_device(path)] == []
    assert module_name("kernel/drivers/net/virtio_net.ko.xz") == "virtio_net"


@pytest.fixture(scope="module")
def initramfs(iso: Iso, tools_tree: ToolsTree, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Every file of the initramfs."""
    at = tmp_path_factory.mktemp("initramfs")
    packed = iso.extract("asl/initrd", at)
    tools_tree.run("zstd", "--quiet", "--decompress", str(packed), "-o", str(at / "initrd.cpio"))
    return dict(cpio_files((at / "initrd.cpio").read_bytes()))


def test_no_kernel_module_of_the_initramfs_makes_a_network_interface(initramfs: Mapping[str, bytes]) -> None:
    modules = {name: data for name, data in initramfs.items() if ".ko" in name}

    assert len(modules) > 50
    for name, data in modules.items():
        elf = lzma.decompress(data) if data[:6] == b"\xfd7zXZ\0" else data
        assert not NET_DEVICE_SYMBOLS & undefined_symbols(elf), name


def test_the_initramfs_has_one_program_and_it_is_no_shell(initramfs: Mapping[str, bytes]) -> None:
    programs = [name for name, data in initramfs.items() if data[:4] == b"\x7fELF" and ".ko" not in name]

    assert programs == ["init"]
    assert [name for name, data in initramfs.items() if data[:2] == b"#!"] == []


def cpio_files(archive: bytes) -> list[tuple[str, bytes]]:
    """Names and bytes of everything in a `newc` archive."""
    files: list[tuple[str, bytes]] = []
    at = 0
    while True:
        assert archive[at : at + 6] == b"070701"
        fields = [int(archive[at + 6 + 8 * number : at + 14 + 8 * number], 16) for number in range(13)]
        size, name_size = fields[6], fields[11]
        name = archive[at + 110 : at + 110 + name_size - 1].decode()
        data_at = (at + 110 + name_size + 3) // 4 * 4
        if name == "TRAILER!!!":
            return files
        files.append((name, archive[data_at : data_at + size]))
        at = (data_at + size + 3) // 4 * 4


@pytest.mark.boot
def test_with_three_network_cards_plugged_in_there_is_only_lo(booted: Machine) -> None:
    answers = ask(
        booted,
        {
            "interfaces": "ls /sys/class/net",
            "kernel": "tail -n +3 /proc/net/dev | cut -d: -f1",
            "addresses": "cut -c1-32 /proc/net/if_inet6",
            "routes": "tail -n +2 /proc/net/route",
            "cards": "cat /sys/bus/pci/devices/*/class /sys/bus/usb/devices/*/product",
            "listeners": "cd /proc/net; tail -qn +2 tcp tcp6 udp udp6 raw packet",
            "modules": "cut -d' ' -f1 /proc/modules",
        },
    )

    assert len(EVERY_NIC) == 3
    assert answers["cards"].count("0x020000") == 2  # they are really there
    assert "RNDIS" in answers["cards"]
    assert answers["interfaces"] == "lo\n"
    assert answers["kernel"].split() == ["lo"]
    assert answers["addresses"] == f"{1:032}\n"  # ::1
    assert answers["routes"] == ""
    assert answers["listeners"] == ""
    assert not {"virtio_net", "e1000", "cdc_ether", "rndis_host", "bluetooth", "cfg80211"} & set(
        answers["modules"].split()
    )
