"""The machine's own manners, with a guest of one sector: what it hears, when it gives up, and what it leaves behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from asl_image.accelerator import runs_a_guest
from asl_image.console import KernelPanicked, MachineEnded, MachineFailed, SealStopped, WaitedTooLong
from asl_image.machine import Machine
from asl_image.qemu import NEVER_READ_ONLY, Attachment, Drive, MachineConfig
from asl_image.runner import Runner
from support.tiny_guest import POWER_OFF, tiny_guest

pytestmark = pytest.mark.boot

PNG = b"\x89PNG\r\n"
GUEST = tiny_guest(
    "GNU GRUB\r\nMenu: p, t, o, k\r\n",
    {
        "p": "[ 1.0] Kernel panic - not syncing: x\r\n",
        "t": "asl-seal: STOP: layer tools\r\n",
        "o": "bye\r\n" + POWER_OFF,
        "k": "Kernel command line: panic=9\r\nlogin: ",
    },
)


@pytest.fixture
def sector(tmp_path: Path) -> Path:
    path = tmp_path / "guest.img"
    path.write_bytes(GUEST.ljust(1 << 20, b"\0"))
    return path


@pytest.fixture
def machine(sector: Path, tmp_path: Path) -> Iterator[Machine]:
    config = MachineConfig(medium=Drive(sector, "usb"), memory_mib=64, cpus=1, accelerator="tcg")
    with Machine(config, tmp_path / "logs") as started:
        started.start()
        yield started


def test_a_choice_in_the_menu_is_answered_and_everything_said_is_timed_and_kept(machine: Machine) -> None:
    machine.choose("k", timeout_s=20)
    machine.wait_for("login: ", timeout_s=5)

    menu, login = machine.first_seen("GNU GRUB"), machine.first_seen("login: ")
    assert menu is not None
    assert login is not None
    assert 0 < menu < login
    assert b"panic=9\r\nlogin: " in machine.serial_log.read_bytes()


@pytest.mark.parametrize(("key", "error"), [("p", KernelPanicked), ("t", SealStopped)])
def test_a_wait_ends_early_when_the_guest_gives_up_and_the_error_says_where_to_look(
    machine: Machine, key: str, error: type[MachineFailed]
) -> None:
    machine.choose(key, timeout_s=20)

    with pytest.raises(error, match=r"not syncing: x|layer tools") as failure:
        machine.wait_for("login: ", timeout_s=60)

    assert any("Menu:" in line for line in failure.value.details)
    assert str(machine.serial_log) in str(failure.value.hint)
    assert str(machine.qemu_log) in str(failure.value.hint)


def test_the_seals_own_last_words_can_be_waited_for(machine: Machine) -> None:
    machine.choose("t", timeout_s=20)

    assert machine.wait_for(r"asl-seal: STOP: layer (\w+)\n", timeout_s=5).group(1) == "tools"


def test_a_machine_that_switches_itself_off_ends_the_wait(machine: Machine) -> None:
    machine.choose("o", timeout_s=20)

    with pytest.raises(MachineEnded, match="login"):
        machine.wait_for("login: ", timeout_s=60)
    machine.wait_for_end(timeout_s=5)


def test_a_wait_has_a_limit(machine: Machine) -> None:
    machine.wait_for("GNU GRUB", timeout_s=20)

    with pytest.raises(WaitedTooLong, match=r"'login: ' did not come within 0\.2 s"):
        machine.wait_for("login: ", timeout_s=0.2)


def test_the_screen_can_be_looked_at_and_keys_pressed(machine: Machine, tmp_path: Path) -> None:
    machine.wait_for("Menu", timeout_s=20)
    machine.press("ctrl-alt-f2")
    machine.type_on_screen("Ab ?")

    machine.screenshot(tmp_path / "screen.png")

    assert (tmp_path / "screen.png").read_bytes().startswith(PNG)


def test_a_stick_can_be_pulled_and_another_plugged_in(machine: Machine, tmp_path: Path) -> None:
    machine.wait_for("Menu", timeout_s=20)
    other = tmp_path / "other.img"
    other.write_bytes(bytes(1 << 20))

    machine.detach()
    machine.attach(Drive(other, "usb", "other", read_only=False))

    nodes = [node["node-name"] for node in machine.qmp.execute("query-named-block-nodes")]
    assert "other-file" in nodes
    assert "medium-file" not in nodes


def test_a_disc_can_be_taken_out(sector: Path, tmp_path: Path) -> None:
    config = MachineConfig(Drive(sector, "usb"), drives=(Drive(sector, "cdrom", "disc"),), accelerator="tcg")
    with Machine(config, tmp_path / "logs") as machine:
        machine.start()
        machine.wait_for("Menu", timeout_s=20)

        machine.detach("disc")

        drives = {drive["qdev"]: drive for drive in machine.qmp.execute("query-block") if "qdev" in drive}
        assert "inserted" not in drives["disc"]


def test_after_the_with_nothing_of_the_machine_is_left_but_its_logs(sector: Path, tmp_path: Path) -> None:
    config = MachineConfig(medium=Drive(sector, "cdrom"), drives=(Drive(sector, "virtio", "other"),), accelerator="tcg")
    with Machine(config, tmp_path / "logs") as machine:
        machine.start()
        assert machine.running
        assert machine._qemu is not None
        pid = machine._qemu.pid
        sockets = Path(str(machine.qmp._socket.getpeername())).parent

    assert not machine.running
    assert not sockets.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert {path.name for path in (tmp_path / "logs").iterdir()} == {"serial.log", "qemu.log", "commands.log"}


@pytest.mark.parametrize("kind", ["usb", "disk", "virtio", "nvme"])
def test_firmware_boots_from_every_kind_of_drive(sector: Path, tmp_path: Path, kind: Attachment) -> None:
    medium = Drive(sector, kind, read_only=kind not in NEVER_READ_ONLY)
    (tmp_path / "card.img").write_bytes(bytes(1 << 20))
    card = Drive(tmp_path / "card.img", "sd", "card", read_only=False)
    config = MachineConfig(medium, drives=(card,) * (kind == "usb"), nics=("virtio-net-pci", "e1000", "usb-net"))
    with Machine(replace(config, accelerator="tcg", memory_mib=64), tmp_path / "logs") as machine:
        machine.start()

        machine.wait_for("Menu", timeout_s=20)


def test_what_qemu_does_not_like_is_told_in_its_own_words(tmp_path: Path) -> None:
    config = MachineConfig(medium=Drive(tmp_path / "missing.iso", "cdrom"), accelerator="tcg")

    with Machine(config, tmp_path / "logs") as machine, pytest.raises(MachineEnded) as failure:
        machine.start()

    assert any("missing.iso" in line for line in failure.value.details)


def test_uefi_firmware_speaks_on_the_serial_line(sector: Path, tmp_path: Path) -> None:
    config = MachineConfig(medium=Drive(sector, "cdrom"), firmware="uefi", memory_mib=256, accelerator="tcg")
    with Machine(config, tmp_path / "logs") as machine:
        machine.start()

        machine.wait_for("BdsDxe", timeout_s=60)


def test_an_accelerator_is_believed_only_when_a_guest_was_heard(tmp_path: Path) -> None:
    runner = Runner(tmp_path / "log")

    assert runs_a_guest(runner, "tcg", within_s=20)
    assert not runs_a_guest(runner, "tcg", within_s=0)
