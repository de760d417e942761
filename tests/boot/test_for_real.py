"""No rehearsal: a site's own image, a store volume, a stick, a VERIFIED claim, and a domain that is founded on it."""

from __future__ import annotations

import json
import subprocess
from io import StringIO
from pathlib import Path

import pytest

from asl_authority import contract
from asl_authority.contract import ExitStatus
from asl_authority.front import cli
from asl_image.machine import Machine
from asl_image.qemu import Drive, MachineConfig
from support.boots import FAILED_UNITS, ask, at_prompt
from support.serial_person import Held, hold
from support.site import Site, make_site
from support.sticks import fat, read_tree, write_to
from support.toolstree import ToolsTree
from support.volumes import made

pytestmark = [pytest.mark.image, pytest.mark.boot, pytest.mark.host, pytest.mark.long]

HOUSE = Path(__file__).parents[2]
PATIENCE_S = 1800.0  # scrypt at 2^20, more than once, on an emulated processor
STICK = contract.STICKS / "KEYS"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    at = tmp_path_factory.mktemp("site")
    at.chmod(0o755)
    return make_site(HOUSE, at)


def done(machine: Machine, command: str, old: str = "") -> Held:
    """What a verb left that was carried out to its end."""
    held = hold(machine, command, PATIENCE_S, old)
    assert held.status == 0, held.screen
    return held


def test_a_domain_is_founded_under_a_claim_that_builders_vouch_for(
    site: Site, tools_tree: ToolsTree, tmp_path: Path
) -> None:
    stick, volume = fat(tmp_path / "stick", tools_tree), made(tmp_path / "volume", mib=64)
    write_to(stick, tools_tree, site.manifest, site.signatures)
    drives = (
        Drive(volume, "virtio", name="volume", read_only=False),
        Drive(stick, "usb", name="stick", read_only=False),
    )
    config = MachineConfig(medium=Drive(site.iso, "cdrom"), memory_mib=2400, drives=drives)
    with at_prompt(config, tmp_path / "machine") as machine:
        assert ask(machine, {"failed": FAILED_UNITS}) == {"failed": ""}
        refused = ask(machine, {"no claim": f"asl-auth-host key new --kind offline-root --output {STICK}/root-1"})
        assert "CLAIM-MISSING" in refused["no claim"]
        done(machine, "asl-auth-host stick open KEYS")
        claimed = done(machine, f"asl-auth-host claim --manifest {STICK}/{site.manifest.name}")
        assert "VERIFIED" in claimed.screen
        assert "UNVERIFIED" not in claimed.screen

        root = done(machine, f"asl-auth-host key new --kind offline-root --output {STICK}/root-1").passphrase
        done(machine, "asl-auth-host policy new --output policy.yaml")
        keys = f"--policy policy.yaml --key {STICK}/root-1.priv.enc --stick {STICK}"
        done(machine, f"asl-auth-host root init {keys} --root-key {STICK}/root-1.pub --threshold 1", root)
        founded = done(machine, f'asl-auth-host domain create "Me" --id me.example {keys}', root)
        published = f"asl-auth-host dam publish me.example --output {STICK}/published --stick {STICK}"
        done(machine, published, founded.passphrase)
        check = ask(machine, {"check": "asl-auth-host domain check me.example; asl-auth-host stick close"}, PATIENCE_S)
        assert "FAILED" not in check["check"]
        assert check["check"].endswith("it can be pulled out\n")
        machine.type("poweroff\n")
        machine.wait_for_end(120)

    taken = read_tree(stick, tools_tree, tmp_path / "taken")
    assert {path.name for path in (taken / "heads").iterdir()} >= {"asl_host.checkpoint", "asl_me.example.checkpoint"}
    check_published(taken / "published")


def check_published(at: Path) -> None:
    """What went out holds elsewhere, by our program and by others, and is real."""
    sums = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=at, capture_output=True, text=True, check=False)
    assert sums.returncode == 0, sums.stdout
    certificates = [word for path in sorted(at.glob("certs/cert-*.json")) for word in ("--certificate", str(path))]
    words = ["dam", "verify", str(at / "dam/dam-1.json"), "--root-set", str(at / "auth/root-set-1.json")]
    words += ["--policy", str(next(at.glob("policies/*.json"))), *certificates]
    out, err = StringIO(), StringIO()
    status = cli.run([*words, "--json"], program="asl-auth-host", stdout=out, stderr=err, machine=at / "no-machine")
    said = json.loads(out.getvalue())
    assert (status, said["rehearsal"]) == (ExitStatus.DONE, False), out.getvalue() + err.getvalue()
