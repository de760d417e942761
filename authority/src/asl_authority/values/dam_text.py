"""A DAM as a person edits it: YAML with comments in, the one canonical body out."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from asl_authority.errors import Malformed
from asl_authority.values.canonical import canonical_bytes
from asl_authority.values.dam import KIND, Dam, Principal, read_dam
from asl_authority.values.ed25519 import KEY_BYTES, SPKI_HEAD, PublicKey
from asl_authority.values.strict_yaml import YamlLimits, read_yaml

HEAD = """\
# The manifest of a domain (ASL/DAM/1): who may do what in it. What counts is
# not this text but the body that `dam check` makes of it.
domain_id: {domain_id}
version: {version}   # counts the DAMs of this domain

# A key is the line between the two markers of its .pub file, or base64 of its
# 32 bytes. The root key signs this manifest, and nothing else.
root_key: {root_key}

# As `policy hash` prints it.
policy_hash: {policy_hash}

# Which roles count at all. Without this line all five do.
{scope}

# Who else has a key, and what for, of the roles produce, execute, publish,
# federate and audit. Their ids follow from the keys.
principals:{principals}
"""
EMPTY = """
  - public_key: "?"
    roles: [audit]"""
LIMITS = YamlLimits(size=1 << 20, depth=6, count=16 * 1024)


def dam_template(
    domain_id: str = "?",
    root_key: PublicKey | None = None,
    policy_hash: str = "?",
    last: Dam | None = None,
) -> str:
    """The text to start from; what is not known is "?", which `read_dam_text` refuses by its place."""
    quoted = {"domain_id": domain_id, "root_key": root_key.text if root_key else "?", "policy_hash": policy_hash}
    scope = "# scope: [audit, execute]" if last is None or last.scope is None else f"scope: {_flow(last.scope)}"
    return HEAD.format(
        **{name: json.dumps(value) for name, value in quoted.items()},
        version=1 if last is None else last.version + 1,
        scope=scope,
        principals=EMPTY if last is None else _principals(last.principals),
    )


def read_dam_text(data: bytes) -> Dam:
    """The DAM in an edited text, or in the body itself. Raises Malformed."""
    if data.startswith(b"{"):
        return read_dam(data)
    value = read_yaml(data, LIMITS)
    if "type" in value:
        raise Malformed("dam.type: is not written in the text", check_id=KIND.schema_id)
    principals = value.get("principals")
    try:
        whole = {
            "type": KIND.type,
            **value,
            "root_key": _key(value.get("root_key"), "root_key"),
            "principals": sorted(
                (_principal(each, n) for n, each in enumerate(principals)), key=lambda each: each["principal_id"]
            )
            if isinstance(principals, list)
            else principals,
        }
        return read_dam(canonical_bytes(whole))
    except ValueError as error:
        raise Malformed(f"dam: {error}", check_id=KIND.schema_id) from None


def _principal(value: Any, place: int) -> dict[str, Any]:
    if not isinstance(value, Mapping) or value.keys() != {"public_key", "roles"}:
        raise Malformed(f"dam.principals[{place}]: expected public_key and roles", check_id=KIND.schema_id)
    key, roles = _key(value["public_key"], f"principals[{place}].public_key"), value["roles"]
    # A person lists roles in any order; twice is a mistake, which the reader of the body finds.
    ordered = sorted(roles) if isinstance(roles, list) and all(type(each) is str for each in roles) else roles
    return {"principal_id": PublicKey(base64.b64decode(key)).key_id, "public_key": key, "roles": ordered}


def _key(value: Any, where: str) -> str:
    """A key as the body says it, from that or from the line of a .pub file."""
    try:
        data = base64.b64decode(value, validate=True) if type(value) is str else b""
    except binascii.Error:
        data = b""
    raw = data.removeprefix(SPKI_HEAD)
    if len(raw) != KEY_BYTES:
        raise Malformed(f"dam.{where}: {str(value)[:40]!a} is no key in base64", check_id=KIND.schema_id)
    return PublicKey(raw).text


def _principals(principals: tuple[Principal, ...]) -> str:
    lines = [f'\n  - public_key: "{each.public_key.text}"\n    roles: {_flow(each.roles)}' for each in principals]
    return "".join(lines) or " []"


def _flow(roles: tuple[str, ...]) -> str:
    return f"[{', '.join(roles)}]"
