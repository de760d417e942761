"""ENC-ASL-HOST/1's admission files: deterministic CBOR views of the DAM, the request and the decision.

Bodies are signed once, as JSON; `dam.sig` and `admission-decision.sig` are the envelopes of those bodies. A view says
the same with binary digests and keys, and is believed only when it is the view of a body that is.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from asl_authority.errors import Malformed
from asl_authority.values import admission, dam
from asl_authority.values.canonical import read_canonical
from asl_authority.values.cbor import cbor_bytes, read_cbor
from asl_authority.values.ed25519 import KEY_BYTES
from asl_authority.values.finding import Finding
from asl_authority.values.kinds import Kind
from asl_authority.values.rules import Rule

PAPER = "ENC-ASL-HOST/1"

RULES = (
    Rule(
        "VIEW-SCHEMA",
        PAPER,
        "C",
        "A view is a map whose keys number the members from 1 in the papers' order, with digests and keys as bytes; it"
        " has the members of the body and no other.",
    ),
    Rule("VIEW-EQUAL", PAPER, "C", "A view is the one of the signed body that lies beside it."),
)  # fmt: skip


class _Form(Protocol):
    """One member's two forms; both ways raise ValueError, TypeError or KeyError for what has none."""

    def seen(self, said: Any) -> Any:
        """As the view has it."""

    def said(self, seen: Any) -> Any:
        """As the body has it."""


@dataclass(frozen=True)
class _Plain:
    """The same in both."""

    kind: type

    def seen(self, said: Any) -> Any:
        return said

    def said(self, seen: Any) -> Any:
        return _of(seen, self.kind)


class _Digest:
    """Hexadecimal in the body."""

    def seen(self, said: Any) -> Any:
        return bytes.fromhex(said)

    def said(self, seen: Any) -> Any:
        return _of(seen, bytes, 32).hex()


class _Key:
    """base64 in the body."""

    def seen(self, said: Any) -> Any:
        return base64.b64decode(said)

    def said(self, seen: Any) -> Any:
        return base64.b64encode(_of(seen, bytes, KEY_BYTES)).decode()


@dataclass(frozen=True)
class _Array:
    """Of things of one form."""

    each: _Form

    def seen(self, said: Any) -> Any:
        return [self.each.seen(item) for item in said]

    def said(self, seen: Any) -> Any:
        return [self.each.said(item) for item in _of(seen, list)]


@dataclass(frozen=True)
class _Map:
    """An object: members by their numbers. What is optional is for the body's reader to know."""

    members: Mapping[str, _Form]

    def seen(self, said: Any) -> Any:
        numbers = {name: n for n, name in enumerate(self.members, 1)}
        return {numbers[name]: self.members[name].seen(value) for name, value in said.items()}

    def said(self, seen: Any) -> Any:
        names = dict(enumerate(self.members, 1))
        return {(name := names[n]): self.members[name].said(value) for n, value in _of(seen, dict).items()}


_TEXT, _NUMBER, _DIGEST, _KEY = _Plain(str), _Plain(int), _Digest(), _Key()
_WORDS = _Array(_TEXT)
_TERMS = _Map({"epochs": _NUMBER, "quota_bytes": _NUMBER})
_PRINCIPAL = _Map({"principal_id": _DIGEST, "public_key": _KEY, "roles": _WORDS})


@dataclass(frozen=True)
class View:
    """The view of one kind of body."""

    kind: Kind
    form: _Map

    def of(self, body: bytes) -> bytes:
        """The view of a body, which is known to be one of this kind."""
        members = {name: value for name, value in read_canonical(body, self.kind.limits).items() if name != "type"}
        return cbor_bytes(self.form.seen(members))

    def body(self, data: bytes) -> bytes:
        """The body that a view is of, for that kind's own reader. Raises Malformed."""
        seen = read_cbor(data, self.kind.limits)
        try:
            return self.kind.body(self.form.said(seen))
        except (KeyError, TypeError, ValueError) as error:
            raise Malformed(f"no view of such a body: {error}", check_id="VIEW-SCHEMA") from None

    def check(self, data: bytes, body: bytes) -> Finding:
        """VIEW-EQUAL: `data` is the view of this signed body."""
        equal = data == self.of(body)
        said = "a view" if equal else "not the view"
        return Finding("VIEW-EQUAL", equal, f"{said} of {self.kind.type}, {len(data)} bytes")

    def judge(self, data: bytes, body: bytes) -> tuple[Finding, ...]:
        """As `check`; before it, of bytes that are no view of this kind at all, the rule that they break."""
        equal = self.check(data, body)
        if equal.ok:
            return (equal,)
        try:
            self.body(data)
        except Malformed as error:
            return (Finding(error.check_id, False, f"{self.kind.type}: {error}"), equal)
        return (equal,)


DAM_VIEW = View(
    dam.KIND,
    _Map(
        {
            "domain_id": _TEXT,
            "version": _NUMBER,
            "root_key": _KEY,
            "principals": _Array(_PRINCIPAL),
            "policy_hash": _DIGEST,
            "scope": _WORDS,
        }
    ),
)
REQUEST_VIEW = View(
    admission.REQUEST,
    _Map(
        {
            "request_id": _TEXT,
            "receiver": _TEXT,
            "domain_id": _TEXT,
            "dam_hash": _DIGEST,
            "requested_scope": _WORDS,
            "lease": _TERMS,
        }
    ),
)
DECISION_VIEW = View(
    admission.RECORD,
    _Map(
        {
            "domain_id": _TEXT,
            "dam_hash": _DIGEST,
            "policy_hash": _DIGEST,
            "admitted_scope": _WORDS,
            "decision": _TEXT,
            "decision_epoch": _NUMBER,
            "request_id": _TEXT,
            "snapshot_id": _DIGEST,
            "reasons": _WORDS,
            "lease": _TERMS,
        }
    ),
)


def read_dam_view(data: bytes) -> dam.Dam:
    """The DAM that a view is of. Raises Malformed."""
    return dam.read_dam(DAM_VIEW.body(data))


def read_request_view(data: bytes) -> admission.AdmissionRequest:
    """The request that a view is of. Raises Malformed."""
    return admission.read_request(REQUEST_VIEW.body(data))


def read_decision_view(data: bytes) -> admission.AdmissionRecord:
    """The decision that a view is of. Raises Malformed."""
    return admission.read_record(DECISION_VIEW.body(data))


def _of(value: Any, kind: type, size: int | None = None) -> Any:
    exact: bool = type(value) is kind
    if not exact or (size is not None and len(value) != size):
        raise TypeError(f"expected {kind.__name__}{'' if size is None else f' of {size}'}")
    return value
