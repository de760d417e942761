"""Where the authority's things lie: sealed tools, and mount points that are obviously not a store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host

from asl_image.machine import Machine

pytestmark = pytest.mark.image

ROOT = "/asl-auth-host"
STORE = ("host", "domains", "env-claims", "sops-bundles", "federation", "quarantine")


@pytest.fixture(autouse=True)
def _authority(manifest: Mapping[str, Any]) -> None:
    if not any(tool["name"] == "asl-auth-host" for tool in manifest["tools"]):
        pytest.skip("not an authority image")


def test_the_mount_points_of_a_store_volume_are_empty_and_nobody_may_write_to_them(host: Host) -> None:
    names = " ".join(f"{ROOT}/{name}" for name in STORE)
    found = host.check_output(f"stat -c '%n %a %U:%G %F' {ROOT} {names}; find {names} -mindepth 1").splitlines()

    assert found == [f"{place} 555 root:root directory" for place in (ROOT, *(f"{ROOT}/{name}" for name in STORE))]


def test_nothing_else_lies_beside_them(host: Host) -> None:
    assert set(host.check_output(f"ls -A {ROOT}").split()) == {*STORE, "tools"}


@pytest.mark.boot
def test_writing_there_fails(booted: Machine) -> None:
    tried = booted.run(f"for name in {' '.join(STORE)} tools; do : >{ROOT}/$name/x && echo written; done")

    assert tried.stdout == ""
    assert tried.stderr.count("Read-only file system") == len(STORE) + 1


def test_each_tool_has_a_version_and_a_stable_name(host: Host, manifest: Mapping[str, Any]) -> None:
    links = dict(
        line.split(" ")
        for line in host.check_output(f"cd {ROOT}/tools && find . -type l -printf '%P %l\\n'").splitlines()
    )
    folders = {f"{tool['name']}-{tool['version']}" for tool in manifest["tools"]}

    assert set(host.check_output(f"ls {ROOT}/tools/versions").split()) == folders
    for tool in manifest["tools"]:
        assert links[tool["name"]] == f"versions/{tool['name']}-{tool['version']}/{tool['name']}"
    assert links["asl-admin"] == links["asl-auth-host"]
    assert host.run(f"cd {ROOT}/tools && for link in *; do test -e $link || echo $link; done").stdout == ""


def test_pinned_tools_are_byte_for_byte_what_their_pin_says(host: Host, manifest: Mapping[str, Any]) -> None:
    pinned = {
        f"{ROOT}/tools/versions/{tool['name']}-{tool['version']}/{file['path'].rpartition('/')[2]}": file["sha256"]
        for tool in manifest["tools"]
        for file in tool["files"]
    }
    found = host.check_output(f"sha256sum {' '.join(pinned)}").splitlines()

    assert pinned
    assert {path: digest for digest, path in (line.split("  ") for line in found)} == pinned
