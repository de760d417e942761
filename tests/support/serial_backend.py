"""testinfra over a machine's serial line, so that one spec runs on the built tree and on the booted image."""

from __future__ import annotations

from typing import Any

from testinfra.backend.base import BaseBackend, CommandResult
from testinfra.host import Host

from asl_image.machine import Machine


class SerialBackend(BaseBackend):  # type: ignore[misc]  # testinfra has no types
    """Runs a spec's commands in the shell that waits on a machine's serial line."""

    NAME = "serial"

    def __init__(self, machine: Machine, name: str, timeout_s: float) -> None:
        super().__init__(name)
        self._machine = machine
        self._timeout_s = timeout_s
        self._encoding = "utf-8"  # testinfra would ask a python in the guest

    def run(self, command: str, *args: str, **_: Any) -> CommandResult:
        line = self.get_command(command, *args)
        result = self._machine.run(line, self._timeout_s)
        return self.result(result.status, line.encode(), result.stdout_bytes, result.stderr_bytes)


def booted_host(machine: Machine, name: str = "machine", timeout_s: float = 60.0) -> Host:
    """The booted machine as testinfra sees it; a shell must be waiting on its serial line."""
    backend = SerialBackend(machine, name, timeout_s)
    host = Host(backend)
    backend.set_host(host)
    return host
