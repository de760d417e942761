"""Who runs as whom: the operator has the console, the user authority has keys and store, and nobody looks across."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host

from asl_authority import contract
from asl_image.machine import Machine
from support.boots import ask

pytestmark = pytest.mark.image

UNITS = "/usr/lib/systemd/system"
VIEW = {path.name: f"/run/asl/view/{path.name}" for path in contract.VIEWED}
# What a program of the operator's finds out and can do about a process of the authority's. One that connects and never
# says what it wants keeps that process waiting: something to look at.
LOOK = r"""
import ctypes, json, os, pathlib, signal, socket, time
line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
line.connect("/run/asl/authority")
found = {}

def status(pid):
    try:
        text = (pathlib.Path("/proc") / pid / "status").read_text()
    except OSError:
        return {}
    return dict(each.split(":", 1) for each in text.splitlines())

def waiting():
    for _ in range(600):
        for pid in filter(str.isdigit, os.listdir("/proc")):
            if status(pid).get("Uid", "").split() == ["990"] * 4 and os.stat(f"/proc/{pid}/status").st_uid == 0:
                return pid  # root's in /proc: it has said that nobody may look into it
        time.sleep(0.2)

def tried(name, act):
    try:
        act()
    except OSError as error:
        found[name] = error.strerror
    else:
        found[name] = "DONE"

pid = waiting()
said, at = status(pid), pathlib.Path("/proc") / pid
found["status"] = {name: said[name].split() for name in ("Uid", "Gid", "Groups", "NoNewPrivs", "CapEff", "Seccomp")}
found["limits"] = [each.split() for each in (at / "limits").read_text().splitlines()]
found["words"] = (at / "cmdline").read_bytes().decode().split(chr(0))
for name in ("mem", "maps", "environ", "auxv", "stack"):
    tried(name, lambda: (at / name).open("rb").read(1))
for name in ("fd", "map_files"):
    tried(name, lambda: os.listdir(at / name))
tried("cwd", lambda: os.readlink(at / "cwd"))
for number in (0, signal.SIGINT, signal.SIGSTOP, signal.SIGKILL):
    tried(f"signal {int(number)}", lambda: os.kill(int(pid), number))
libc = ctypes.CDLL(None, use_errno=True)

def call(name, *values):
    if getattr(libc, name)(*values) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

class Piece(ctypes.Structure):
    _fields_ = [("at", ctypes.c_void_p), ("size", ctypes.c_size_t)]

