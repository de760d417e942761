"""The door lets a verb through in its modes only; a sealed host's word on that comes from sealed files."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest

from asl_authority.contract import ExitStatus
from asl_authority.errors import ConfigError, Refused
from asl_authority.front import cli
from asl_authority.front.modes import MODES, OPERATIONS, READING, UNVERIFIED_WARNING, expect_verb
from asl_authority.front.outside import Outside
from asl_authority.front.parser import load_verbs
from asl_authority.front.verb import Call
from asl_authority.operations.configuration import Text, expect_allowed, load_in_force, verified_required
from asl_authority.storage.state import load_seal
from asl_authority.values.config import Operation
from asl_authority.values.modes import ProfileMode
from asl_authority.values.policy_text import TEMPLATE
from asl_authority.values.public_key_file import public_key_file
from support.genesis import ROOT_KEYS
from support.sealed_machine import CONFIG, SealedMachine
from support.stories import Answers, no_randomness, unprotected

LAX = 'host: {name: lax, version: "1", mode: normal}\nclaim: {verified_required: false}\n'
SEALED_CONFIG, STORE_CONFIG = "etc/asl-auth-host/config.yaml", "asl-auth-host/host/config.yaml"
KEY_NEW = ("key", "new", "--kind", "log", "--output", "HERE/log")


@pytest.fixture
def machine(tmp_path: Path) -> SealedMachine:
    (tmp_path / "policy.yaml").write_text(TEMPLATE)
    (tmp_path / "root.pub").write_bytes(public_key_file(ROOT_KEYS[0].public))
    return SealedMachine(tmp_path / "machine")


def call(machine: SealedMachine, *words: str) -> tuple[ExitStatus, str]:
    said = StringIO()
    outside = Outside(Answers(["^C"], said.write), no_randomness("modes"), unprotected)
    told = [word.replace("HERE", str(machine.root.parent)) for word in words]
    status = cli.run(
        told, program="asl-auth-host", stdout=said, stderr=said, machine=machine.root, outside=outside
    )  # fmt: skip
    return status, said.getvalue()


def test_every_verb_has_its_row_and_somebody_has_decided_whether_it_only_reads() -> None:
    names = {verb.name for verb in load_verbs()}

    assert names - READING - MODES.keys() == set(), "decide: READING or MODES of front/modes.py"
    assert READING & MODES.keys() == set()
    assert (READING | MODES.keys()) - names == set(), "these verbs are gone: take their rows out"
    assert OPERATIONS.keys() <= MODES.keys()
    assert {Operation(done) for done in OPERATIONS.values()} <= set(Operation)
    assert all(modes and len(set(modes)) == len(modes) for modes in MODES.values())
    assert {mode for modes in MODES.values() for mode in modes} == set(ProfileMode)


def test_what_can_sign_or_takes_a_private_key_is_not_among_the_verbs_that_read() -> None:
    takes = {
        verb.name
        for verb in load_verbs()
        for argument in verb.arguments
        if argument.name in ("key", "payload", "own", "dry_run") or "private key" in argument.help
    }

    assert {"root init", "root rotate", "cert issue", "dam sign", "key check"} <= takes
    assert takes & READING == set()


def test_a_verb_without_a_row_is_not_carried_out() -> None:
    with pytest.raises(AssertionError, match="no row"):
        expect_verb(Call("x", "x", {}, False, Path(), Path(), StringIO(), StringIO(), None), "new verb")  # type: ignore[arg-type]


def test_a_sealed_host_without_a_configuration_reads_and_does_no_more(machine: SealedMachine) -> None:
    machine.take(SEALED_CONFIG)

    status, said = call(machine, *KEY_NEW)
    assert (status, "CONFIG-MISSING" in said) == (ExitStatus.REFUSED, True)
    assert call(machine, "policy", "hash", "HERE/policy.yaml")[0] is ExitStatus.DONE


def test_a_store_can_take_modes_away_and_add_none(machine: SealedMachine) -> None:
    machine.put(STORE_CONFIG, 'host: {name: x, version: "1", mode: rescue}\n')
    status, said = call(machine, *KEY_NEW)
    assert (status, "CONFIG-MODE: key new" in said) == (ExitStatus.REFUSED, True)

    machine.put(SEALED_CONFIG, 'host: {name: x, version: "1", mode: admission}\n')
    status, said = call(machine, *KEY_NEW)
    assert (status, "CONFIG-NARROWS" in said) == (ExitStatus.REFUSED, True)


@pytest.mark.parametrize("where", [SEALED_CONFIG, STORE_CONFIG])
def test_a_configuration_that_cannot_be_followed_stops_what_signs(machine: SealedMachine, where: str) -> None:
    machine.put(where, CONFIG + b"surprise: 1\n")

    status, said = call(machine, *KEY_NEW)
    assert (status, "surprise: unknown member" in said) == (ExitStatus.USAGE, True)


def test_a_configuration_that_is_no_file_is_not_taken_for_none(machine: SealedMachine) -> None:
    machine.take(SEALED_CONFIG)
    (machine.root / SEALED_CONFIG).mkdir()

    with pytest.raises(ConfigError, match="not a regular file"):
        load_in_force(machine.root, machine.root, load_seal(machine.root))


def test_another_configuration_is_refused_on_a_sealed_host_even_where_one_only_reads(machine: SealedMachine) -> None:
    (machine.root.parent / "lax.yaml").write_text(LAX)

    for words in (KEY_NEW, ("config", "show"), (*KEY_NEW, "--rehearsal")):
        status, said = call(machine, *words, "--config", "HERE/lax.yaml")
        assert status in (ExitStatus.REFUSED, ExitStatus.USAGE), said
    assert "in rehearsal" in call(machine, "config", "show", "--config", "HERE/lax.yaml")[1]


INIT = (
    *("root", "init", "--policy", "HERE/policy.yaml", "--threshold", "1", "--root-key", "HERE/root.pub"),
    *("--key", "HERE/root.priv.enc"),
)  # fmt: skip


@pytest.mark.parametrize("words", [KEY_NEW, INIT], ids=["key new", "root init"])
def test_only_the_sealed_configuration_lets_keys_be_used_unverified_and_that_is_said(
    machine: SealedMachine, words: tuple[str, ...]
) -> None:
    assert call(machine, "claim")[0] is ExitStatus.DONE
    status, said = call(machine, *words)
    assert (status, "CLAIM-VERIFIED" in said) == (ExitStatus.REFUSED, True)

    machine.put(SEALED_CONFIG, LAX)
    status, said = call(machine, *words)
    assert status is ExitStatus.ABORTED, said
    assert said.startswith(UNVERIFIED_WARNING)
    assert "To be signed" in said or "The passphrase" in said, "it came to the first question"


def test_what_is_said_of_unverified_claims_is_said_again_at_the_end(machine: SealedMachine) -> None:
    machine.put(SEALED_CONFIG, LAX)
    assert call(machine, "claim")[0] is ExitStatus.DONE

    status, said = call(machine, *INIT, "--dry-run")

    assert status is ExitStatus.DONE, said
    assert said.startswith(UNVERIFIED_WARNING)
    assert said.endswith(f"Nothing was done.\n{UNVERIFIED_WARNING}")


def test_the_configuration_of_the_store_never_makes_less_of_a_claim_do(machine: SealedMachine) -> None:
    machine.put(STORE_CONFIG, LAX)
    with pytest.raises(Refused, match=r"claim\.verified_required"):
        verified_required(machine.root, machine.root / "asl-auth-host")

    machine.put(SEALED_CONFIG, LAX)
    assert verified_required(machine.root, machine.root / "asl-auth-host") is False
    machine.put(STORE_CONFIG, LAX.replace("false", "true"))
    assert verified_required(machine.root, machine.root / "asl-auth-host") is True


def test_a_workstation_is_not_made_a_sealed_host_by_a_configuration(machine: SealedMachine) -> None:
    machine.put(SEALED_CONFIG, LAX)
    machine.take("run/asl/seal.json")

    assert verified_required(machine.root, machine.root) is True
    here = load_in_force(machine.root, machine.root, None)
    assert here.config is not None, "but it is held to it"
    assert here.verified_required
    assert load_in_force(machine.root, machine.root, None, given=Text("x", LAX.encode())).verified_required


def test_a_rehearsal_is_limited_by_what_is_given_only(machine: SealedMachine) -> None:
    seal = load_seal(machine.root)

    assert load_in_force(machine.root, machine.root, seal, rehearsal=True).config is None
    given = load_in_force(machine.root, machine.root, seal, given=Text("x", LAX.encode()), rehearsal=True)
    assert given.config is not None
    assert given.verified_required, "what is given is not sealed"


def test_what_is_done_to_a_named_domain_and_unmounted_pools_are_refused(machine: SealedMachine) -> None:
    text = LAX + "domains: {d: {id: d.example, type: private, allowed_operations: [read, append]}}\n"
    machine.put(SEALED_CONFIG, text)
    here = load_in_force(machine.root, machine.root, load_seal(machine.root))
    modes = MODES["snapshot create"]

    expect_allowed(here, machine.root, "snapshot create", modes, ("another", Operation.SEAL))
    with pytest.raises(Refused) as refused:
        expect_allowed(here, machine.root, "snapshot create", modes, ("d.example", Operation.SEAL))
    assert refused.value.check_id == "CONFIG-OPERATION"

    for place, mounted in (("/tank", False), ("/run/asl/medium", True)):
        machine.put(SEALED_CONFIG, f"{text}store: {{type: zfs, pools: [{{name: tank, mount_point: {place}}}]}}\n")
        here = load_in_force(machine.root, machine.root, load_seal(machine.root))
        if mounted:
            expect_allowed(here, machine.root, "key new", MODES["key new"])
            continue
        with pytest.raises(Refused) as refused:
            expect_allowed(here, machine.root, "key new", MODES["key new"])
        assert refused.value.check_id == "CONFIG-POOL-MOUNTED"


def test_the_claim_has_the_digest_of_the_stores_configuration_and_ends_with_it(machine: SealedMachine) -> None:
    machine.put(SEALED_CONFIG, LAX)
    machine.put(STORE_CONFIG, LAX.replace("normal", "normal, modes: [MAINTENANCE]"))
    assert call(machine, "claim")[0] is ExitStatus.DONE
    machine.put(STORE_CONFIG, LAX)

    status, said = call(machine, *KEY_NEW)

    assert (status, "CLAIM-ENVIRONMENT" in said) == (ExitStatus.REFUSED, True), said


def test_root_init_takes_the_sealed_policy_and_no_other(machine: SealedMachine) -> None:
    machine.put(SEALED_CONFIG, f"{LAX}policy: {{hash_file: /etc/asl-auth-host/policy.hash}}\n")
    assert call(machine, "claim")[0] is ExitStatus.DONE
    mine = call(machine, "policy", "hash", "HERE/policy.yaml")[1]

    for sealed_hash, ended in (("0" * 64 + "\n", ExitStatus.REFUSED), (mine, ExitStatus.DONE)):
        machine.put("etc/asl-auth-host/policy.hash", sealed_hash)
        status, said = call(machine, *INIT, "--dry-run")
        assert (status, "POLICY-HASH-SEALED" in said) == (ended, ended is ExitStatus.REFUSED), said
