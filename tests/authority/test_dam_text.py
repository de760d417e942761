"""A DAM as a person edits it: the next one starts from the last, and every doubtful line is refused by name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from asl_authority.errors import Malformed
from asl_authority.values.dam import Dam, Principal
from asl_authority.values.dam_text import dam_template, read_dam_text
from asl_authority.values.roles import Role
from support.domains import DOMAIN, POLICY, dam, secret

FIRST = dam().body
TEXT = dam_template(DOMAIN, FIRST.root_key, POLICY.hash, replace(FIRST, version=3))
OPERATOR = secret("operator").public


@pytest.mark.parametrize(
    "last",
    [
        FIRST,
        replace(FIRST, scope=(Role.AUDIT,)),
        replace(FIRST, principals=()),
        replace(FIRST, principals=tuple(Principal(secret(f"{n}").public, tuple(Role)) for n in range(40))),
    ],
)
def test_the_text_of_the_next_dam_says_the_same_one_version_later(last: Dam) -> None:
    text = dam_template(last.domain_id, last.root_key, last.policy_hash, last)

    assert read_dam_text(text.encode()) == replace(last, version=last.version + 1)


def test_the_body_itself_is_read_too_and_the_order_of_a_text_says_nothing() -> None:
    other = TEXT.replace("[execute, publish]", "[publish, execute]")

    assert read_dam_text(FIRST.to_bytes()) == FIRST
    assert other != TEXT
    assert read_dam_text(other.encode()) == read_dam_text(TEXT.encode())


def test_a_key_may_be_the_line_of_its_file() -> None:
    import base64

    line = base64.b64encode(OPERATOR.spki).decode()

    assert read_dam_text(TEXT.replace(OPERATOR.text, line).encode()) == read_dam_text(TEXT.encode())


@pytest.mark.parametrize(
    ("old", "new", "check_id", "words"),
    [
        ("version: 4", "version: 0", "DAM-SCHEMA", "dam.version"),
        ("version: 4", "version: 4.0", "YAML-SCALAR", "4.0"),
        ("version: 4", "version: 4\nversion: 5", "YAML-KEYS", "version"),
        ("version: 4", "versoin: 4", "DAM-SCHEMA", "unknown member 'versoin'"),
        ("version: 4", "version: 4\ntype: asl.dam/1", "DAM-SCHEMA", "dam.type"),
        ("version: 4", "version: 4\nscope: []", "DAM-SCOPE", "empty"),
        ("version: 4", "version: 4\nscope: [publish, audit]", "DAM-SCHEMA", "scope"),
        ("[execute, publish]", "[]", "DAM-PRINCIPAL-ROLES", "no role"),
        ("[execute, publish]", "[rule]", "DAM-SCHEMA", "rule"),
        ("[execute, publish]", "[audit, audit]", "DAM-SCHEMA", "each once"),
        ("[execute, publish]", "[execute, 1]", "DAM-SCHEMA", "roles"),
        ("[execute, publish]", "execute", "DAM-SCHEMA", "roles"),
        (OPERATOR.text, FIRST.root_key.text, "DAM-ROOT-APART", "principal"),
        (OPERATOR.text, secret("auditor").public.text, "DAM-PRINCIPALS-UNIQUE", "twice"),
        (OPERATOR.text, "AAAA", "DAM-SCHEMA", "no key in base64"),
        (OPERATOR.text, "not base64", "DAM-SCHEMA", "no key in base64"),
        (OPERATOR.text, "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "KEY-ORDER", "small order"),
        ("    roles: [audit]", "    roles: [audit]\n    name: me", "DAM-SCHEMA", "principals["),
        ("principals:", "principals: none\nothers:", "DAM-SCHEMA", "unknown member 'others'"),
    ],
)
def test_a_text_that_is_no_dam_is_refused_by_its_rule(old: str, new: str, check_id: str, words: str) -> None:
    assert old in TEXT

    with pytest.raises(Malformed) as refusal:
        read_dam_text(TEXT.replace(old, new).encode())

    assert refusal.value.check_id == check_id
    assert words in str(refusal.value)


def test_what_is_left_open_in_the_text_to_start_with_is_refused() -> None:
    with pytest.raises(Malformed) as refusal:
        read_dam_text(dam_template().encode())

    assert refusal.value.check_id == "DAM-SCHEMA"
