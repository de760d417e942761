"""A signed artifact: the value that a body says, with its envelope; and keys that sign only what they may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from asl_authority.errors import Refused
from asl_authority.values.dsse import Envelope, payload_type_of, read_envelope
from asl_authority.values.ed25519 import PublicKey, Signer
from asl_authority.values.finding import Finding
from asl_authority.values.frozen import frozen, replace
from asl_authority.values.kinds import Kind


class Body(Protocol):
    """What a kind's body says."""

    def to_bytes(self) -> bytes: ...


T_co = TypeVar("T_co", bound=Body, covariant=True)
T = TypeVar("T", bound=Body)


@frozen
class Signed(Generic[T_co]):
    """One artifact. That its signatures are right is not said: that is what checks are for."""

    body: T_co
    envelope: Envelope

    def __post_init__(self) -> None:
        if self.envelope.payload != self.body.to_bytes():
            raise ValueError("the envelope holds another body")

    def to_bytes(self) -> bytes:
        """The bytes of the envelope: what is stored beside the body, and travels."""
        return self.envelope.to_bytes()

    def signed_by(self, *signers: Signer) -> Signed[T_co]:
        """The artifact with these signatures too. Raises ValueError when a key has signed already."""
        return replace(self, envelope=self.envelope.signed_by(*signers))


def unsigned(kind: Kind, body: T, *, rehearsal: bool = False) -> Signed[T]:
    """An artifact that nobody has signed yet."""
    return Signed(body, Envelope(kind.rehearsal_type if rehearsal else kind.payload_type, body.to_bytes()))


def read_signed(data: bytes, kind: Kind, read: Callable[[bytes], T], *, rehearsal: bool = False) -> Signed[T]:
    """The artifact in the bytes of an envelope; `read` reads its body. Raises Malformed; no signature is looked at.

    What a rehearsal has signed is refused, unless this is one: then everything else is.
    """
    envelope = read_envelope(data, kind.rehearsal_type if rehearsal else kind.payload_type, kind.limits)
    return Signed(read(envelope.payload), envelope)


@frozen
class LimitedSigner:
    """A key that signs only what its level may: `judge` answers for the payload type of what it is given.

    What is not an envelope's message at all has the payload type "".
    """

    signer: Signer
    judge: Callable[[str], Finding]

    @property
    def public(self) -> PublicKey:
        """The public half of the key."""
        return self.signer.public

    def sign(self, message: bytes) -> bytes:
        """The key's signature. Raises Refused, and the key is not touched, when it may not sign this."""
        finding = self.judge(payload_type_of(message))
        if not finding.ok:
            raise Refused(f"this key may not sign that: {finding.detail}", check_id=finding.check_id)
        return self.signer.sign(message)
