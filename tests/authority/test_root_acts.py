"""Root sets follow each other in a store, and the roots that were retired certify nothing any more."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

from asl_authority.contract import ExitStatus
from asl_authority.errors import Damaged, Refused, UsageError
from asl_authority.front import cli
from asl_authority.operations.act import Act, Bench, Done, Made, Standing, carry_out
from asl_authority.operations.dam_acts import next_dam, publication, rotate_act
from asl_authority.operations.domain_check import Report, check_domain
from asl_authority.operations.domain_reading import host_chain, own_roots
from asl_authority.operations.founding import Founding, found_domain
from asl_authority.operations.gate import rehearsal_gate
from asl_authority.operations.genesis import Asked, draw_keys, prepare_domain, sign_domain
from asl_authority.operations.pieces import Piece
from asl_authority.operations.reading import HOST, find_domain
from asl_authority.operations.root_acts import adopt_act, follow_act
from asl_authority.operations.root_chain import RootChain, courts_of, eras_of, judged
from asl_authority.operations.store_acts import put_act
from asl_authority.storage import layout
from asl_authority.storage.disk import HostDisk
from asl_authority.storage.domains import create_directories
from asl_authority.storage.layout import StorePaths
from asl_authority.values import certificate as certificates
from asl_authority.values import rootset
from asl_authority.values.certificate import check_principal, issue
from asl_authority.values.dam import Principal
from asl_authority.values.ed25519 import SecretKey
from asl_authority.values.finding import Finding
from asl_authority.values.log_record import RecordType
from asl_authority.values.request import AuthorityRequest, SubjectType
from asl_authority.values.roles import Role
from asl_authority.values.rootset import RootSet, Rotation
from asl_authority.values.signed import Signed, unsigned
from support.acts import ME, standing_in
from support.domains import secret
from support.genesis import POLICY, ROOT_KEYS, ROOTS, known_random, sealed

DISK = HostDisk()
LATER_KEYS = (ROOT_KEYS[0], secret("root 4"), secret("root 5"))
LATER = RootSet(2, tuple(key.public for key in LATER_KEYS), 2)
LAST_KEYS = LATER_KEYS[1:]
LAST = RootSet(3, tuple(key.public for key in LAST_KEYS), 1)
RETIRED = ROOT_KEYS[:2]
SIGNED = (ROOT_KEYS[0], ROOT_KEYS[1], LATER_KEYS[1])


def rotation(old: RootSet = ROOTS, new: RootSet = LATER, by: tuple[SecretKey, ...] = SIGNED) -> Signed[Rotation]:
    return unsigned(rootset.ROTATION, Rotation(old.digest, new), rehearsal=True).signed_by(*by)


TO_LAST = rotation(LATER, LAST, (LATER_KEYS[0], *LAST_KEYS))


@pytest.fixture
def root(founded_store: Path) -> Path:
    """A store of this test's own."""
    return founded_store


def at(root: Path, domain_id: str, trusted: RootSet | None = LATER) -> Standing:
    """A domain as it is, whatever is found."""
    source, store = find_domain(DISK, root, domain_id, rehearsal=True), StorePaths(root)
    trusted = None if domain_id == HOST else trusted
    report = check_domain(DISK, store, source.paths, domain_id, trusted=trusted, rehearsal=True)
    return Standing(source, store, report, trusted)


def adopt(root: Path, by: Signed[Rotation] | None = None) -> Report:
    standing = at(root, HOST)
    act = adopt_act(standing, by or rotation(), ["what changes"])
    return carry_out(standing, act, rehearsal_gate(), standing_in(standing)).report


def chain_of(root: Path) -> RootChain:
    chain = host_chain(DISK, StorePaths(root), rehearsal=True)
    assert chain is not None
    return chain


def follow(root: Path, trusted: RootSet = LATER) -> Report:
    standing = at(root, ME, trusted)
    act = follow_act(standing, chain_of(root))
    return carry_out(standing, act, rehearsal_gate(), standing_in(standing)).report


def bad(report: Report) -> list[str]:
    return [finding.check_id for finding in report.findings if not finding.ok]


def roots_finding(root: Path, trusted: RootSet = LATER, domain_id: str = ME) -> Finding:
    found = at(root, domain_id, trusted).report.findings
    return next(finding for finding in found if finding.check_id == "DOMAIN-ROOTS")


def call(root: Path, *words: str) -> tuple[ExitStatus, str]:
    said = StringIO()
    argv = (*words, "--root", str(root), "--rehearsal")
    return cli.run(
        argv, program="asl-auth-host", stdout=said, stderr=said, machine=Path("/nonexistent")
    ), said.getvalue()


