"""What lies beside a block of the store: its size and, where it has one, the type tag of the artifact."""

from __future__ import annotations

from dataclasses import dataclass

from asl_authority.values.finding import Finding
from asl_authority.values.identifiers import U32
from asl_authority.values.kinds import Kind
from asl_authority.values.rules import Rule

PAPER = "ENC-ASL-AUTH-HOST/1"

RULES = (
    Rule("BLOCK-SCHEMA", PAPER, "C", "A block's meta file says its id, size, that it is sealed, perhaps a type tag."),
    Rule("BLOCK-ID", PAPER, "C", "A block's name is the SHA-256 of its bytes."),
    Rule("BLOCK-META", PAPER, "C", "A block has its meta file, which names it and says its true size."),
)  # fmt: skip

KIND = Kind("block")


@dataclass(frozen=True)
class BlockMeta:
    """One block; `type_tag` is ASL/1-CORE's 32-bit tag of the artifact, or None."""

    block_id: str
    size: int
    type_tag: int | None = None

    def to_bytes(self) -> bytes:
        """The one text of the meta file."""
        tag = {} if self.type_tag is None else {"type_tag": self.type_tag}
        return KIND.body({"block": self.block_id, "sealed": True, "size": self.size, **tag})


def read_block_meta(data: bytes) -> BlockMeta:
    """A meta file. Raises Malformed."""
    fields = KIND.read(data, ("block", "sealed", "size", "type_tag?"))
    if not fields.flag("sealed"):
        raise fields.wrong("sealed", "a block that is not sealed has no place in a store")
    tag = fields.integer("type_tag", most=U32) if fields.has("type_tag") else None
    return BlockMeta(fields.sha256("block"), fields.integer("size"), tag)


def check_block_id(block_id: str, digest: str) -> Finding:
    """BLOCK-ID: the bytes have the SHA-256 that the block is named by."""
    return Finding("BLOCK-ID", block_id == digest, block_id if block_id == digest else f"{block_id} holds {digest}")


def check_block_meta(block_id: str, size: int, meta: BlockMeta | None) -> Finding:
    """BLOCK-META: the meta file is there, names the block, and says its size."""
    if meta is None:
        return Finding("BLOCK-META", False, f"{block_id}: has no meta file")
    if meta.block_id != block_id:
        return Finding("BLOCK-META", False, f"{block_id}: its meta file is that of {meta.block_id}")
    same = meta.size == size
    said = block_id if same else f"{block_id}: has {size} bytes, its meta file says {meta.size}"
    return Finding("BLOCK-META", same, said)
