"""Who has files and no log holds certificates to every root set that rotations lead to, and is told which it was."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest

from asl_authority.contract import ExitStatus
from asl_authority.front import cli
from asl_authority.operations.root_chain import RootChain, as_far_as_it_holds, chain_from, check_certified, check_chain
from asl_authority.values import certificate as certificates
from asl_authority.values import rootset
from asl_authority.values.certificate import Certificate, issue
from asl_authority.values.request import SubjectType
from asl_authority.values.rootset import RootSet, Rotation
from asl_authority.values.signed import Body, Signed, unsigned
from support.domains import POLICY, ROOTS, certificate, dam, request, secret

SECOND = RootSet(2, tuple(secret(f"root {n}").public for n in (3, 4)), 2)
THIRD = RootSet(3, (secret("root 5").public,), 1)
STRANGERS = RootSet(2, (secret("stranger").public,), 1)


def rotation(old: RootSet, new: RootSet, *signers: str) -> Signed[Rotation]:
    return unsigned(rootset.ROTATION, Rotation(old.digest, new)).signed_by(*map(secret, signers))


TO_SECOND = rotation(ROOTS, SECOND, "root 1", "root 3", "root 4")
TO_THIRD = rotation(SECOND, THIRD, "root 3", "root 4", "root 5")
A_STRANGERS = rotation(ROOTS, STRANGERS, "stranger")


def certified_by(version: int) -> Signed[Certificate]:
    """The domain's root key, certified by this set."""
    issuer, *others = {1: ("root 1", "root 2"), 2: ("root 3", "root 4"), 3: ("root 5",), 0: ("stranger",)}[version]
    body = issue(request().body, secret(issuer).public)
    return unsigned(certificates.KIND, body).signed_by(secret(issuer), *map(secret, others))


def test_the_sets_follow_in_whatever_order_their_rotations_are_given() -> None:
    chain = chain_from(ROOTS, [TO_THIRD, TO_SECOND])

    assert [link.roots for link in chain.links] == [ROOTS, SECOND, THIRD]
    assert all(finding.ok for finding in check_chain(chain))
    assert as_far_as_it_holds(chain) == chain
    assert as_far_as_it_holds(RootChain(chain.links[:1])) == RootChain(chain.links[:1])


@pytest.mark.parametrize(
    ("rotations", "check_id", "newest"),
    [
        ([A_STRANGERS], "ROTATION-OLD-SIGNED", ROOTS),
        ([rotation(ROOTS, SECOND, "root 1", "root 2", "root 3")], "ROTATION-NEW-SIGNED", ROOTS),
        ([TO_THIRD], "ROTATION-PREVIOUS", ROOTS),
        ([TO_SECOND, rotation(SECOND, THIRD, "root 5")], "ROTATION-OLD-SIGNED", SECOND),
        ([TO_SECOND, TO_SECOND], "ROTATION-VERSION", SECOND),
    ],
)
def test_what_does_not_lead_from_the_held_set_counts_for_nothing(
    rotations: list[Signed[Rotation]], check_id: str, newest: RootSet
) -> None:
    chain = chain_from(ROOTS, rotations)

    assert check_id in [finding.check_id for finding in check_chain(chain) if not finding.ok]
    assert as_far_as_it_holds(chain).newest == newest


def test_who_holds_a_later_set_is_given_all_rotations_too() -> None:
    chain = chain_from(SECOND, [TO_SECOND, TO_THIRD])

    assert [link.roots for link in chain.links] == [SECOND, THIRD]
    assert as_far_as_it_holds(chain) == chain
    assert chain_from(THIRD, [TO_SECOND, TO_THIRD]).newest == THIRD


def test_a_key_that_became_a_root_is_no_subject_any_more() -> None:
    body = issue(request("root 5").body, secret("root 1").public)
    held = unsigned(certificates.KIND, body).signed_by(secret("root 1"), secret("root 2"))
    assert check_certified(held, chain_from(ROOTS, [TO_SECOND])).ok

    found = check_certified(held, chain_from(ROOTS, [TO_SECOND, TO_THIRD]))
    assert (found.check_id, found.ok) == ("ROOTS-CERTIFIED", False)
    assert "is a root itself" in found.detail


