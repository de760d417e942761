"""Whatever value an authority paper can hold is written in one way, as rfc8785 writes it too, and read as it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as some

from asl_authority.values import admission, certificate, request, rootset
from asl_authority.values.admission import AdmissionRecord, AdmissionRequest, Decision, Lease, Terms
from asl_authority.values.canonical import MOST
from asl_authority.values.cbor_views import DECISION_VIEW, REQUEST_VIEW, read_decision_view, read_request_view
from asl_authority.values.certificate import Certificate
from asl_authority.values.identifiers import CHECK_ID, DOMAIN_ID, REQUEST_ID, U32
from asl_authority.values.request import AuthorityRequest, SubjectType
from asl_authority.values.roles import Role
from asl_authority.values.rootset import Ratification, RootSet, Rotation
from asl_authority.values.signed import read_signed, unsigned
from support.domains import secret

KEYS = some.sampled_from([secret(f"key {n}").public for n in range(6)])
SIGNERS = some.lists(some.sampled_from([secret(f"key {n}") for n in range(3)]), unique=True)
DIGESTS = some.binary(min_size=32, max_size=32).map(bytes.hex)
DOMAINS = some.from_regex(DOMAIN_ID, fullmatch=True)
IDS = some.from_regex(REQUEST_ID, fullmatch=True)
VERSIONS = some.integers(1, U32)
SCOPES = some.lists(some.sampled_from(Role), min_size=1).map(tuple)
TERMS = some.builds(Terms, VERSIONS, some.integers(0, MOST))
EPOCHS = some.integers(1, admission.LAST_EPOCH)

SETS = some.lists(KEYS, min_size=1, max_size=3, unique=True).flatmap(
    lambda keys: some.builds(RootSet, VERSIONS, some.just(tuple(keys)), some.integers(1, len(keys)))
)
SUBJECTS = some.sampled_from([kind for kind in SubjectType if kind is not SubjectType.PRINCIPAL])
WHO = some.tuples(SUBJECTS, some.just(())) | some.tuples(some.just(SubjectType.PRINCIPAL), SCOPES)
REQUESTS = some.builds(
    lambda who, key, domain, policy: AuthorityRequest(who[0], key, domain, who[1], policy), WHO, KEYS, DOMAINS, DIGESTS
)
CERTIFICATES = some.builds(
    lambda who, key, domain, policy, issuer, version: Certificate(who[0], key, domain, who[1], policy, issuer, version),
    *(WHO, KEYS, DOMAINS, DIGESTS, KEYS, VERSIONS),
)
OUTCOMES = (
    some.tuples(SCOPES, some.just(Decision.ACCEPTED), some.none(), some.just(()))
    | some.tuples(SCOPES, some.just(Decision.ACCEPTED_LIMITED), TERMS, some.just(()))
    | some.tuples(
        some.just(()),
        some.sampled_from([Decision.DEFERRED, Decision.REJECTED]),
        some.none(),
        some.lists(some.from_regex(CHECK_ID, fullmatch=True), max_size=3).map(tuple),
    )
)
RECORDS = some.builds(
    lambda name, domain, dam, policy, outcome, epoch, snapshot: AdmissionRecord(
        name, domain, dam, policy, outcome[0], outcome[1], epoch, snapshot, outcome[2], outcome[3]
    ),
    *(IDS, DOMAINS, DIGESTS, DIGESTS, OUTCOMES, EPOCHS, DIGESTS),
)
LEASES = some.builds(
    lambda domain, scope, quota, epoch, more: Lease(domain, tuple(sorted(set(scope))), quota, epoch, epoch + more),
    *(DOMAINS, SCOPES, some.integers(0, MOST), EPOCHS, VERSIONS),
)
ASKED = some.builds(AdmissionRequest, IDS, DOMAINS, DOMAINS, DIGESTS, SCOPES, some.none() | TERMS)

PAPERS = [
    (rootset.KIND, SETS, rootset.read_root_set),
    (rootset.ROTATION, some.builds(Rotation, DIGESTS, SETS), rootset.read_rotation),
    (rootset.RATIFICATION, some.builds(Ratification, DOMAINS, DIGESTS), rootset.read_ratification),
    (request.KIND, REQUESTS, request.read_request),
    (certificate.KIND, CERTIFICATES, certificate.read_certificate),
    (admission.REQUEST, ASKED, admission.read_request),
    (admission.RECORD, RECORDS, admission.read_record),
    (admission.LEASE, LEASES, admission.read_lease),
]


@pytest.mark.parametrize(("kind", "values", "read"), PAPERS, ids=[kind.name for kind, _, _ in PAPERS])
@given(some.data())
def test_a_value_and_its_envelope_are_read_as_they_were_written(
    kind: Any, values: some.SearchStrategy[Any], read: Callable[[bytes], Any], data: some.DataObject
) -> None:
    value = data.draw(values)
    signed = unsigned(kind, value).signed_by(*data.draw(SIGNERS))

    assert read(value.to_bytes()) == value
    assert read_signed(signed.to_bytes(), kind, read) == signed
    assert rfc8785.dumps(json.loads(value.to_bytes())) == value.to_bytes()


@given(ASKED, RECORDS)
def test_a_view_leads_back_to_its_value(asked: AdmissionRequest, record: AdmissionRecord) -> None:
    assert read_request_view(REQUEST_VIEW.of(asked.to_bytes())) == asked
    assert read_decision_view(DECISION_VIEW.of(record.to_bytes())) == record