taken = ctypes.create_string_buffer(8)
ours, theirs = Piece(ctypes.addressof(taken), 8), Piece(0x400000, 8)
tried("attach", lambda: call("ptrace", 16, int(pid), 0, 0))
tried("seize", lambda: call("ptrace", 0x4206, int(pid), 0, 0))
tried("read", lambda: call("process_vm_readv", int(pid), ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0))
tried("descriptor", lambda: call("syscall", 438, os.pidfd_open(int(pid)), 0, 0))
print(json.dumps(found))
"""


@pytest.fixture(autouse=True)
def _authority(manifest: Mapping[str, Any]) -> None:
    if not any(tool["name"] == "asl-auth-host" for tool in manifest["tools"]):
        pytest.skip("not an authority image")


def settings(host: Host, unit: str) -> dict[str, list[str]]:
    """What a unit of ours says, each key with all its values."""
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", host.check_output(f"cat {UNITS}/{unit}"), re.MULTILINE):
        found.setdefault(key, []).append(value)
    return found


def test_what_the_operator_calls_is_carried_out_as_the_authority_and_has_no_power(host: Host) -> None:
    unit = settings(host, "asl-authority@.service")

    assert unit["ExecStart"] == ["/asl-auth-host/tools/asl-auth-host serve"]
    assert (unit["User"], unit["Group"], unit["SupplementaryGroups"]) == (["authority"], ["authority"], ["operator"])
    assert (unit["NoNewPrivileges"], unit["CapabilityBoundingSet"]) == (["yes"], [""])
    assert (unit["LimitCORE"], unit["LimitMEMLOCK"]) == (["0"], ["infinity"])
    assert unit["MemoryDenyWriteExecute"] == unit["RestrictNamespaces"] == unit["LockPersonality"] == ["yes"]
    assert unit["RestrictAddressFamilies"] == ["AF_UNIX"]
    # In namespaces of its own it would measure those, and not the machine.
    assert not {"PrivateNetwork", "ProtectSystem", "PrivateTmp", "PrivateDevices", "ReadWritePaths"} & unit.keys()


@pytest.mark.parametrize(
    ("socket", "at", "who"),
    [
        ("asl-authority", contract.ERRAND_SOCKET, "operator"),
        ("asl-measure", contract.MEASURE_SOCKET, "authority"),
        ("asl-sticks", contract.STICK_SOCKET, "authority"),
    ],
)
def test_each_helper_hears_one_user_alone(host: Host, socket: str, at: str, who: str) -> None:
    unit = settings(host, f"{socket}.socket")

    assert [value for key in ("ListenStream", "ListenSequentialPacket") for value in unit.get(key, ())] == [str(at)]
    assert (unit["SocketUser"], unit["SocketMode"]) == ([who], ["0600"])


def test_what_opens_the_store_hears_nobody(host: Host) -> None:
    unit = settings(host, "asl-store.service")

    assert (unit["ExecStart"], unit["StandardInput"]) == (["/usr/lib/asl/open-store"], ["null"])
    assert "CAP_SYS_PTRACE" not in unit["CapabilityBoundingSet"][0]
    assert host.run("ls %s/asl-store.socket", UNITS).rc != 0


def test_the_view_of_the_host_shows_four_names_and_leads_to_the_read_only_place(host: Host) -> None:
    found = host.check_output(f"cd {contract.HOST_VIEW} && find . -mindepth 1 -printf '%P %l\\n'").splitlines()

    assert dict(line.split(" ") for line in found) == VIEW


def test_the_second_name_of_the_program_is_a_link_to_it(host: Host) -> None:
    assert host.check_output("asl-admin --version").split()[0] == "asl-admin"


@pytest.mark.boot
def test_the_operator_can_not_look_into_a_process_of_the_authoritys(booted: Machine) -> None:
    done = booted.run(f"python3 -I - <<'END'\n{LOOK}END", 240)
    found = json.loads(done.stdout or "{}")
    assert found, done.stderr
    status, limits, words = (found.pop(name) for name in ("status", "limits", "words"))

    assert (status["Uid"], status["Gid"]) == (["990"] * 4, ["990"] * 4)
    assert set(status["Groups"]) == {"37", "990"}
    assert (status["NoNewPrivs"], status["CapEff"], status["Seccomp"]) == (["1"], ["0" * 16], ["2"])
    assert ["Max", "core", "file", "size", "0", "0", "bytes"] in limits
    assert ["Max", "locked", "memory", "unlimited", "unlimited", "bytes"] in limits
    assert words[-2:] == ["serve", ""]  # nothing of what it is asked stands where everybody can read it
    assert set(found.values()) <= {"Permission denied", "Operation not permitted"}, found
    assert len(found) == 16


@pytest.mark.boot
def test_the_operator_calls_and_the_authority_writes(booted: Machine) -> None:
    answers = ask(
        booted,
        {
            "made": "asl-auth-host policy new --output made.yaml; stat -c '%U:%G %a' made.yaml; cat made.yaml | wc -l",
            "handed in": "umask 0027; cp made.yaml mine.yaml; asl-auth-host policy check mine.yaml | tail -1",
            "closed": "chmod 600 mine.yaml; asl-auth-host policy check mine.yaml",
            "taken": "rm -f made.yaml mine.yaml; ls -A",
            "out of reach": "mkdir -m 700 /tmp/closed; cd /tmp/closed; asl-auth-host status; rmdir /tmp/closed",
            "asking": "asl-auth-host key new --kind offline-root --output root-1",
            "session": "ls /run/asl/session",
            "store": f"for at in {contract.AUTHORITY_ROOT} {contract.HOST_VIEW}/host /run/asl /run/asl/view; "
            "do : >$at/x && echo written; done; true",
        },
        300,
    )

    assert answers["made"].splitlines()[1] == "authority:operator 640"
    assert re.fullmatch(r"[0-9a-f]{64}\n", answers["handed in"])
    assert "Permission denied" in answers["closed"]
    assert "chmod g+r, in /run/asl/desk" in answers["closed"]
    assert answers["closed"].endswith("status 8\n")
    assert answers["taken"] == ""
    assert "the authority can't work there" in answers["out of reach"]
    assert answers["asking"].endswith("status 4\n")
    assert "Permission denied" in answers["session"]
    assert "written" not in answers["store"]
