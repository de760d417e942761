"""The head of a log: how many records it has, and the root of the tree over them."""

from __future__ import annotations

from asl_authority.values.fields import Fields
from asl_authority.values.frozen import frozen


@frozen
class Head:
    """One state of a log. `root` is the RFC 9162 root of its first `size` records, in lower-case hexadecimal."""

    size: int
    root: str

    def members(self) -> dict[str, object]:
        """As the papers write it."""
        return {"root": self.root, "size": self.size}


def head_of(fields: Fields, name: str = "log") -> Head:
    """The head under a member of an object. Raises Malformed."""
    within = fields.within(name, ("root", "size"))
    return Head(within.integer("size"), within.sha256("root"))
