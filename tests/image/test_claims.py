"""The image can say what it is: all of it measured by the machine that it runs, nothing verified without a manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host

from asl_authority.values.claim import read_claim
from asl_authority.values.environment import Status
from asl_authority.values.image_manifest import read_image_manifest
from asl_authority.values.reference import hold_against
from asl_image.machine import Machine
from support.iso import Iso

pytestmark = pytest.mark.image

UNITS = "/usr/lib/systemd/system"
# Reading all layers and the medium takes its time on an emulated machine.
LONG_S = 300.0


@pytest.fixture(autouse=True)
def _authority(manifest: Mapping[str, Any]) -> None:
    if not any(tool["name"] == "asl-auth-host" for tool in manifest["tools"]):
        pytest.skip("not an authority image")


def test_the_helper_that_reads_for_claims_hears_no_word_and_has_no_power(host: Host) -> None:
    unit = host.check_output(f"cat {UNITS}/asl-measure@.service")

    assert "ExecStart=/asl-auth-host/tools/asl-auth-host measure\n" in unit
    assert "StandardInput=null\n" in unit
    assert "CapabilityBoundingSet=\n" in unit
    assert "SocketMode=0600" in host.check_output(f"cat {UNITS}/asl-measure.socket")


def test_the_image_of_the_project_names_no_builders(host: Host) -> None:
    assert host.run("test -e /etc/asl-auth-host/builders.json").rc == 1


@pytest.mark.boot
def test_a_booted_machine_claims_what_its_manifest_says_and_nobody_vouches_for_it(
    booted: Machine, manifest: Mapping[str, Any], iso: Iso
) -> None:
    made = booted.run("asl-auth-host claim --json --output test.claim", LONG_S)
    again = booted.run("asl-auth-host verify-env test.claim --json; rm -f test.claim", LONG_S)
    claim = json.loads(made.stdout)
    facts = claim["environment"]
    values = {name: fact.get("value") for name, fact in facts.items() if name != "layers"}

    assert (made.status, claim["verdict"]) == (0, "UNVERIFIED")
    assert claim["notes"] == []
    assert values["image_id"] == manifest["image"]
    assert {layer["name"]: layer["recomputed"] for layer in facts["layers"]} == {
        layer["name"]: layer["root_hash"] for layer in manifest["layers"]
    }
    assert values["medium"] == manifest["iso"]["sha256"]
    assert values["kernel"] == manifest["medium"]["asl/vmlinuz"]["sha256"]
    assert values["initrd"] == manifest["medium"]["asl/initrd"]["sha256"]
    assert [each["name"] for each in values["interfaces"]] == ["lo"]
    assert values["swap"] == []
    assert {name for name, fact in facts.items() if name != "layers" and fact["status"] != "measured"} <= {
        "config",
        "secure_boot",
        "tpm",
    }
    assert json.loads(again.stdout)["ok"] is True

    # What a verifier elsewhere makes of it, who believes the manifest.
    text = iso.path.with_suffix(".manifest.json").read_bytes()
    held = hold_against(read_claim(claim["claim"].encode()).environment, read_image_manifest(text))
    assert held.differences == ()
    assert set(held.environment.having(Status.VERIFIED)) == {
        *("image_id", "initrd", "kernel", "kernel_cmdline", "medium", "tools"),
        *(f"layer {layer['name']}" for layer in manifest["layers"]),
    }