def test_the_host_goes_over_to_the_new_roots_and_still_holds(root: Path) -> None:
    report = adopt(root)

    assert report.authority.roots == LATER
    assert bad(report) == []
    assert {"ROTATION-PREVIOUS", "ROTATION-OLD-SIGNED", "ROTATION-NEW-SIGNED"} <= {f.check_id for f in report.findings}
    assert own_roots(DISK, StorePaths(root), rehearsal=True) == LATER
    names = sorted(path.name for path in (root / "host/auth").glob("ro*"))
    assert names == ["root-set-1.json", "root-set-2.json", "rotation-2.json", "rotation-2.json.sig"]
    assert len(list((root / "host/trusted-roots").iterdir())) == 3 + 2, "nothing that was there is taken away"


def test_a_domain_that_has_not_followed_yet_holds_and_says_so(root: Path) -> None:
    adopt(root)
    finding = roots_finding(root)

    assert bad(at(root, ME).report) == []
    assert "follows root set 1 of 2" in finding.detail


def test_a_domain_follows_by_as_many_sets_as_it_is_behind(root: Path) -> None:
    adopt(root)
    adopt(root, TO_LAST)
    assert "follows root set 1 of 3" in roots_finding(root, LAST).detail
    report = follow(root, LAST)

    assert report.authority.roots == LAST
    assert [link.roots.version for link in report.authority.chain.links] == [1, 2, 3]
    assert "trusted" in roots_finding(root, LAST).detail
    assert bad(at(root, ME, LAST).report) == []


def test_a_domain_that_is_founded_later_goes_back_to_the_new_roots(root: Path) -> None:
    adopt(root)
    found(root, "new.example", LATER, LATER_KEYS[:2])

    assert bad(at(root, "new.example").report) == []


def found(root: Path, domain_id: str, roots: RootSet, by: tuple[SecretKey, ...]) -> None:
    """A domain, whoever its roots are."""
    keys = draw_keys(known_random(domain_id), dam_signer=False)
    new = prepare_domain(Asked(domain_id, POLICY, roots, domain_id=domain_id, rehearsal=True), keys, by[0].public)
    at_rest = sealed(keys, known_random(f"{domain_id} at rest"))
    found_domain(DISK, StorePaths(root), Founding(sign_domain(new, keys, by), keys, at_rest, rehearsal_gate()))


def test_nothing_is_founded_under_roots_that_were_rotated_meanwhile(root: Path) -> None:
    adopt(root)
    with pytest.raises(Refused) as refused:
        found(root, "late.example", ROOTS, RETIRED)
    assert refused.value.check_id == "DOMAIN-ROOTS"
    assert not (root / "domains/late.example").exists()


def brought_in(root: Path, domain_id: str, roots: RootSet, by: tuple[SecretKey, ...]) -> None:
    """A domain that was founded elsewhere, where no host says anything, and was put into the store by hand."""
    other = root.parent / "elsewhere"
    other.mkdir()
    create_directories(DISK, other)
    found(other, domain_id, roots, by)
    shutil.copytree(other, root, dirs_exist_ok=True)


def test_a_domain_that_the_retired_roots_make_afterwards_is_not_trusted(root: Path) -> None:
    adopt(root)
    brought_in(root, "late.example", ROOTS, RETIRED)
    finding = roots_finding(root, domain_id="late.example")

    assert not finding.ok
    assert "it was not there when root set 2 followed" in finding.detail


def test_nor_is_it_when_it_follows_then(root: Path) -> None:
    adopt(root)
    brought_in(root, "late.example", ROOTS, RETIRED)
    standing = at(root, "late.example", None)
    keys = draw_keys(known_random("late.example"), dam_signer=False).by_name
    carry_out(standing, follow_act(standing, chain_of(root)), rehearsal_gate(), keys)

    assert bad(at(root, "late.example").report) == ["DOMAIN-ROOTS"]


def certified(root: Path, by: tuple[SecretKey, ...], trusted: RootSet = LATER) -> SecretKey:
    """Some key, certified as a principal of the domain by these roots, and logged, however that was done."""
    key = secret("a late principal")
    asked = AuthorityRequest(SubjectType.PRINCIPAL, key.public, ME, (Role.AUDIT,), POLICY.hash)
    signed = unsigned(certificates.KIND, issue(asked, by[0].public), rehearsal=True).signed_by(*by)
    name = layout.certificate_name(signed.body.digest)
    files = {name: signed.body.to_bytes(), f"{name}.sig": signed.to_bytes()}

    def make(bench: Bench) -> Made:
        return Made((bench.put(Piece(RecordType.CERTIFICATE, files)),))

    standing = at(root, ME, trusted)
    carry_out(standing, Act("x", "x", (), b"x", make), rehearsal_gate(), standing_in(standing))
    return key


