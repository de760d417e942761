"""The next DAM of a domain comes into force only when every rule holds; what went before stays judged by its own."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from asl_authority.errors import Refused
from asl_authority.operations.act import Done, Standing, carry_out
from asl_authority.operations.allowed import expect_may
from asl_authority.operations.collect import with_signature
from asl_authority.operations.dam_acts import next_dam, prove_dam, publication, publish_act, rotate_act, sums_file
from asl_authority.operations.gate import rehearsal_gate
from asl_authority.operations.log_check import check_dam_recorded
from asl_authority.operations.receipt_check import judge_receipt
from asl_authority.operations.replay import list_receipts, replay
from asl_authority.operations.snapshot_acts import create_act
from asl_authority.operations.store_acts import put_act
from asl_authority.values import certificate as certificates
from asl_authority.values.cbor_views import read_dam_view
from asl_authority.values.certificate import Certificate, issue
from asl_authority.values.checkpoint import read_log_proof
from asl_authority.values.dam import Dam, Principal
from asl_authority.values.dsse import Envelope
from asl_authority.values.ed25519 import SecretKey
from asl_authority.values.policy import DomainPolicy
from asl_authority.values.public_key_file import public_key_file
from asl_authority.values.request import AuthorityRequest, SubjectType
from asl_authority.values.roles import Role
from asl_authority.values.signed import Signed, unsigned
from support.acts import ME, do, stand, standing_in
from support.genesis import ROOT_KEYS

NEW = SecretKey(bytes(range(32)))
THROWAWAY = SecretKey(b"t" * 32)


@pytest.fixture
def root(founded_store: Path) -> Path:
    """A store of this test's own."""
    return founded_store


def certified(key: SecretKey, roles: tuple[Role, ...], policy_hash: str, kind: SubjectType) -> Signed[Certificate]:
    body = issue(AuthorityRequest(kind, key.public, ME, roles, policy_hash), ROOT_KEYS[0].public)
    return unsigned(certificates.KIND, body, rehearsal=True).signed_by(*ROOT_KEYS[:2])


def rotate(standing: Standing, dam: Dam, *given: Signed[Certificate], policy: DomainPolicy | None = None) -> Done:
    asked = rotate_act(standing, next_dam(standing, dam, given, policy), given, policy, (), THROWAWAY)
    return carry_out(standing, asked, rehearsal_gate(), standing_in(standing))


def with_auditor(dam: Dam) -> Dam:
    return replace(dam, version=dam.version + 1, principals=(*dam.principals, Principal(NEW.public, (Role.AUDIT,))))


def test_a_new_principal_comes_with_its_certificate(root: Path) -> None:
    standing = stand(root)
    dam = with_auditor(standing.report.dam)
    with pytest.raises(Refused) as refused:
        rotate(standing, dam)
    assert refused.value.check_id == "PRINCIPAL-CERTIFIED"

    done = rotate(standing, dam, certified(NEW, (Role.AUDIT,), dam.policy_hash, SubjectType.PRINCIPAL))
    assert [entry.type.name for _, entry in done.report.entries[-3:]] == ["CERTIFICATE", "DAM", "RECEIPT"]
    assert (done.report.dam, len(done.report.authority.dams)) == (dam, 2)
    assert all(finding.ok for finding in replay(stand(root), done.receipt))


def test_another_policy_comes_with_certificates_that_name_it_and_old_receipts_stay_good(root: Path) -> None:
    do(root, lambda standing: put_act(standing, {"a": b"a"}))
    standing = stand(root)
    before = standing.report.dam
    policy = replace(standing.report.policy, version=2)
    dam = replace(before, version=2, policy_hash=policy.hash)
    keys = standing_in(standing)
    given = [certified(keys["root"], (), policy.hash, SubjectType.DOMAIN_ROOT)]
    given += [certified(keys["log"], (), policy.hash, SubjectType.LOG)]
    given += [certified(keys["operator"], before.principals[0].roles, policy.hash, SubjectType.PRINCIPAL)]
    with pytest.raises(Refused) as refused:
        rotate(standing, dam, policy=policy)
    assert refused.value.check_id in ("POLICY-HASH-EQUAL", "DAM-ROOT-CERTIFIED")

    done = rotate(standing, dam, *given, policy=policy)
    after = do(root, lambda standing: put_act(standing, {"b": b"b"}))
    assert done.receipt.policy_hash == before.policy_hash, "it was done under the policy before"
    assert after.receipt.policy_hash == policy.hash == after.report.view.policy_hash
    standing = stand(root)
    assert standing.report.ok
    judged = [judge_receipt(standing, each, {}) for each in list_receipts(standing)]
    assert [each.in_force.dam.body.version for each in judged] == [1, 1, 1, 2], "each by the DAM of its time"
    assert [finding for each in judged for finding in (*each.findings, *each.domain) if not finding.ok] == []


