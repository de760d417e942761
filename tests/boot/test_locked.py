"""No way leads to a shell that was not meant: not by GRUB's keys, not by the keyboard's, not by the kernel's words.

What this keeps out is a mistake, or a guest at the keyboard, but nobody who brings a boot loader of their own.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from asl_image.console import KernelPanicked
from asl_image.machine import MENU, Machine
from asl_image.qemu import DirectKernel, Drive, Firmware, MachineConfig
from support.boots import BY_FIRMWARE, PROMPT, PROMPT_S, ask
from support.iso import Iso

pytestmark = [pytest.mark.image, pytest.mark.boot]

LONG = pytest.mark.long
EARLY_S = 120.0  # the first seconds of a boot, on a busy machine
ANY_SHELL = re.compile(r"uid=\d+|^\S*[#$] $|^grub> |BASH-like|BusyBox|\(initramfs\)", re.MULTILINE)

# A few in each run; the list itself is tested without a machine.
FEW = ("init=/bin/bash", "systemd.debug_shell", "rescue")
OTHERS = (
    "break=premount", "emergency", "single", "break", "rd.break", "rd.shell", "init=/usr/lib/systemd/systemd", "S", "s",
    "1", "5", "-b", "--", "systemd.debug-shell=1", "systemd.debug_shell=ttyS0", "systemd.unit=rescue.target",
    "systemd.unit=debug-shell.service", "systemd.run=/bin/bash", "systemd.wants=getty.target", "systemd.crash_shell=1",
    "systemd.import_credentials=yes", "systemd.set_credential=tmpfiles.extra:x", "sysrq_always_enabled",
    "console=ttyS1", "asl.mode=shell", "asl.iso=../x", "asl.ram=-1", "quiet2",
)  # fmt: skip


# -- GRUB


@pytest.mark.parametrize(
    ("firmware", "on_the_line", "on_the_screen"),
    [
        ("bios", "c", "e"),
        ("uefi", "e", "c"),
        pytest.param("bios", "e", "c", marks=LONG),
        pytest.param("uefi", "c", "e", marks=LONG),
    ],
)
def test_grub_asks_who_is_there_before_it_gives_its_command_line_or_its_editor(
    iso: Iso, tmp_path: Path, firmware: Firmware, on_the_line: str, on_the_screen: str
) -> None:
    """Nobody is a superuser, so no answer is right. GRUB makes one wait twice as long after each wrong one."""
    config = MachineConfig(medium=Drive(iso.path, "cdrom"), firmware=firmware, memory_mib=512)
    with Machine(config, tmp_path) as machine:
        machine.start()
        machine.wait_for(MENU.pattern, 60)
        machine.type(on_the_line)
        machine.wait_for("Enter username: ", 10)
        letter_by_letter(machine, "root\n")
        machine.wait_for("Enter password: ", 10)
        letter_by_letter(machine, "root\n")
        machine.wait_for(MENU.pattern, 20)
        machine.press(on_the_screen)
        machine.wait_for("Enter username: ", 10)
        machine.press("esc")
        machine.wait_for(MENU.pattern, 20)
        assert not ANY_SHELL.search(machine.transcript.text)

        machine.type("s")  # the entries stay free to choose

        machine.wait_for("asl-seal: start", EARLY_S)


def letter_by_letter(machine: Machine, text: str) -> None:
    """As people type. UEFI's console reads GRUB's serial line too: what comes at once may change its order."""
    for letter in text:
        machine.type(letter)
        time.sleep(0.3)


# -- the keyboard and the line


def test_break_on_the_serial_line_is_no_key_to_the_kernel(booted: Machine) -> None:
    for letter in ("h", "b"):  # help, and restart at once
        booted.qmp.execute("chardev-send-break", id="serial0")
        booted.type(letter)
        time.sleep(0.5)
    booted.type("\x03")
    time.sleep(1)

    assert booted.run("id -u").stdout == "1000\n"
    assert "sysrq: HELP" not in booted.transcript.text
    assert "sysrq: Resetting" not in booted.transcript.text


@pytest.mark.parametrize("letter", ["h", "b", "r", "e", "k"])
def test_magic_keys_do_nothing(booted: Machine, letter: str) -> None:
    keys = [{"type": "qcode", "data": code} for code in ("alt", "sysrq", letter)]
    before = booted.run("echo $PPID; cat /proc/uptime | cut -d. -f1").stdout.split()
    booted.qmp.execute("send-key", keys=keys)
    time.sleep(0.5)
    after = booted.run("echo $PPID; cat /proc/uptime | cut -d. -f1").stdout.split()

    assert after[0] == before[0]  # the same shell
    assert int(after[1]) >= int(before[1])
    assert not re.search(r"sysrq: (?!This sysrq operation is disabled)", booted.transcript.text)


def test_there_is_no_other_screen_to_go_to(booted: Machine, tmp_path: Path) -> None:
    """What is typed goes on reaching the operator's shell on the first screen, and nobody else has come."""
    booted.run("rm -f /tmp/by-screen-*")
    shells = (
        "for each in /proc/[0-9]*; do read -r -d '' _ <$each/cmdline && echo $(<$each/comm); done 2>/dev/null | sort -u"
    )
    before = booted.run(shells).stdout
    for number in (2, 3, 4, 5, 6, 12):
        booted.press(f"ctrl-alt-f{number}")
        time.sleep(0.2)
        booted.type_on_screen(f"\n>/tmp/by-screen-{number}\n")
        booted.screenshot(tmp_path / f"screen-{number}.png")
    time.sleep(1)
    answers = ask(
        booted,
        {
            "active": "cat /sys/class/tty/tty0/active",
            "typed": "cd /tmp; ls by-screen-* | wc -l; rm -f by-screen-*",
            "shells": shells,
        },
    )

    assert answers["active"] == "tty1\n"
    assert answers["typed"] == "6\n"
    assert answers["shells"] == before


