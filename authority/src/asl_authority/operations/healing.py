"""Bring back what a store has lost, from a copy of it: only bytes that its log names, each held against its SHA-256."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass

from asl_authority.errors import Damaged, IoFailed, Malformed, Refused
from asl_authority.operations.reading import Source
from asl_authority.storage import durable
from asl_authority.storage.blocks import META_BYTES, MOST_READ, BlockStore
from asl_authority.storage.domains import entries_of, held
from asl_authority.storage.layout import DomainPaths
from asl_authority.values.block import BlockMeta, check_block_meta, read_block_meta

HEAL_FOUND = "STORE-COPY-HOLDS"


@dataclass(frozen=True)
class Lost:
    """What the log names and the store does not hold as it was: a path below the domain, and its SHA-256."""

    name: str
    digest: str
    block: bool


def find_lost(source: Source) -> list[Lost]:
    """Everything that a sound domain would have. Raises Damaged when the log itself is not sound, IoFailed."""
    found: dict[str, Lost] = {}
    blocks = BlockStore(source.disk, source.paths)
    for _, entry in entries_of(source.log()):
        for block_id in entry.blocks:
            name = str(source.paths.block(block_id).relative_to(source.paths.root))
            if name not in found and not _block_is_good(blocks, block_id):
                found[name] = Lost(name, block_id, block=True)
        for name, digest in entry.files.items():
            if _digest(source, name) != digest:
                found[name] = Lost(name, digest, block=False)
    return list(found.values())


def heal(source: Source, lost: list[Lost], copy: DomainPaths) -> None:
    """Put each lost file back as the copy has it. Raises Refused when the copy lacks one; then nothing was changed."""
    data = {each: _from_copy(source, each, copy) for each in lost}
    with held(source.disk, source.paths.root):
        for each, content in data.items():
            if each.block:
                meta = source.paths.block_meta(each.digest)
                durable.replace(source.disk, meta, _meta(source, each, len(content), copy).to_bytes())
            durable.replace(source.disk, source.paths.root / each.name, content)


def _from_copy(source: Source, lost: Lost, copy: DomainPaths) -> bytes:
    with suppress(FileNotFoundError, IoFailed):
        data = durable.read(source.disk, copy.root / lost.name, MOST_READ)
        if hashlib.sha256(data).hexdigest() == lost.digest:
            return data
    raise Refused(
        f"{copy.root}: does not hold {lost.name} as the log names it",
        hint="nothing was brought back; another copy of this domain may have it",
        check_id=HEAL_FOUND,
    )


def _meta(source: Source, lost: Lost, size: int, copy: DomainPaths) -> BlockMeta:
    """The block's meta file: the store's own or the copy's where that fits the block, else one without a type tag."""
    for paths in (source.paths, copy):
        try:
            found = read_block_meta(durable.read(source.disk, paths.block_meta(lost.digest), META_BYTES))
        except (FileNotFoundError, IoFailed, Malformed):
            continue
        if check_block_meta(lost.digest, size, found).ok:
            return found
    return BlockMeta(lost.digest, size, None)


def _block_is_good(blocks: BlockStore, block_id: str) -> bool:
    try:
        blocks.verify(block_id)
    except (FileNotFoundError, Damaged):
        return False
    return True


def _digest(source: Source, name: str) -> str:
    try:
        return durable.digest(source.disk, source.paths.root / name)
    except FileNotFoundError:
        return ""
