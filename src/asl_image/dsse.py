"""The DSSE v1 envelope: a payload of a named type, and any number of signatures over both; pure, bytes in and out."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from asl_image.errors import CheckFailed
from asl_image.jsontext import strict_value
from asl_image.publickey import exact_base64

KEYS = {"payload", "payloadType", "signatures"}
KEY_ID = re.compile(r"[0-9a-f]{64}")
SIGNATURE_KEYS = {"keyid", "sig"}


@dataclass(frozen=True)
class Envelope:
    """`signatures` are by key id."""

    payload_type: str
    payload: bytes
    signatures: Mapping[str, bytes]

    def signed_bytes(self) -> bytes:
        """What every signature is over: DSSE's pre-authentication encoding."""
        return pre_authentication(self.payload_type, self.payload)

    def with_signature(self, key_id: str, signature: bytes) -> Envelope:
        """One signature more; all others stay."""
        return replace(self, signatures={**self.signatures, key_id: signature})

    def text(self) -> str:
        """The one text of it, whoever signed first: canonical JSON (RFC 8785), as the authority reads it."""
        signatures = [{"keyid": key_id, "sig": _base64(sig)} for key_id, sig in sorted(self.signatures.items())]
        whole = {"payload": _base64(self.payload), "payloadType": self.payload_type, "signatures": signatures}
        return json.dumps(whole, sort_keys=True, separators=(",", ":"))  # enough for text that is all ASCII


def pre_authentication(payload_type: str, payload: bytes) -> bytes:
    """PAE of DSSE v1."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def read_envelope(data: bytes, name: str) -> Envelope:
    """The envelope in a file; blanks in the JSON may be others than ours. Raises CheckFailed for anything else."""
    try:
        whole = strict_value(data.decode("utf-8"))
        if not isinstance(whole, dict) or whole.keys() != KEYS:
            raise ValueError(f"its keys are not {', '.join(sorted(KEYS))}")
        if not isinstance(whole["payloadType"], str) or not isinstance(whole["signatures"], list):
            raise ValueError("payloadType is text and signatures is a list")  # noqa: TRY004 - as below
        signatures: dict[str, bytes] = {}
        for each in whole["signatures"]:
            if not isinstance(each, dict) or each.keys() != SIGNATURE_KEYS or not isinstance(each["keyid"], str):
                raise ValueError("a signature has a keyid and a sig")
            if not KEY_ID.fullmatch(each["keyid"]):
                raise ValueError("a keyid is a SHA-256 in lower-case hex")
            if each["keyid"] in signatures:
                raise ValueError(f"the key {each['keyid']} signed twice")
            signatures[each["keyid"]] = _bytes(each["sig"], "sig")
        return Envelope(whole["payloadType"], _bytes(whole["payload"], "payload"), signatures)
    except (ValueError, RecursionError) as error:
        raise CheckFailed(f"{name}: not a DSSE envelope: {error}") from None


def _bytes(value: object, name: str) -> bytes:
    if not isinstance(value, str):
        raise ValueError(f"{name} is not text")  # noqa: TRY004 - whoever reads it, it is one kind of mistake
    try:
        return exact_base64(value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