def counts(root: Path, key: SecretKey) -> bool:
    """Whether a certificate of this key as a principal counts in the domain."""
    authority = at(root, ME).report.authority
    courts = courts_of(authority.certified, eras_of(authority.chain, chain_of(root), ME))
    policy = authority.policy.hash
    return judged(courts, lambda c, r: [check_principal(key.public, (Role.AUDIT,), ME, policy, c, r)])[0].ok


def test_what_roots_certified_before_they_were_retired_stays_valid(root: Path) -> None:
    key = certified(root, RETIRED, ROOTS)
    adopt(root)
    assert counts(root, key)
    follow(root)
    assert counts(root, key)


def test_what_retired_roots_certify_in_a_domain_that_has_followed_does_not_count(root: Path) -> None:
    adopt(root)
    follow(root)

    assert not counts(root, certified(root, RETIRED))


def test_nor_in_a_domain_that_has_not_followed_yet_and_follows_afterwards(root: Path) -> None:
    adopt(root)
    key = certified(root, RETIRED)
    assert not counts(root, key)
    follow(root)
    assert not counts(root, key)


def test_what_the_new_roots_certify_counts_whether_the_domain_has_followed_or_not(root: Path) -> None:
    adopt(root)
    key = certified(root, LATER_KEYS[:2])
    assert counts(root, key)
    follow(root)
    assert counts(root, key)


def test_what_is_published_leads_from_the_first_roots_to_the_newest(root: Path) -> None:
    adopt(root)
    for followed in (False, True):
        if followed:
            follow(root)
        files = publication(at(root, ME))
        assert files["auth/root-set-1.json"] == ROOTS.to_bytes()
        assert files["auth/root-set-2.json"] == LATER.to_bytes()
        assert files["auth/rotation-2.json"] == rotation().body.to_bytes()
        assert files["auth/rotation-2.json.sig"] == rotation().to_bytes()


@pytest.mark.parametrize(("retired", "given_out"), [(False, True), (True, False)])
def test_what_retired_roots_certified_since_is_not_given_out(root: Path, retired: bool, given_out: bool) -> None:
    if retired:
        adopt(root)
    key = certified(root, RETIRED, LATER if retired else ROOTS)
    certs = [data for name, data in publication(at(root, ME, LATER if retired else ROOTS)).items() if "cert-" in name]

    assert any(key.public.text.encode() in data for data in certs) is given_out
    assert len(certs) == 6 + 2 * given_out


def test_a_log_that_is_not_the_one_that_was_pinned_is_named(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "domains" / ME, tmp_path / "older")
    standing = at(root, ME, ROOTS)
    carry_out(standing, put_act(standing, {"a.txt": b"x"}), rehearsal_gate(), standing_in(standing))
    adopt(root)
    assert roots_finding(root).ok
    shutil.rmtree(root / "domains" / ME)
    shutil.copytree(tmp_path / "older", root / "domains" / ME)

    assert "its log was another" in roots_finding(root).detail
    assert "DOMAIN-ROOTS" in bad(at(root, ME).report)


def next_manifest(root: Path, by: tuple[SecretKey, ...]) -> Done:
    """Another DAM, with a principal that these roots certify."""
    standing, key = at(root, ME), secret("a late principal")
    before = standing.report.dam
    dam = replace(before, version=2, principals=(*before.principals, Principal(key.public, (Role.AUDIT,))))
    asked = AuthorityRequest(SubjectType.PRINCIPAL, key.public, ME, (Role.AUDIT,), POLICY.hash)
    given = [unsigned(certificates.KIND, issue(asked, by[0].public), rehearsal=True).signed_by(*by)]
    act = rotate_act(standing, next_dam(standing, dam, given, None), given, None, (), secret("throw-away"))
    return carry_out(standing, act, rehearsal_gate(), standing_in(standing))


@pytest.mark.parametrize("followed", [False, True])
def test_the_next_manifest_takes_what_the_new_roots_certify_and_not_what_retired_ones_do(
    root: Path, followed: bool
) -> None:
    adopt(root)
    if followed:
        follow(root)
    with pytest.raises(Refused) as refused:
        next_manifest(root, RETIRED)
    assert refused.value.check_id == "PRINCIPAL-CERTIFIED"

    assert next_manifest(root, LATER_KEYS[:2]).report.dam.version == 2
    assert bad(at(root, ME).report) == []


ELSEWHERE = RootSet(1, ROOTS.root_keys[:2], 2)
JUMP = RootSet(3, LATER.root_keys, 2)


