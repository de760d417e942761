"""What a paper demands, as data: each rule with its check id, where it comes from, and its sentence.

Every module of values/ that reads or judges a paper has a tuple RULES; docs/papers.md is made from them, and a test
holds that each id is checked in that module and tried by a test.
"""

from __future__ import annotations

from typing import Literal

from asl_authority.values.frozen import frozen


@frozen
class Rule:
    """One rule. `basis` is S where the paper states it, C where the paper is silent and we chose."""

    check_id: str
    paper: str
    basis: Literal["S", "C"]
    says: str