def test_it_is_said_which_set_certified_a_key() -> None:
    chain = chain_from(ROOTS, [TO_SECOND, TO_THIRD])
    found = [check_certified(certified_by(version), chain) for version in (1, 2, 3)]

    assert all(finding.ok for finding in found)
    assert "root set 1, retired since" in found[0].detail
    assert "root set 2, retired since" in found[1].detail
    assert "root set 3, the newest" in found[2].detail
    stranger = check_certified(certified_by(0), chain)
    assert (stranger.check_id, stranger.ok) == ("ROOTS-CERTIFIED", False)
    assert "none of the root sets 1 to 3" in stranger.detail


class Outsider:
    """Somebody with files, who holds the first root set."""

    def __init__(self, here: Path) -> None:
        self.here = here
        (here / "roots.json").write_bytes(ROOTS.to_bytes())
        (here / "policy.json").write_bytes(POLICY.to_bytes())

    def given(self, name: str, artifact: Signed[Body]) -> str:
        (self.here / f"{name}.json.sig").write_bytes(artifact.to_bytes())
        return str(self.here / f"{name}.json.sig")

    def verifies(self, group: str, file: str, *words: str) -> tuple[ExitStatus, str]:
        said = StringIO()
        roots, policy = str(self.here / "roots.json"), str(self.here / "policy.json")
        argv = (group, "verify", file, "--root-set", roots, "--policy", policy, *words)
        nowhere = Path("/nonexistent")
        return cli.run(argv, program="asl-auth-host", stdout=said, stderr=said, machine=nowhere), said.getvalue()


@pytest.fixture
def outsider(tmp_path: Path) -> Outsider:
    return Outsider(tmp_path)


def test_a_dam_that_later_roots_have_certified_is_verified_by_whoever_holds_the_first(outsider: Outsider) -> None:
    file, cert = outsider.given("dam", dam()), outsider.given("cert", certified_by(3))
    way = [word for each in (TO_SECOND, TO_THIRD) for word in ("--rotation", outsider.given(str(id(each)), each))]

    status, said = outsider.verifies("dam", file, "--certificate", cert, *way)
    assert status is ExitStatus.DONE, said
    assert "root set 3, the newest" in said
    assert outsider.verifies("dam", file, "--certificate", cert)[0] is ExitStatus.CHECK_FAILED
    assert outsider.verifies("dam", file, "--certificate", cert, *way[:2])[0] is ExitStatus.CHECK_FAILED


def test_what_retired_roots_certified_is_taken_and_said_to_be_theirs(outsider: Outsider) -> None:
    file, cert = outsider.given("dam", dam()), outsider.given("cert", certified_by(1))
    status, said = outsider.verifies(
        "dam", file, "--certificate", cert, "--rotation", outsider.given("rotation", TO_SECOND)
    )

    assert status is ExitStatus.DONE, said
    assert "retired since; only a log shows" in " ".join(said.split())


@pytest.mark.parametrize("group", ["dam", "cert"])
def test_a_strangers_rotation_leads_nowhere(outsider: Outsider, group: str) -> None:
    file, cert = outsider.given("dam", dam()), outsider.given("cert", certified_by(0))
    words = ("--certificate", cert) if group == "dam" else ()
    way = ("--rotation", outsider.given("rotation", A_STRANGERS))
    status, said = outsider.verifies(group, file if group == "dam" else cert, *words, *way)

    assert status is ExitStatus.CHECK_FAILED
    assert "FAILED  ROTATION-OLD-SIGNED" in said
    assert "FAILED  ROOTS-CERTIFIED" in said
    assert "valid:" not in said
    # Nor does a right certificate make up for it: something was handed over that is false.
    good = outsider.given("good", certificate())
    words = ("--certificate", good) if group == "dam" else ()
    assert outsider.verifies(group, file if group == "dam" else good, *words, *way)[0] is ExitStatus.CHECK_FAILED
    assert outsider.verifies(group, file if group == "dam" else good, *words)[0] is ExitStatus.DONE


def test_a_certificate_is_held_to_every_set_and_a_request_to_the_newest(outsider: Outsider) -> None:
    way = ("--rotation", outsider.given("rotation", TO_SECOND))
    for version, words in ((1, "root set 1, retired"), (2, "root set 2, the newest")):
        status, said = outsider.verifies("cert", outsider.given("cert", certified_by(version)), *way)
        assert status is ExitStatus.DONE, said
        assert words in " ".join(said.split())
    asked = outsider.given("request", request("root 4", SubjectType.DOMAIN_ROOT))

    assert outsider.verifies("cert", asked)[0] is ExitStatus.DONE, "it is none of the roots that were held"
    assert outsider.verifies("cert", asked, *way)[0] is ExitStatus.CHECK_FAILED
