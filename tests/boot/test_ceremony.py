"""A short ceremony in the booted image, at its serial line: what stories tell, with the rights that people have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from asl_authority import contract
from asl_image.machine import Machine
from support.boots import ask
from support.serial_person import hold

pytestmark = [pytest.mark.image, pytest.mark.boot]

PATIENCE_S = 900.0  # scrypt at 2^20 and 2^18, each key twice, on an emulated processor


@pytest.fixture(autouse=True)
def _authority(manifest: Mapping[str, Any]) -> None:
    if not any(tool["name"] == "asl-auth-host" for tool in manifest["tools"]):
        pytest.skip("not an authority image")


def test_the_store_of_a_rehearsal_is_memory_that_the_authority_has(rehearsal: Machine) -> None:
    answers = ask(
        rehearsal,
        {
            "state": f"cat {contract.STORE_STATE}",
            "mounts": "grep -E ' (/asl-auth-host|/asl-auth-host/tools|/run/asl/view) ' /proc/self/mounts",
            "owner": "stat -c '%U:%G %a' /asl-auth-host",
            "writing": "for at in /asl-auth-host /asl-host/host /run/asl/view; do : >$at/x && echo written; done; true",
            "status": "asl-auth-host status | grep -A1 ^Store",
        },
        PATIENCE_S,
    )
    mounts = {line.split()[1]: line.split()[2:4] for line in answers["mounts"].splitlines()}

    assert '"how": "memory"' in answers["state"]
    assert {at: kind for at, (kind, _) in mounts.items()} == {
        "/asl-auth-host": "tmpfs",
        "/asl-auth-host/tools": "squashfs",
        "/run/asl/view": "tmpfs",
    }
    assert {"nosuid", "nodev", "noexec", "rw"} <= set(mounts["/asl-auth-host"][1].split(","))
    assert "ro" in mounts["/run/asl/view"][1].split(",")
    assert answers["owner"] == "authority:operator 2755\n"
    assert "written" not in answers["writing"]
    assert "a rehearsal's, in memory" in answers["status"]


def test_ctrl_c_at_a_question_stops_the_authority_and_the_terminal_is_as_it_was(rehearsal: Machine) -> None:
    rehearsal.run("asl-auth-host policy new --output policy.yaml", PATIENCE_S)
    rehearsal.type("asl-auth-host key new --kind offline-root --output k --own; echo ended $? he''re\n")
    rehearsal.wait_for(r"Passphrase \(not shown\): ", 120)

    rehearsal.type("\x1a")  # Ctrl-Z does nothing
    rehearsal.type("unseen\x03")

    rehearsal.wait_for("stopped by you\n", 60)
    assert rehearsal.wait_for(r"^ended (\d+) here\n", 60).group(1) == "6"
    assert "unseen" not in rehearsal.transcript.text
    rehearsal.type("stty -a | grep -o '[-]*echo '; echo sa''id\n")
    assert "-echo" not in rehearsal.wait_for(r"^echo \n(.|\n)*^said\n", 60).group()
    there = "grep -sl '^Uid:.990' /proc/[0-9]*/status"
    gone = f"for second in {{1..30}}; do {there} >/dev/null || break; sleep 1; done; {there}; ls k* 2>/dev/null; true"
    assert ask(rehearsal, {"left": gone}) == {"left": ""}


def test_a_ceremony_ends_with_a_store_whose_papers_hold(rehearsal: Machine) -> None:
    rehearsal.run("[ -e policy.yaml ] || asl-auth-host policy new --output policy.yaml", PATIENCE_S)
    init = hold(rehearsal, "asl-auth-host root init --threshold 1 --policy policy.yaml", PATIENCE_S)
    assert init.status == 0, init.screen
    snapshot = re.findall(r"^snapshot\n  ([0-9a-f]{64})\n", init.screen, re.MULTILINE)[-1]
    host = f"{contract.HOST_VIEW}/host"
    answers = ask(
        rehearsal,
        {
            "list": "asl-auth-host domain list",
            "check": "asl-auth-host domain check host",
            "snapshot": f"asl-auth-host snapshot verify {snapshot}",
            "dam": f"asl-auth-host dam verify {host}/dam/dam-1.json --rehearsal --root-set {host}/auth/root-set-1.json "
            f"--policy {host}/policies/*.json $(printf -- '--certificate %s ' {host}/certs/cert-*.json)",
            "again": "asl-auth-host root init --threshold 1 --policy policy.yaml",
            "damage": f"rm -rf /asl-auth-host/host {host}; : >>{host}/log/log-1.aol; mv /asl-auth-host/host{{,-away}}",
            "private": f"cat {host}/certs/root.priv.enc",
            "owner": f"stat -Lc '%U:%G %a' {host} {host}/log/log-1.aol {host}/certs/root.priv.enc",
        },
        PATIENCE_S,
    )
    ended = {name: re.findall(r"status (\d+)\n$", answer) for name, answer in answers.items()}

    assert [name for name in ("list", "check", "snapshot", "dam", "owner") if ended[name]] == [], answers
    assert ended["again"] == ["4"]
    assert "nothing is overwritten" in answers["again"]
    assert "Permission denied" in answers["private"]
    assert answers["owner"].splitlines() == [f"authority:operator {mode}" for mode in ("2750", "640", "600")]
    assert ask(rehearsal, {"check": "asl-auth-host domain check host"})["check"] == answers["check"]