@pytest.mark.parametrize(
    ("make", "check_id"),
    [
        (lambda: rotation(by=(ROOT_KEYS[0], LATER_KEYS[1])), "ROTATION-OLD-SIGNED"),
        (lambda: rotation(by=ROOT_KEYS[:2]), "ROTATION-NEW-SIGNED"),
        (lambda: rotation(old=ELSEWHERE), "ROTATION-PREVIOUS"),
        (lambda: rotation(new=JUMP), "ROTATION-VERSION"),
    ],
)
def test_a_rotation_that_does_not_lead_from_the_held_set_changes_nothing(
    root: Path, make: Callable[[], Signed[Rotation]], check_id: str
) -> None:
    with pytest.raises(Refused) as refused:
        adopt(root, make())
    assert refused.value.check_id == check_id
    assert not (root / "host/auth/rotation-2.json").exists()


def test_a_domain_follows_no_rotation_of_its_host_that_too_few_signed(root: Path) -> None:
    adopt(root)
    first, second = chain_of(root).links
    forged = RootChain((first, replace(second, rotation=rotation(by=(ROOT_KEYS[0], LATER_KEYS[1])))))

    with pytest.raises(Refused) as refused:
        follow_act(at(root, ME), forged)
    assert refused.value.check_id == "ROTATION-OLD-SIGNED"


def test_no_head_is_pinned_of_a_domain_that_breaks_a_rule(root: Path) -> None:
    key = root / "domains" / ME / "certs/root.pub"
    key.write_bytes(key.read_bytes() + b"\n")

    with pytest.raises(Damaged) as damaged:
        adopt(root)
    assert damaged.value.check_id == "DOMAIN-ARTIFACTS"
    assert not (root / "host/auth/rotation-2.json").exists()


def test_the_same_rotation_is_adopted_once_and_followed_once(root: Path) -> None:
    adopt(root)
    with pytest.raises(Refused) as refused:
        adopt(root)
    assert refused.value.check_id == "ROTATION-PREVIOUS"
    follow(root)
    with pytest.raises(Refused, match="nothing is left"):
        follow(root)


def test_the_host_goes_first_and_a_domain_only_follows(root: Path) -> None:
    with pytest.raises(UsageError, match="host that brings"):
        adopt_act(at(root, ME, ROOTS), rotation(), [])
    with pytest.raises(UsageError, match="the host goes first"):
        follow_act(at(root, HOST), chain_of(root))


def test_a_domain_that_grows_between_showing_and_doing_stops_it(root: Path) -> None:
    standing, domain = at(root, HOST), at(root, ME, ROOTS)
    act = adopt_act(standing, rotation(), [])
    carry_out(domain, put_act(domain, {"a.txt": b"x"}), rehearsal_gate(), standing_in(domain))

    with pytest.raises(Refused, match="has grown"):
        carry_out(standing, act, rehearsal_gate(), standing_in(standing))
    assert at(root, HOST).report.authority.roots == ROOTS


def test_a_root_set_that_no_record_names_is_not_the_hosts(root: Path) -> None:
    mine = RootSet(9, (secret("stranger").public,), 1)
    (root / "host" / layout.root_set_name(9)).write_bytes(mine.to_bytes())

    assert at(root, HOST).report.authority.roots == ROOTS
    assert chain_of(root).newest == ROOTS


def test_a_root_set_without_a_rotation_does_not_follow(root: Path) -> None:
    mine = RootSet(2, (secret("stranger").public,), 1)

    def make(bench: Bench) -> Made:
        return Made((bench.put(Piece(RecordType.ROOT_SET, {layout.root_set_name(2): mine.to_bytes()})),))

    standing = at(root, HOST)
    with pytest.raises(Damaged, match="no rotation leads"):
        carry_out(standing, Act("x", "x", (), b"x", make), rehearsal_gate(), standing_in(standing))
    assert bad(at(root, HOST).report) == ["ROOTS-FOLLOW"]
    assert host_chain(DISK, StorePaths(root), rehearsal=True) is None


@pytest.mark.parametrize("followed", [False, True])
def test_the_verbs_that_read_go_on_after_a_rotation(root: Path, followed: bool) -> None:
    adopt(root)
    if followed:
        follow(root)
    for words in (("log", "verify"), ("log", "verify", "--domain", ME), ("domain", "check", ME)):
        status, said = call(root, *words)
        assert status is ExitStatus.DONE, said
    (root / "roots.json").write_bytes(LATER.to_bytes())
    status, said = call(root, "log", "verify", "--domain", ME, "--root-set", str(root / "roots.json"))
    assert status is ExitStatus.DONE, said
