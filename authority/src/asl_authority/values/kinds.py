"""The kinds of artifact that are signed: for each its type in the body, its payload type, and how large it may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asl_authority.values.canonical import DEFAULT, Limits, canonical_bytes, read_canonical
from asl_authority.values.fields import Fields
from asl_authority.values.frozen import frozen


@frozen
class Kind:
    """One kind. `name` is that of its type, `asl.<name>/<version>`."""

    name: str
    version: int = 1
    limits: Limits = DEFAULT

    @property
    def type(self) -> str:
        """What the body says of itself."""
        return f"asl.{self.name}/{self.version}"

    @property
    def payload_type(self) -> str:
        """What the envelope says of the body, so that no kind passes for another."""
        return f"application/vnd.asl.{self.name}.v{self.version}+json"

    @property
    def rehearsal_type(self) -> str:
        """The payload type of a rehearsal, which nothing real accepts."""
        return f"application/vnd.asl-rehearsal.{self.name}.v{self.version}+json"

    @property
    def schema_id(self) -> str:
        """The check id of the body's form."""
        return f"{self.name.upper()}-SCHEMA"

    def body(self, members: Mapping[str, Any]) -> bytes:
        """The canonical bytes of a body with these members beside its type."""
        return canonical_bytes({"type": self.type, **members})

    def read(self, data: bytes, names: tuple[str, ...]) -> Fields:
        """The members of a body of this kind. Raises Malformed."""
        fields = Fields(read_canonical(data, self.limits), ("type", *names), self.name, self.schema_id)
        if fields.value["type"] != self.type:
            raise fields.wrong("type", f"{fields.value['type']!a:.60} is not {self.type}")
        return fields