def test_a_principal_that_is_gone_keeps_what_it_signed(root: Path) -> None:
    standing = stand(root)
    dam = with_auditor(standing.report.dam)
    rotate(standing, dam, certified(NEW, (Role.AUDIT,), dam.policy_hash, SubjectType.PRINCIPAL))
    again = stand(root)
    without = tuple(each for each in dam.principals if each.public_key != NEW.public)
    rotate(again, replace(dam, version=3, principals=without))

    report = stand(root).report
    assert report.ok
    assert [each.dam.body.version for each in report.authority.dams] == [1, 2, 3]


def test_whoever_signs_receipts_stays_in(root: Path) -> None:
    standing = stand(root)
    dam = standing.report.dam
    publisher = tuple(replace(each, roles=(Role.PUBLISH,)) for each in dam.principals)
    for other in (replace(dam, version=2, principals=publisher), replace(dam, version=2, scope=(Role.PUBLISH,))):
        with pytest.raises(Refused) as refused:
            rotate(standing, other)
        assert refused.value.check_id == "DAM-RECEIPTS"


def test_the_version_grows(root: Path) -> None:
    standing = stand(root)
    with pytest.raises(Refused) as refused:
        rotate(standing, standing.report.dam)
    assert refused.value.check_id == "DAM-VERSION"


def test_a_signature_made_elsewhere_takes_no_root_key_here(root: Path) -> None:
    standing = stand(root)
    dam = replace(standing.report.dam, version=2)
    task = next_dam(standing, dam, (), None)
    keys = standing_in(standing)
    signed = with_signature(task, dam.root_key, keys["root"].sign(task.message))
    asked = rotate_act(standing, signed, (), None, (), THROWAWAY)

    assert asked.keys == ()
    done = carry_out(standing, asked, rehearsal_gate(), {name: keys[name] for name in ("log", "operator")})
    assert done.report.dam == dam


def test_what_is_published_is_what_others_need_and_is_recorded(root: Path) -> None:
    standing = stand(root)
    files = publication(standing)
    done = do(root, lambda standing: publish_act(standing, files))

    assert read_dam_view(files["admission/dam.cbor"]) == standing.report.dam
    assert files["dam/domain.dam"] == files["dam/dam-1.json.sig"]
    entry = done.report.entries[-2][1]
    assert (entry.type.name, entry.facts["dam"]) == ("EXCHANGE", standing.report.dam.hash)
    assert entry.blocks == (hashlib.sha256(sums_file(files)).hexdigest(),)
    receipts = list_receipts(stand(root))
    assert receipts[-1].receipt.operation == "dam-publish"


def recorded(standing: Standing, **other: Any) -> list[str]:
    """What fails of the DAM in force, its record and its proof, where some of it is another's."""
    authority = standing.report.authority
    given: dict[str, Any] = {
        "dam": authority.dams[-1].dam,
        "record": publication(standing)[f"dam/dam-{standing.report.dam.version}.record"],
        "proof": read_log_proof(prove_dam(standing)),
        "certificates": authority.certificates,
        "roots": authority.roots,
        **other,
    }
    return [each.check_id for each in check_dam_recorded(**given, rehearsal=True) if not each.ok]


def test_a_published_dam_is_tied_to_the_log_by_files_alone(root: Path) -> None:
    first = stand(root)
    assert recorded(first) == []
    rotate(first, replace(first.report.dam, version=2))
    do(root, create_act)
    standing = stand(root)
    log, dams = standing.source.log(), standing.report.authority.dams
    assert recorded(standing) == []

    assert recorded(standing, dam=dams[0].dam) == ["DAM-RECORDED"]
    assert recorded(standing, record=log.hashed(dams[0].logseq)) == ["DAM-RECORDED", "TREE-INCLUSION"]
    assert recorded(standing, record=log.hashed(dams[1].logseq + 1)) == ["DAM-RECORDED", "TREE-INCLUSION"]
    assert recorded(standing, proof=log.prove(dams[0].logseq)) == ["TREE-INCLUSION"]
    strangers = replace(standing.report.authority.roots, root_keys=(NEW.public,), threshold=1)
    assert recorded(standing, roots=strangers) == ["LOG-KEY-KNOWN"]
    assert recorded(standing, certificates=()) == ["LOG-KEY-KNOWN"]
    bare = Signed(dams[1].dam.body, Envelope(dams[1].dam.envelope.payload_type, dams[1].dam.envelope.payload))
    assert recorded(standing, dam=bare) == ["DAM-RECORDED"], "the envelope is named too"
    altered = publication(standing)["dam/dam-2.record"].replace(b'"version":2', b'"version":3')
    assert recorded(standing, record=altered) == ["TREE-INCLUSION"]