# -- the firmware


def test_the_firmware_hands_no_settings_to_systemd(booted: Machine) -> None:
    """With them an ordinary system makes files, sets passwords and starts units as the machine's owner likes."""
    assert any(word.startswith("type=11,value=io.systemd.credential:") for word in booted.config.extra)
    answers = ask(booted, {"made": f"ls {BY_FIRMWARE}", "kept": "ls /run/credentials/@system"})

    assert "No such file" in answers["made"]
    assert "No such file" in answers["kept"]


# -- the kernel's words


@contextmanager
def kernel_started(iso: Iso, logs: Path, words: str) -> Iterator[Machine]:
    """A machine whose kernel was started past the boot loader, with these words."""
    parts = [iso.extract(f"asl/{name}", logs) for name in ("vmlinuz", "initrd")]
    kernel = DirectKernel(parts[0], parts[1], words)
    config = MachineConfig(medium=Drive(iso.path, "cdrom"), kernel=kernel, memory_mib=512, cpus=1)
    with Machine(config, logs) as machine:
        machine.start()
        yield machine


def gives_a_shell(machine: Machine) -> bool:
    """Whether somebody answers who sits at the serial line now, after a while."""
    heard = len(machine.transcript.text)
    machine.type("\n\nid\n")
    time.sleep(2)
    return bool(ANY_SHELL.search(machine.transcript.text[heard:]))


@pytest.mark.parametrize("word", [*FEW, *(pytest.param(word, marks=LONG) for word in OTHERS)])
def test_a_word_for_the_kernel_that_is_not_permitted_stops_the_start_and_is_named(
    iso: Iso, tmp_path: Path, word: str
) -> None:
    with kernel_started(iso, tmp_path, f"{iso.command_line()} {word}") as machine:
        machine.wait_for(
            rf"asl-seal: STOP: the kernel command-line word '{re.escape(word)}' (is not permitted|makes no sense)\n",
            EARLY_S,
        )

        assert not gives_a_shell(machine)


@LONG
@pytest.mark.parametrize("words", ['"break=x"', "asl.image=0 '", "quiet\\"])
def test_quotation_marks_are_refused_because_the_kernel_would_read_them_otherwise(
    iso: Iso, tmp_path: Path, words: str
) -> None:
    with kernel_started(iso, tmp_path, f"{iso.command_line()} {words}") as machine:
        machine.wait_for("asl-seal: STOP: a quotation mark or backslash on the kernel's command line\n", EARLY_S)

        assert not gives_a_shell(machine)


@pytest.mark.parametrize("program", ["/bin/sh", pytest.param("/asl/words", marks=LONG)])
def test_the_initramfs_has_nothing_else_to_begin_with(iso: Iso, tmp_path: Path, program: str) -> None:
    with kernel_started(iso, tmp_path, f"{iso.command_line()} rdinit={program}") as machine:
        with pytest.raises(KernelPanicked):
            machine.wait_for(PROMPT, EARLY_S)

        assert not gives_a_shell(machine)


@LONG
def test_naming_the_one_program_that_there_is_changes_nothing(iso: Iso, tmp_path: Path) -> None:
    with kernel_started(iso, tmp_path, f"{iso.command_line()} rdinit=/init") as machine:
        machine.wait_for("asl-seal: STOP: the kernel command-line word 'rdinit=/init' is not permitted\n", EARLY_S)


@LONG
@pytest.mark.parametrize("left_out", [r"asl\.image=\S+", r"asl\.layer=\S+ asl\.layer=\S+ asl\.layer=\S+"])
def test_a_start_without_a_seal_is_none(iso: Iso, tmp_path: Path, left_out: str) -> None:
    with kernel_started(iso, tmp_path, re.sub(left_out, "", iso.command_line())) as machine:
        machine.wait_for("asl-seal: STOP: the kernel's command line does not say which image to start", EARLY_S)


@LONG
@pytest.mark.parametrize("wrong", ["image", "layer"])
def test_a_seal_of_another_image_is_not_this_ones(iso: Iso, tmp_path: Path, wrong: str) -> None:
    line = iso.command_line()
    if wrong == "image":
        words = re.sub(r"asl\.image=\S{8}", "asl.image=00000000", line)
        expected = "no medium carries this image; seen: .*another image"
    else:
        words = re.sub(r"(asl\.layer=base,\d+,)\S{8}", r"\g<1>00000000", line)
        expected = r"layer base: block \d+ of its hash tree does not match the seal"
    with kernel_started(iso, tmp_path, words) as machine:
        machine.wait_for(f"asl-seal: STOP: {expected}", EARLY_S)


@LONG
def test_the_line_of_the_boot_menu_starts_by_the_same_road(iso: Iso, tmp_path: Path) -> None:
    """Else every refusal above would prove nothing."""
    with kernel_started(iso, tmp_path, iso.command_line()) as machine:
        machine.wait_for(PROMPT, PROMPT_S)
        assert machine.run("id -u").stdout == "1000\n"
