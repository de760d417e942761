"""What an operator reads before the first command."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from asl_image.machine import Machine
from support.boots import ask

pytestmark = [pytest.mark.image, pytest.mark.boot]

PNG = b"\x89PNG\r\n"


def test_the_banner_says_what_this_is_and_what_it_is_not(booted: Machine, manifest: Mapping[str, Any]) -> None:
    said = booted.transcript.text
    banner = said[said.index("a sealed, offline image") - 80 :]

    assert re.search(rf"{manifest['profile']} \S+: a sealed, offline image", banner)
    assert f"image    {manifest['image']}" in banner
    assert "medium   in use: do not remove it" in banner
    assert "network  none: this machine is connected to nothing" in banner
    assert "store    no store volume: nothing that is made here will last" in banner
    assert "REHEARSAL" not in banner
    assert "WARNING" not in banner


def test_the_shell_is_the_operators_and_finds_the_tools(booted: Machine, manifest: Mapping[str, Any]) -> None:
    authority = any(tool["name"] == "asl-auth-host" for tool in manifest["tools"])
    answers = ask(
        booted,
        {
            "who": "id -un; tty -s || true; pwd; umask",
            "consoles": "for console in /dev/tty1 /dev/ttyS0 /dev/tty2; do stat -c '%n %U' $console; done",
            "environment": "echo $PATH; env | grep -c ^SOPS_DISABLE_VERSION_CHECK=1",
        },
    )

    # Where there is an authority, the operator begins in the folder that they share.
    assert answers["who"].split() == [
        "operator",
        *(["/run/asl/desk", "0027"] if authority else ["/home/operator", "0077"]),
    ]
    assert answers["consoles"].splitlines() == ["/dev/tty1 operator", "/dev/ttyS0 operator", "/dev/tty2 root"]


def test_nobody_was_asked_for_a_name_or_a_password(booted: Machine) -> None:
    said = booted.transcript.text

    assert not re.search(r"^\S* ?login: |[Pp]assword: ", said, re.MULTILINE)


def test_tab_completes_a_verb_of_the_authority(booted: Machine, manifest: Mapping[str, Any]) -> None:
    if not any(tool["name"] == "asl-auth-host" for tool in manifest["tools"]):
        return  # an image without it has nothing to complete
    booted.type("asl-auth-host polic\t")

    booted.wait_for("asl-auth-host policy ", 60)
    booted.type("--help\n")
    booted.wait_for(r"usage: asl-auth-host \[options\] policy VERB", 60)
    booted.wait_for(r"^operator@[^\n]*\$ ", 30)
    assert booted.run("id -u").stdout == "1000\n"


def test_leaving_the_shell_leads_back_to_the_banner_and_a_new_one(booted: Machine) -> None:
    booted.type("exit\n")

    booted.wait_for("a sealed, offline image", 30)
    booted.wait_for(r"^operator@[^\n]*\$ ", 30)
    assert booted.run("id -u").stdout == "1000\n"


def test_the_screen_shows_something(booted: Machine, tmp_path: Path) -> None:
    booted.screenshot(tmp_path / "screen.png")

    assert (tmp_path / "screen.png").read_bytes().startswith(PNG)
