"""The QEMU command line is a pure function of the machine that is wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from asl_image.accelerator import WORD, boot_sector
from asl_image.errors import Refused
from asl_image.qemu import Attachment, DirectKernel, Drive, MachineConfig, Ovmf, Wiring, find_ovmf, qemu_argv
from asl_image.qmp import chord

ISO = Drive(Path("/images/a,b.iso"), "cdrom")
SOCKETS = Wiring("tcg", serial=Path("/run/serial"), qmp=Path("/run/qmp"))


def after(argv: tuple[str, ...], option: str) -> list[str]:
    return [argv[place + 1] for place, word in enumerate(argv) if word == option]


def test_a_plain_machine_is_this_command_line() -> None:
    assert " ".join(qemu_argv(MachineConfig(medium=ISO), SOCKETS)) == (
        "qemu-system-x86_64 -nodefaults -no-user-config -machine q35 -accel tcg -cpu qemu64 -smp 1 -m 1024M "
        "-device virtio-rng-pci -device VGA -display none -device qemu-xhci,id=usb "
        '-blockdev {"driver":"raw","node-name":"medium-file","read-only":true,'
        '"file":{"driver":"file","filename":"/images/a,b.iso","read-only":true}} '
        "-device ide-cd,id=medium,drive=medium-file,bootindex=1 -nic none "
        "-chardev socket,id=serial0,server=on,wait=off,path=/run/serial -serial chardev:serial0 "
        "-qmp unix:/run/qmp,server=on,wait=off -S -no-reboot"
    )


def test_the_medium_boots_before_other_drives_and_only_what_is_asked_for_can_be_written() -> None:
    config = MachineConfig(
        medium=Drive(Path("stick.iso"), "usb"), drives=(Drive(Path("store.img"), "virtio", "store", read_only=False),)
    )

    argv = qemu_argv(config, SOCKETS)

    assert "usb-storage,id=medium,drive=medium-file,bus=usb.0,removable=on,bootindex=1" in argv
    assert "virtio-blk-pci,id=store,drive=store-file,bootindex=2" in argv
    assert ['"read-only":true' in node for node in after(argv, "-blockdev")] == [True, False]


def test_network_cards_are_there_but_lead_nowhere() -> None:
    argv = qemu_argv(MachineConfig(medium=ISO, nics=("virtio-net-pci", "usb-net")), SOCKETS)

    assert after(argv, "-netdev") == ["hubport,id=net0,hubid=0", "hubport,id=net1,hubid=1"]
    assert "virtio-net-pci,netdev=net0,romfile=" in argv
    assert "usb-net,netdev=net1" in argv
    assert "-nic" not in argv


def test_uefi_runs_from_shared_code_with_variables_of_its_own() -> None:
    wiring = Wiring("kvm", Ovmf(Path("/fw/code.fd"), Path("/run/variables.fd")))

    argv = qemu_argv(MachineConfig(medium=ISO, firmware="uefi"), wiring)

    assert after(argv, "-drive") == [
        "if=pflash,unit=0,format=raw,readonly=on,file=/fw/code.fd",
        "if=pflash,unit=1,format=raw,file=/run/variables.fd",
    ]
    assert after(argv, "-cpu") == ["host"]


def test_a_kernel_can_be_started_past_the_boot_loader() -> None:
    kernel = DirectKernel(Path("vmlinuz"), Path("initrd"), "console=ttyS0 init=/bin/bash")

    argv = qemu_argv(MachineConfig(kernel=kernel), SOCKETS)

    assert after(argv, "-append") == ["console=ttyS0 init=/bin/bash"]


def test_a_machine_for_a_person_has_its_serial_line_on_the_terminal_and_starts_at_once() -> None:
    argv = qemu_argv(MachineConfig(medium=ISO), Wiring("tcg"))

    assert after(argv, "-serial") == ["mon:stdio"]
    assert "-S" not in argv


@pytest.mark.parametrize("kind", ["disk", "sd"])
def test_a_drive_that_qemu_can_only_write_to_is_not_taken_for_a_read_only_one(kind: Attachment) -> None:
    with pytest.raises(ValueError, match=f"no read-only drive of kind {kind}"):
        qemu_argv(MachineConfig(medium=Drive(Path("image"), kind)), SOCKETS)


def test_missing_firmware_is_refused_with_the_package_that_brings_it(tmp_path: Path) -> None:
    (tmp_path / "OVMF_CODE_4M.fd").touch()

    with pytest.raises(Refused, match="OVMF_VARS_4M") as refusal:
        find_ovmf(tmp_path)

    assert refusal.value.hint == "apt install ovmf"


def test_the_boot_sector_is_one_that_a_bios_starts() -> None:
    sector = boot_sector()

    assert len(sector) == 512
    assert sector.endswith(b"\x55\xaa")
    assert bytes(sector[2 : 2 + 4 * len(WORD) : 4]) == WORD


@pytest.mark.parametrize(
    ("keys", "codes"),
    [
        ("ctrl-alt-f2", ("ctrl", "alt", "f2")),
        ("A", ("shift", "a")),
        ("-", ("minus",)),
        ("?", ("shift", "slash")),
        ("_", ("shift", "minus")),
    ],
)
def test_keys_are_named_as_qemu_names_them(keys: str, codes: tuple[str, ...]) -> None:
    assert chord(keys) == codes


def test_a_character_that_no_us_key_gives_is_refused() -> None:
    with pytest.raises(ValueError, match="ß"):
        chord("ß")
