"""Artifacts that a person names: a body or its envelope, and when the other one lies beside it, both, held equal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from asl_authority.errors import Malformed
from asl_authority.operations.twice import envelope_beside, verified_elsewhere
from asl_authority.storage.plain_files import named, read_file
from asl_authority.values.canonical import Limits, read_canonical
from asl_authority.values.dsse import Envelope, check_body, read_envelope
from asl_authority.values.ed25519 import PublicKey
from asl_authority.values.finding import Finding
from asl_authority.values.frozen import frozen
from asl_authority.values.kinds import Kind
from asl_authority.values.signed import Body, Signed

T = TypeVar("T", bound=Body)

# Members by which an envelope is known from a body, whatever its kind.
_ENVELOPE = ("payload", "payloadType", "signatures")


@frozen
class Form(Generic[T]):
    """How one kind of artifact is read."""

    payload_type: str
    limits: Limits
    read: Callable[[bytes], T]


@frozen
class Loaded(Generic[T]):
    """What was read: the body, its envelope when there is one, and what was found on the way."""

    path: Path
    body: T
    envelope: Envelope | None
    findings: tuple[Finding, ...]

    @property
    def signed(self) -> Signed[T]:
        """The artifact. Raises Malformed when nobody has signed it."""
        if self.envelope is None:
            raise Malformed(
                f"{self.path}: nobody has signed it: there is no {envelope_beside(self.path).name} beside it",
                check_id="DSSE-SCHEMA",
            )
        return Signed(self.body, self.envelope)


def form_of(kind: Kind, read: Callable[[bytes], T], *, rehearsal: bool = False) -> Form[T]:
    """The form of a kind; a rehearsal's and the real one never pass for each other."""
    return Form(kind.rehearsal_type if rehearsal else kind.payload_type, kind.limits, read)


def load(path: Path, form: Form[T]) -> Loaded[T]:
    """The artifact at `path`, a body or an envelope, no signature looked at. Raises Malformed, UsageError, IoFailed."""
    most = form.limits.size * 4 // 3 + (1 << 15)
    data = read_file(path, most)
    with named(path):
        if is_envelope(data, form.limits):
            envelope = read_envelope(data, form.payload_type, form.limits)
            body = form.read(envelope.payload)
            beside = path.with_name(path.name.removesuffix(".sig"))
            there = beside != path and beside.is_file()
            findings = (check_body(envelope, read_file(beside, most)),) if there else ()
            return Loaded(path, body, envelope, findings)
        body = form.read(data)
    beside = envelope_beside(path)
    if not beside.is_file():
        return Loaded(path, body, None, ())
    with named(beside):
        envelope = read_envelope(read_file(beside, most), form.payload_type, form.limits)
    equal = check_body(envelope, data)
    if not equal.ok:
        raise Malformed(f"{path} is not what {beside} signs: {equal.detail}", check_id=equal.check_id)
    return Loaded(path, body, envelope, (equal,))


def is_envelope(data: bytes, limits: Limits) -> bool:
    """Whether canonical bytes look like an envelope. Raises Malformed."""
    most = Limits(limits.size * 4 // 3 + (1 << 15), limits.depth, limits.count + 1024)
    return set(read_canonical(data, most)) == set(_ENVELOPE)


def kind_name(path: Path, kinds: Sequence[Kind]) -> str:
    """Which of these kinds a file says it is of; empty for none. Raises Malformed: its form is not looked at."""
    most = max(kind.limits.size for kind in kinds) * 4 // 3 + (1 << 15)
    limits = Limits(most)
    with named(path):
        value = read_canonical(read_file(path, most), limits)
        said = str(value.get("payloadType", value.get("type", "")))
    return next((k.name for k in kinds if said in (k.type, k.payload_type, k.rehearsal_type)), "")


def again(envelope: Envelope | None, keys: Iterable[PublicKey]) -> tuple[Finding, ...]:
    """What the second implementation says of the signatures of these keys."""
    return () if envelope is None else tuple(verified_elsewhere(envelope, keys))
