"""boot: start an image in the same virtual machine that the tests use, for a person."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import click

from asl_image.accelerator import best_accelerator
from asl_image.bootreport import boot_report
from asl_image.errors import Refused
from asl_image.machine import Machine
from asl_image.qemu import QEMU, Accelerator, Drive, Firmware, MachineConfig
from asl_image.runner import Command, Runner
from asl_image.terminal import HOW_TO_LEAVE, converse, raw
from asl_image.verbs import House

WINDOWS = ("gtk", "sdl")
# What a window needs of a graphical session.
WINDOW_ENV = ("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "HOME")


@click.command()
@click.argument("iso", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--firmware", type=click.Choice(["bios", "uefi"]), default="bios", show_default=True, help="What starts the medium."
)
@click.option(
    "--medium", type=click.Choice(["cdrom", "usb"]), default="cdrom", show_default=True, help="What the image lies on."
)
@click.option(
    "--memory", type=click.IntRange(128), default=1024, show_default=True, metavar="MIB", help="The machine's memory."
)
@click.option(
    "--accel",
    type=click.Choice(["auto", "kvm", "tcg"]),
    default="auto",
    show_default=True,
    help="KVM or software emulation; `auto` takes KVM when a guest was seen running on it.",
)
@click.option("--choose", metavar="KEY", help="Press this key in the boot menu.")
@click.option("--graphical", is_flag=True, help="Show the machine's screen in a window.")
@click.option("--report", type=click.Path(path_type=Path), metavar="FILE", help="Write what the boot was made with.")
@click.pass_obj
def boot(
    house: House,
    iso: Path,
    firmware: Firmware,
    medium: Literal["cdrom", "usb"],
    memory: int,
    accel: Accelerator | Literal["auto"],
    choose: str | None,
    graphical: bool,
    report: Path | None,
) -> None:
    """Boot ISO in a virtual machine without any network; its serial line is this terminal."""
    logs = house.build / "boot"
    runner = Runner(logs / "commands.log")
    accelerator = best_accelerator(runner) if accel == "auto" else accel
    config = MachineConfig(
        medium=Drive(iso.absolute(), medium),
        firmware=firmware,
        memory_mib=memory,
        accelerator=accelerator,
        display=window(runner, house.environ) if graphical else "none",
        may_reboot=True,
    )
    if report is not None:
        report.write_text(json.dumps(boot_report(config, accelerator, runner), indent=2) + "\n")
    house.screen.note(f"{iso.name}: {firmware}, {medium}, {memory} MiB, {described(accelerator, accel)}")
    house.screen.note(HOW_TO_LEAVE)
    env = {name: house.environ[name] for name in WINDOW_ENV if name in house.environ} if graphical else {}
    with Machine(config, logs, overhear=speak, display_env=env) as machine, raw(sys.stdin.fileno()):
        machine.start()
        if choose is not None:
            machine.choose(choose)
        converse(sys.stdin.fileno(), machine.send, lambda: machine.running)
    house.screen.note(f"the machine is off; all it said is in {machine.serial_log}")


def speak(chunk: bytes) -> None:
    """Show what the machine says, byte for byte: escape sequences are for this terminal."""
    sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


def described(accelerator: Accelerator, asked: str) -> str:
    """How fast it will be, and why."""
    if accelerator == "kvm":
        return "KVM"
    return "software emulation (slow)" + ("" if asked == "tcg" else ": no guest runs under KVM here")


def window(runner: Runner, environ: Mapping[str, str]) -> str:
    """The kind of window that QEMU can open here. Raises Refused and says what is missing."""
    if not {"DISPLAY", "WAYLAND_DISPLAY"} & environ.keys():
        raise Refused(
            "there is no graphical session to open a window in",
            hint="leave --graphical out: the serial line comes to this terminal (--choose s)",
        )
    displays = runner.read(Command((QEMU, "-display", "help"))).split()
    found = next((kind for kind in WINDOWS if kind in displays), None)
    if found is None:
        raise Refused("this QEMU can't open a window", hint="apt install qemu-system-gui")
    return found
