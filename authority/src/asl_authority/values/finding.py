"""The answer of one named check."""

from __future__ import annotations

from asl_authority.values.frozen import frozen


@frozen
class Finding:
    """`check_id` is the same in code, log, ceremony text and test; `detail` says what was seen."""

    check_id: str
    ok: bool
    detail: str
