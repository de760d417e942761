"""The tools do their work, without a network and without a home that could be written to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host

from asl_image.machine import Machine

pytestmark = pytest.mark.image


@pytest.fixture(autouse=True)
def _authority(manifest: Mapping[str, Any]) -> None:
    if not any(tool["name"] == "sops" for tool in manifest["tools"]):
        pytest.skip("not an authority image")


def version_of(manifest: Mapping[str, Any], tool: str) -> str:
    return next(str(each["version"]) for each in manifest["tools"] if each["name"] == tool)


def test_sops_is_the_pinned_one_and_asks_nobody_for_news(host: Host, manifest: Mapping[str, Any]) -> None:
    assert host.check_output("sops --version") == f"sops {version_of(manifest, 'sops')}"


def test_age_closes_and_opens_and_a_stranger_does_not(host: Host) -> None:
    done = host.run(
        "cd $(mktemp -d) && age-keygen -o mine 2>/dev/null && age-keygen -o other 2>/dev/null && "
        "echo secret | age -r $(age-keygen -y mine) >closed && age -d -i mine closed && age -d -i other closed"
    )

    assert done.stdout == "secret\n"
    assert "no identity matched" in done.stderr


def test_sops_closes_values_for_an_age_key_and_opens_them_again(host: Host) -> None:
    done = host.run(
        "cd $(mktemp -d) && age-keygen -o mine 2>/dev/null && echo 'pin: hunter2' >plain.yaml && "
        "sops encrypt --age $(age-keygen -y mine) plain.yaml >closed.yaml && grep -c hunter2 closed.yaml; "
        "SOPS_AGE_KEY_FILE=mine sops decrypt closed.yaml"
    )

    assert done.stdout == "0\npin: hunter2\n", done.stderr


def test_the_authority_program_says_its_version_by_both_names(host: Host, manifest: Mapping[str, Any]) -> None:
    version = version_of(manifest, "asl-auth-host")

    assert host.check_output("asl-auth-host --version; asl-admin --version").splitlines() == [
        f"asl-auth-host {version}",
        f"asl-admin {version}",
    ]


def test_the_scripts_lie_beside_the_program_and_lead_to_it(host: Host) -> None:
    done = host.run("cd /tmp && for name in make-dam sign_dam add_artifact; do $name.sh; echo $?; done")
    assert done.stdout.split() == ["2", "2", "2"]
    assert done.stderr.count("usage: ") == 3
    assert "no store here" in host.run("add_artifact.sh me.example /etc/os-release --rehearsal").stderr


def test_the_self_test_passes(host: Host) -> None:
    done = host.run("asl-auth-host self-test --json")
    answer = json.loads(done.stdout)

    assert done.rc == 0
    assert answer["ok"] is True
    assert len(answer["findings"]) >= 4


@pytest.mark.boot
def test_status_says_what_was_started_and_that_nothing_is_connected(
    booted: Machine, manifest: Mapping[str, Any]
) -> None:
    told = booted.run("asl-auth-host status")
    done = booted.run("asl-auth-host status --json")
    answer = json.loads(done.stdout)
    findings = {finding["check_id"]: finding["ok"] for finding in answer["findings"]}

    assert (told.status, done.status) == (0, 0)
    assert findings
    assert all(findings.values())
    assert answer["seal"]["image"] == manifest["image"]
    assert answer["seal"]["mode"] == "host"
    assert answer["interfaces"] == ["lo"]
    assert manifest["image"] in told.stdout
