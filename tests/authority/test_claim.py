"""Environment claims: the verdict follows from the facts, and a claim covers only what this boot did after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from asl_authority.errors import Malformed
from asl_authority.values.claim import (
    Claim,
    Verdict,
    check_covers,
    check_environment,
    check_named,
    check_nonce,
    check_offline,
    check_pinned,
    check_previous,
    check_self_test,
    check_session,
    check_verified,
    read_claim,
)
from asl_authority.values.environment import Environment, Fact, Interface, Status
from asl_authority.values.head import Head
from support.samples.claim import CLAIM, ENVIRONMENT, GENESIS, digest
from support.samples.snapshot import SNAPSHOT

NOW = CLAIM.session_id
ABSENT: Fact[str] = Fact(Status.ABSENT)


def seen(**facts: object) -> Claim:
    """The verified claim with other facts."""
    return replace(CLAIM, environment=replace(ENVIRONMENT, **facts))  # type: ignore[arg-type]


def test_a_claim_of_known_facts_is_verified_and_says_so() -> None:
    assert check_verified(CLAIM).ok
    assert read_claim(CLAIM.to_bytes()).verdict is Verdict.VERIFIED


@pytest.mark.parametrize(
    ("doubt", "claim"),
    [
        ("image_id", seen(image_id=Fact(Status.MEASURED, digest("SHA256SUMS")))),
        ("kernel_cmdline", seen(kernel_cmdline=Fact(Status.DECLARED, "quiet"))),
        ("initrd", seen(initrd=ABSENT)),
        ("medium", seen(medium=Fact(Status.MEASURED, digest("iso")))),
        ("layers", seen(layers=())),
        ("layer base", replace(GENESIS, environment=replace(ENVIRONMENT, layers=GENESIS.environment.layers))),
        ("swap", seen(swap=Fact(Status.MEASURED, ("/dev/sda2",)))),
        ("swap", seen(swap=Fact(Status.ABSENT))),
        ("swap", seen(swap=Fact(Status.DECLARED, ()))),
        ("CLAIM-OFFLINE", seen(interfaces=Fact(Status.ABSENT))),
        ("CLAIM-SELF-TEST", replace(CLAIM, self_test=())),
        ("builders", replace(CLAIM, reference=None)),
    ],
)
def test_one_doubt_makes_a_claim_unverified_and_is_named(doubt: str, claim: Claim) -> None:
    finding = check_verified(claim)

    assert (finding.check_id, finding.ok, claim.verdict) == ("CLAIM-VERIFIED", False, Verdict.UNVERIFIED)
    assert doubt in finding.detail


def test_a_medium_that_was_taken_out_is_no_doubt() -> None:
    assert check_verified(seen(medium=ABSENT)).ok


def test_a_claim_is_named_by_its_snapshot_which_pins_it() -> None:
    snapshot = replace(SNAPSHOT, claim=CLAIM.digest)

    assert check_named(CLAIM, snapshot.snapshot_id).ok
    assert check_pinned(CLAIM, snapshot).ok
    assert check_pinned(CLAIM, snapshot).check_id == "CLAIM-PINNED"
    assert not check_named(CLAIM, "0" * 64).ok
    assert not check_pinned(CLAIM, SNAPSHOT).ok
    assert not check_pinned(replace(CLAIM, logseq=8), replace(snapshot, claim=replace(CLAIM, logseq=8).digest)).ok


def test_any_interface_but_the_loopback_is_named() -> None:
    two = Fact(Status.MEASURED, (Interface("eth0", "down"), Interface("lo", "up")))

    assert check_offline(CLAIM).ok
    assert "eth0" in check_offline(seen(interfaces=two)).detail
    assert check_offline(seen(interfaces=two)).check_id == "CLAIM-OFFLINE"
    assert not check_offline(seen(interfaces=two)).ok
    assert not check_offline(seen(interfaces=Fact(Status.DECLARED, (Interface("lo", "up"),)))).ok


@pytest.mark.parametrize(
    ("check_id", "check", "good", "bad"),
    [
        ("CLAIM-SESSION", check_session, NOW, "00" * 32),
        ("CLAIM-NONCE", check_nonce, CLAIM.nonce, "00" * 16),
        ("CLAIM-PREVIOUS", check_previous, CLAIM.previous, None),
        ("CLAIM-PREVIOUS", check_previous, CLAIM.previous, "0" * 64),
        ("CLAIM-ENVIRONMENT", check_environment, ENVIRONMENT, replace(ENVIRONMENT, swap=Fact(Status.MEASURED, ("x",)))),
        ("CLAIM-ENVIRONMENT", check_environment, ENVIRONMENT, replace(ENVIRONMENT, layers=ENVIRONMENT.layers[1:])),
    ],
)
def test_a_claim_of_another_time_is_named(
    check_id: str, check: Callable[..., object], good: object, bad: object
) -> None:
    assert check(CLAIM, good) == replace(check(CLAIM, good), check_id=check_id, ok=True)  # type: ignore[type-var]
    assert check(CLAIM, bad) == replace(check(CLAIM, bad), check_id=check_id, ok=False)  # type: ignore[type-var]


def test_a_first_claim_has_none_before_it() -> None:
    assert check_previous(GENESIS, None).ok


def test_the_same_facts_without_a_reference_are_the_same_environment() -> None:
    def measured(fact: Fact[str]) -> Fact[str]:
        return Fact(Status.MEASURED, fact.value)

    now: Environment = replace(ENVIRONMENT, kernel=measured(ENVIRONMENT.kernel), initrd=measured(ENVIRONMENT.initrd))

    assert check_environment(CLAIM, now).ok


def test_a_failed_self_test_is_named() -> None:
    failed = replace(CLAIM, self_test=(replace(CLAIM.self_test[0], ok=False),))

    assert check_self_test(CLAIM).ok
    assert (check_self_test(failed).ok, check_self_test(failed).detail) == (False, "failed: ED25519")


def test_a_fact_whose_status_and_value_do_not_fit_can_not_be_made() -> None:
    with pytest.raises(Malformed) as refusal:
        Fact(Status.ABSENT, "x")
    assert refusal.value.check_id == "CLAIM-STATUS"


HEAD = Head(CLAIM.head.size + 2, digest("two records more"))
ROOT = CLAIM.head.root


def test_a_claim_covers_what_this_boot_added_to_the_claimed_log() -> None:
    assert check_covers(CLAIM, HEAD, ROOT, [NOW, NOW], NOW).ok
    assert check_covers(CLAIM, CLAIM.head, ROOT, [], NOW).ok


@pytest.mark.parametrize(
    ("why", "head", "root", "sessions", "session"),
    [
        ("another boot", HEAD, ROOT, [NOW, NOW], "00" * 32),
        ("not the claimed one", HEAD, "0" * 64, [NOW, NOW], NOW),
        ("not the claimed one", HEAD, None, [NOW, NOW], NOW),
        ("of session 0000", HEAD, ROOT, [NOW, "00" * 32], NOW),
        ("of session none", HEAD, ROOT, ["", NOW], NOW),
        ("do not lead", HEAD, ROOT, [NOW], NOW),
        ("do not lead", HEAD, ROOT, [NOW] * 3, NOW),
        ("do not lead", Head(1, ROOT), ROOT, [], NOW),
        ("do not lead", replace(CLAIM.head, root="0" * 64), ROOT, [], NOW),
    ],
)
def test_a_reboot_a_foreign_record_or_another_log_voids_a_claim(
    why: str, head: Head, root: str | None, sessions: list[str], session: str
) -> None:
    finding = check_covers(CLAIM, head, root, sessions, session)

    assert (finding.check_id, finding.ok) == ("CLAIM-COVERS", False)
    assert why in finding.detail
