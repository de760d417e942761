"""Who runs as whom: the operator has the console, the user authority has keys and store, and nobody looks across."""

from __future__ import annotations

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
# One that never says what it wants keeps a process of the authority's waiting: something to look at.
WAITING = """
python3 -c 'import socket, time; line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
line.connect("/run/asl/authority"); time.sleep(600)' &
caller=$!
for second in {1..60}; do
    for each in /proc/[0-9]*; do
        [[ $(stat -c %u $each 2>/dev/null) = 0 && $(grep -c '^Uid:.990.990.990.990$' $each/status 2>/dev/null) = 1 ]] &&
            it=${each#/proc/} && break 2
    done
    sleep 1
done
"""
TRACE = """python3 -c '
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
for request in (16, 0x4206):  # PTRACE_ATTACH, PTRACE_SEIZE
    libc.ptrace(request, int(sys.argv[1]), 0, 0)
    print(os.strerror(ctypes.get_errno()))
taken = ctypes.create_string_buffer(8)
class Piece(ctypes.Structure):
    _fields_ = [("at", ctypes.c_void_p), ("size", ctypes.c_size_t)]
ours, theirs = Piece(ctypes.addressof(taken), 8), Piece(0x400000, 8)
libc.process_vm_readv(int(sys.argv[1]), ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0)
print(os.strerror(ctypes.get_errno()))' $it
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
    [("asl-authority", contract.ERRAND_SOCKET, "operator"), ("asl-measure", contract.MEASURE_SOCKET, "authority")],
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
    looks = {
        "status": "grep -E '^(Uid|Gid|Groups|NoNewPrivs|CapEff|CapBnd|Seccomp):' /proc/$it/status",
        "limits": "grep -E '^Max (core|locked)' /proc/$it/limits",
        "words": "tr '\\0' ' ' </proc/$it/cmdline",
        "memory": "head -c1 /proc/$it/mem; cat /proc/$it/maps; cat /proc/$it/environ; ls /proc/$it/fd /proc/$it/cwd",
        "signals": "kill -0 $it; kill -9 $it; kill -INT $it",
        "trace": TRACE,
    }
    script = "".join(f"echo '@@ {name}'; {{ {look.rstrip()}\n}} 2>&1\n" for name, look in looks.items())
    said = booted.run(f"{WAITING}{script}kill $caller", 120).stdout
    answers = dict(zip(*(iter(re.split(r"^@@ (.*)\n", said, flags=re.MULTILINE)[1:]),) * 2, strict=True))
    status = dict(line.split(":\t") for line in answers["status"].splitlines())

    assert (status["Uid"].split(), status["Gid"].split()) == (["990"] * 4, ["990"] * 4)
    assert status["Groups"].split() == ["37", "990"]
    assert (status["NoNewPrivs"], status["CapEff"], status["CapBnd"], status["Seccomp"]) == (
        "1",
        "0" * 16,
        "0" * 16,
        "2",
    )
    assert re.search(r"^Max core file size +0 +0 ", answers["limits"], re.MULTILINE)
    assert re.search(r"^Max locked memory +unlimited +unlimited ", answers["limits"], re.MULTILINE)
    assert answers["words"].split()[-1] == "serve"  # nothing of what it is asked stands where everybody can read it
    assert answers["memory"].count("Permission denied") == 5
    assert answers["signals"].count("Operation not permitted") == 3
    assert answers["trace"].splitlines() == ["Operation not permitted"] * 3


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
