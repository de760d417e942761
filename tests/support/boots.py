"""Boots of an image: to the operator's prompt, and the few questions that every booted machine is asked."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from asl_image.machine import MILESTONES, Machine
from asl_image.qemu import MachineConfig, Nic

PROMPT = MILESTONES["prompt"]
# A boot takes 20 s on a quiet machine; nobody gains from giving up early on a busy one.
PROMPT_S = 240.0
BY_FIRMWARE = "/tmp/by-firmware"  # noqa: S108 - the guest's
# A machine whose owner wants a file made in the system, by the way that systemd has for such wishes.
FIRMWARE_SETTINGS = (
    *("-smbios", f"type=11,value=io.systemd.credential:tmpfiles.extra=f {BY_FIRMWARE} 0644 root root - x"),
    *("-fw_cfg", "name=opt/io.systemd.credentials/try,string=x"),
)
EVERY_NIC: tuple[Nic, ...] = ("virtio-net-pci", "e1000", "usb-net")
# Waits: the report is written when everything has started, which may be long after the prompt on a busy machine.
SETTLED_S = 300
FAILED_UNITS = (
    f"for second in {{1..{SETTLED_S}}}; do [ -e /run/asl/failed-units ] && break; sleep 1; done; "
    "cat /run/asl/failed-units"
)


@contextmanager
def at_prompt(config: MachineConfig, logs: Path, key: str = "s") -> Iterator[Machine]:
    """A machine that was started by this entry of the boot menu, with a shell waiting on its serial line."""
    with Machine(config, logs) as machine:
        machine.start()
        machine.choose(key)
        machine.wait_for(PROMPT, PROMPT_S)
        yield machine


def ask(machine: Machine, questions: Mapping[str, str], timeout_s: float = SETTLED_S + 60.0) -> dict[str, str]:
    """The answer (stdout and stderr) to each command, all in one go; a command that fails says so in a last line."""
    script = "".join(
        f'echo "@@ {name}"; bash -c {shlex.quote(command)} 2>&1 </dev/null || echo "status $?"; echo\n'
        for name, command in questions.items()
    )
    answers = re.split(r"^@@ (.*)\n", machine.run(script, timeout_s).stdout, flags=re.MULTILINE)[1:]
    return {name: text.removesuffix("\n") for name, text in zip(answers[::2], answers[1::2], strict=True)}


KEY_QUESTIONS = {
    "failed units": FAILED_UNITS,
    "interfaces": "ls /sys/class/net",
    "seal": "cat /run/asl/seal.json",
    "root": "grep ' / ' /proc/self/mounts",
    "writing": "for at in / /etc /usr /usr/bin /home/operator /asl-auth-host/host; do : >$at/x && echo written; done",
    "devices": "cat /sys/block/dm-*/dm/name",
}
TOOL_QUESTIONS = {
    "sops": "sops --version",
    "age": "age --version",
    "self-test": "asl-auth-host self-test --json",
}


def check_key_facts(machine: Machine, manifest: Mapping[str, Any]) -> None:
    """What must hold on every machine that reached its prompt, however it was started."""
    with_tools = any(tool["name"] == "asl-auth-host" for tool in manifest["tools"])
    answers = ask(machine, {**KEY_QUESTIONS, **(TOOL_QUESTIONS if with_tools else {})})
    assert answers["failed units"] == ""
    assert answers["interfaces"] == "lo\n"
    seal = json.loads(answers["seal"])
    assert seal["image"] == manifest["image"]
    assert seal["layers"] == manifest["layers"]
    assert re.fullmatch(r"overlay / overlay ro,[^ ]* 0 0\n", answers["root"])
    assert "upperdir" not in answers["root"]
    assert "written" not in answers["writing"]
    assert answers["writing"].count("Read-only file system") >= 4
    assert answers["devices"].split() == [f"asl-{layer['name']}" for layer in manifest["layers"]]
    if with_tools:
        assert answers["sops"].startswith("sops 3.")
        assert re.match(r"v?1\.", answers["age"])
        assert json.loads(answers["self-test"])["ok"] is True
