"""Published vectors of signed artifacts, judged against what they name: who refuses them, and nobody else does."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from asl_authority.values import admission, certificate, dam, request, rootset
from asl_authority.values.admission import Receiver
from asl_authority.values.finding import Finding
from asl_authority.values.policy import read_policy
from asl_authority.values.signed import read_signed
from support.published import FOLDER, samples

Found = tuple[Finding, ...]
Against = Mapping[str, Any]


def rotation(data: bytes, against: Against) -> Found:
    signed = read_signed(data, rootset.ROTATION, rootset.read_rotation)
    return rootset.check_rotation(signed, roots(against))


def ratification(data: bytes, against: Against) -> Found:
    signed = read_signed(data, rootset.RATIFICATION, rootset.read_ratification)
    return rootset.check_ratified(signed, against["domain_id"], policy(against).hash, roots(against))


def authority_request(data: bytes, against: Against) -> Found:
    signed = read_signed(data, request.KIND, request.read_request)
    return request.check_request(signed, roots(against), policy(against))


def a_certificate(data: bytes, against: Against) -> Found:
    signed = read_signed(data, certificate.KIND, certificate.read_certificate)
    return certificate.check_certificate(signed, roots(against))


def a_dam(data: bytes, against: Against) -> Found:
    signed = read_signed(data, dam.KIND, dam.read_dam)
    given = [
        read_signed(each.encode(), certificate.KIND, certificate.read_certificate) for each in against["certificates"]
    ]
    pinned = dam.read_dam(against["pinned"].encode()) if "pinned" in against else None
    return dam.check_dam(signed, given, roots(against), policy(against), pinned)


def admission_request(data: bytes, against: Against) -> Found:
    signed = read_signed(data, admission.REQUEST, admission.read_request)
    who = against["receiver"]
    receiver = Receiver(who["domain_id"], policy(who), who["known_roots"], who["decided"])
    return admission.check_request(signed, dam.read_dam(against["dam"].encode()), policy(against), receiver)


def admission_record(data: bytes, against: Against) -> Found:
    signed = read_signed(data, admission.RECORD, admission.read_record)
    return admission.check_decided(signed, dam.read_dam(against["receiver_dam"].encode()))


def admission_lease(data: bytes, against: Against) -> Found:
    signed = read_signed(data, admission.LEASE, admission.read_lease)
    return admission.check_decided(signed, dam.read_dam(against["receiver_dam"].encode()))


def roots(against: Against) -> rootset.RootSet:
    return rootset.read_root_set(against["root_set"].encode())


def policy(against: Against) -> Any:
    return read_policy(against["policy"].encode())


JUDGES: Mapping[str, Callable[[bytes, Against], Found]] = {
    "rootset.read_rotation": rotation,
    "rootset.read_ratification": ratification,
    "request.read_request": authority_request,
    "certificate.read_certificate": a_certificate,
    "dam.read_dam": a_dam,
    "admission.read_request": admission_request,
    "admission.read_record": admission_record,
    "admission.read_lease": admission_lease,
}
CASES = [
    pytest.param(case, id=f"{name} {case['name']} {case['read']}")
    for name, _ in samples()
    for case in json.loads((FOLDER / f"{name}.json").read_text("utf-8"))["good"]
    if "against" in case
]


@pytest.mark.parametrize("case", CASES)
def test_a_signed_artifact_is_refused_by_the_checks_that_its_vector_names(case: dict[str, Any]) -> None:
    found = JUDGES[case["read"]](case["envelope"].encode(), case["against"])

    assert [each.check_id for each in found if not each.ok] == case["fails"]