def test_whoever_has_no_tool_of_ours_ties_it_by_hand(root: Path, tmp_path: Path) -> None:
    standing, here = stand(root), tmp_path / "published"
    files = {**publication(standing), "dam/dam-1.tlog-proof": prove_dam(standing)}
    for name, data in {**files, "SHA256SUMS": sums_file(publication(standing))}.items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_bytes(data)

    def sh(*words: str) -> str:
        return subprocess.run(words, cwd=here, capture_output=True, text=True, check=True).stdout

    sh("sha256sum", "--check", "--strict", "SHA256SUMS")
    said = json.loads(sh("tail", "-c", "+49", "dam/dam-1.record"))
    assert sh("sha256sum", "dam/dam-1.json").split()[0] == said["facts"]["dam"]
    assert sh("sha256sum", "dam/dam-1.json.sig").split()[0] in said["blocks"]
    # RFC 9162, 2.1.3.2: from the record's hash, by the hashes of the proof, to the root in the checkpoint.
    node = hashlib.sha256(b"\0" + bytes.fromhex(sh("sha256sum", "dam/dam-1.record").split()[0])).digest()
    front, text = (here / "dam/dam-1.tlog-proof").read_text().split("\n\n", 1)
    note, _, line = text.partition("\n\n")
    _, size, root_hash = note.split("\n")[:3]
    at, last = int(front.split("\n")[1].split()[1]), int(size) - 1
    for each in (base64.b64decode(line) for line in front.split("\n")[2:]):
        if at % 2 or at == last:
            node = hashlib.sha256(b"\1" + each + node).digest()
            while at and not at % 2:
                at, last = at // 2, last // 2
        else:
            node = hashlib.sha256(b"\1" + node + each).digest()
        at, last = at // 2, last // 2
    assert (base64.b64encode(node).decode(), last) == (root_hash, 0)
    # The checkpoint is signed by a key of which there is a certificate.
    (here / "note").write_bytes(f"{note}\n".encode())
    (here / "sig").write_bytes(base64.b64decode(line.split()[2])[4:])
    key = standing.report.authority.log_key
    (here / "log.pub").write_bytes(public_key_file(key))
    openssl = ("openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "log.pub", "-rawin", "-in", "note")
    assert "Verified Successfully" in sh(*openssl, "-sigfile", "sig")
    assert any(key.text in path.read_text() for path in (here / "certs").glob("cert-*.json"))


def test_a_policy_that_wants_a_snapshot_first_gets_it(root: Path) -> None:
    standing = stand(root)
    rotate(standing, replace(standing.report.dam, version=2))
    with pytest.raises(Refused) as refused:
        publication(stand(root))
    assert refused.value.check_id == "PUBLISH-SNAPSHOT"

    do(root, create_act)
    assert "dam/dam-2.json" in publication(stand(root))


def test_who_may_not_publish_does_not(root: Path) -> None:
    standing = stand(root)
    dam = standing.report.dam
    executes = tuple(replace(each, roles=(Role.EXECUTE,)) for each in dam.principals)
    keys = standing_in(standing)
    given = certified(keys["operator"], (Role.EXECUTE,), dam.policy_hash, SubjectType.PRINCIPAL)
    rotate(standing, replace(dam, version=2, principals=executes), given)
    do(root, create_act)
    after = stand(root)

    with pytest.raises(Refused) as refused:
        do(root, lambda standing: publish_act(standing, publication(after)))
    assert refused.value.check_id == "DAM-ROLE-HELD"


@pytest.mark.parametrize("act", ["execute", "publish"])
def test_whom_the_policy_does_not_allow_may_neither_execute_nor_publish(
    act: Literal["publish", "execute"], root: Path
) -> None:
    standing = stand(root)
    authority = standing.report.authority
    policy = authority.policy

    def under(publishes: tuple[Role, ...], executes: tuple[Role, ...]) -> Standing:
        other = replace(
            policy,
            publication=replace(policy.publication, allowed_roles=publishes),
            execution=replace(policy.execution, allowed_roles=executes),
        )
        dams = (replace(authority.dams[-1], policy=other),)
        return replace(standing, report=replace(standing.report, authority=replace(authority, dams=dams)))

    mine, others = (Role.AUDIT, Role.PUBLISH), (Role.AUDIT, Role.FEDERATE)
    yes, no = ((mine, others), (others, mine)) if act == "publish" else ((others, mine), (mine, others))
    expect_may(standing, act)
    expect_may(under(*yes), act)
    for roles in (no, ((), ())):
        with pytest.raises(Refused) as refused:
            expect_may(under(*roles), act)
        assert refused.value.check_id == "POLICY-ROLE-ALLOWED"
