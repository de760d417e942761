"""Samples of CBOR views: of a DAM, a request, a decision, and what is wrong with others."""

from __future__ import annotations

from typing import Any

import cbor2

from asl_authority.values.cbor_views import DAM_VIEW, DECISION_VIEW, REQUEST_VIEW
from asl_authority.values.roles import Role
from support.domains import Cases, admission_record, admission_request, dam
from support.published import Vectors
from support.samples.admission import LIMITED, REJECTED

DAM = "cbor_views.read_dam_view"
REQUEST = "cbor_views.read_request_view"
DECISION = "cbor_views.read_decision_view"


def vectors() -> Vectors:
    """The published ones."""
    made = Cases("ENC-ASL-HOST/1, CBOR views")

    def add(name: str, reader: str, view: Any, body: bytes) -> None:
        made.add(name, reader, view.of(body), canonical=body.decode())

    add("two principals", DAM, DAM_VIEW, dam().body.to_bytes())
    add("a scope", DAM, DAM_VIEW, dam(scope=(Role.AUDIT,)).body.to_bytes())
    add("with a lease", REQUEST, REQUEST_VIEW, admission_request().body.to_bytes())
    add("without a lease", REQUEST, REQUEST_VIEW, admission_request(lease=None).body.to_bytes())
    for record in (admission_record(), LIMITED, REJECTED):
        add(record.decision, DECISION, DECISION_VIEW, record.to_bytes())

    good = DAM_VIEW.of(dam().body.to_bytes())
    value = cbor2.loads(good)

    def other(**changes: Any) -> bytes:
        return cbor2.dumps(value | {int(key[1:]): new for key, new in changes.items()}, canonical=True)

    made.refuse("CBOR-WHOLE", "nothing", DAM, b"")
    made.refuse("CBOR-WHOLE", "a byte is missing", DAM, good[:-1])
    made.refuse("CBOR-WHOLE", "a byte follows", DAM, good + b"\0")
    made.refuse("CBOR-WHOLE", "text that is not UTF-8", DAM, good.replace(b"me.example", b"me\xffexample"))
    made.refuse("CBOR-WHOLE", "a number is cut off", DAM, b"\xa1\x01\x1b\xff\xff")
    made.refuse("CBOR-WHOLE", "a string is cut off", DAM, b"\xa1\x01\x42\xff")
    made.refuse("CBOR-WHOLE", "an array of 2^32 items", DAM, b"\xa1\x01\x9a\xff\xff\xff\xff")
    made.refuse("CBOR-DEPTH", "nested seven deep", DAM, b"\x81" * 7 + b"\x00")
    made.refuse("CBOR-TYPES", "a tag", DAM, b"\xc2\x41\x01")
    made.refuse("CBOR-TYPES", "a float", DAM, b"\xa1\x01\xf9\x3c\x00")
    made.refuse("CBOR-TYPES", "null", DAM, b"\xa1\x01\xf6")
    made.refuse("CBOR-TYPES", "a negative number", DAM, b"\xa1\x01\x20")
    made.refuse("CBOR-TYPES", "a text as a key", DAM, b"\xa1\x61\x61\x00")
    made.refuse("CBOR-DETERMINISTIC", "an indefinite map", DAM, b"\xbf\xff")
    made.refuse("CBOR-DETERMINISTIC", "a long form of 1", DAM, b"\xa1\x18\x01\x00")
    made.refuse("CBOR-DETERMINISTIC", "a long form of 255", DAM, b"\xa1\x01\x19\x00\xff")
    made.refuse("CBOR-DETERMINISTIC", "keys out of order", DAM, b"\xa2\x02\x00\x01\x00")
    made.refuse("CBOR-DETERMINISTIC", "a key twice", DAM, b"\xa2\x01\x00\x01\x00")
    made.refuse("VIEW-SCHEMA", "an array", DAM, b"\x80")
    made.refuse("VIEW-SCHEMA", "an unknown member", DAM, other(_7=1))
    made.refuse("VIEW-SCHEMA", "a key of 31 bytes", DAM, other(_3=bytes(31)))
    made.refuse("VIEW-SCHEMA", "a digest as text", DAM, other(_5="00" * 32))
    made.refuse("VIEW-SCHEMA", "a number of more than 53 bits", DAM, other(_2=2**60))
    made.refuse("DAM-SCHEMA", "version 0", DAM, other(_2=0))
    made.refuse("DAM-SCHEMA", "no policy", DAM, cbor2.dumps({k: v for k, v in value.items() if k != 5}, canonical=True))
    made.refuse("DAM-PRINCIPALS-UNIQUE", "principals out of order", DAM, other(_4=value[4][::-1]))
    made.refuse("VIEW-SCHEMA", "another kind's view", REQUEST, good)
    return made.vectors()
