"""Bring back what a store has lost, from a copy of it: only bytes that its log names, each held against its SHA-256."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from asl_authority.errors import Damaged, IoFailed, Malformed, Refused
from asl_authority.operations.pinning import claim_of
from asl_authority.operations.reading import Source
from asl_authority.storage import durable
from asl_authority.storage.blocks import META_BYTES, BlockStore
from asl_authority.storage.domains import DOMAIN_DIRECTORY, HOST, directories_of, entries_of, held, strange_directories
from asl_authority.storage.layout import DomainPaths
from asl_authority.values.block import BlockMeta, check_block_meta, read_block_meta
from asl_authority.values.snapshot import MOST_BYTES

HEAL_FOUND = "STORE-COPY-HOLDS"


class Kind(Enum):
    """What it is that was lost: a file or a block of the domain, a claim beside it, or a whole directory."""

    FILE = "file"
    BLOCK = "block"
    CLAIM = "claim"
    DIRECTORY = "directory"


@dataclass(frozen=True)
class Lost:
    """What the log names and the store does not hold as it was: a path below the domain, and its SHA-256.

    A claim's path is one below the store. A directory has no SHA-256.
    """

    name: str
    digest: str
    kind: Kind


def find_lost(source: Source) -> list[Lost]:
    """Everything that a sound domain would have.

    Raises Damaged when the log itself is not sound, or what is no directory lies in the place of one; IoFailed.
    """
    found: dict[str, Lost] = {}
    for name in strange_directories(source.disk, source.paths):
        _expect_nothing(source, source.paths.root / name)
        found[name] = Lost(name, "", Kind.DIRECTORY)
    blocks = BlockStore(source.disk, source.paths)
    for _, entry in entries_of(source.log()):
        for block_id in entry.blocks:
            name = str(source.paths.block(block_id).relative_to(source.paths.root))
            if name not in found and not _block_is_good(blocks, block_id):
                found[name] = Lost(name, block_id, Kind.BLOCK)
        for name, digest in entry.files.items():
            if _digest(source, source.paths.root / name) != digest:
                found[name] = Lost(name, digest, Kind.FILE)
        if claim := claim_of(entry):
            path, digest = source.store.claim(claim[0]), claim[1]
            if _digest(source, path) != digest:
                name = str(path.relative_to(source.store.root))
                found[name] = Lost(name, digest, Kind.CLAIM)
    return list(found.values())


def need_copy(source: Source, lost: list[Lost]) -> list[Lost]:
    """What of it the store can't bring back by itself: a claim's bytes are a block too, a directory has none."""
    return [each for each in lost if each.kind is not Kind.DIRECTORY and _in_store(source, each) is None]


def heal(source: Source, lost: list[Lost], copy: DomainPaths | None) -> None:
    """Put each lost file back as the copy has it, and each directory.

    Raises Refused when the copy lacks one; then nothing was changed. Raises Busy, IoFailed.
    """
    files = [each for each in lost if each.kind is not Kind.DIRECTORY]
    data = {each: _found(source, each, copy) for each in files}
    disk, root = source.disk, source.paths.root
    with held(disk, root):
        for name in directories_of(source.paths):
            durable.make_directory(disk, root / name)
        for each, content in data.items():
            path = (source.store.root if each.kind is Kind.CLAIM else root) / each.name
            for above in reversed(path.relative_to(source.store.root).parents[:-1]):
                durable.make_directory(disk, source.store.root / above)
            if each.kind is Kind.BLOCK:
                meta = source.paths.block_meta(each.digest)
                durable.replace(disk, meta, _meta(source, each, len(content), copy).to_bytes())
            durable.replace(disk, path, content)


def _found(source: Source, lost: Lost, copy: DomainPaths | None) -> bytes:
    """The bytes of this SHA-256, from the store itself or from the copy. Raises Refused."""
    own = _in_store(source, lost)
    if own is not None:
        return own
    for path in () if copy is None else _places(source, lost, copy):
        data = _held_to(source, path, lost.digest)
        if data is not None:
            return data
    raise Refused(
        f"{copy.root if copy else source.paths.root}: does not hold {lost.name} as the log names it",
        hint="nothing was brought back; another copy of this domain may have it",
        check_id=HEAL_FOUND,
    )


def _expect_nothing(source: Source, path: Path) -> None:
    with suppress(FileNotFoundError), durable.told("list", path.parent):
        if path.name in source.disk.names(path.parent):
            raise Damaged(
                f"{path}: is no directory, or a link to one; nothing is written there",
                hint="look at the volume on another machine, and move away what lies there",
                check_id=DOMAIN_DIRECTORY,
            )


def _in_store(source: Source, lost: Lost) -> bytes | None:
    return _held_to(source, source.paths.block(lost.digest), lost.digest) if lost.kind is Kind.CLAIM else None


def _places(source: Source, lost: Lost, copy: DomainPaths) -> list[Path]:
    """Where a copy of the domain's directory has it; a claim lies beside that, where the whole store was copied."""
    if lost.kind is not Kind.CLAIM:
        return [copy.root / lost.name]
    above = copy.root.resolve().parent
    store = above if source.domain_id == HOST else above.parent
    return [copy.block(lost.digest), store / lost.name]


def _held_to(source: Source, path: Path, digest: str) -> bytes | None:
    with suppress(FileNotFoundError, Damaged, IoFailed):
        data = durable.read(source.disk, path, MOST_BYTES)
        if hashlib.sha256(data).hexdigest() == digest:
            return data
    return None


def _meta(source: Source, lost: Lost, size: int, copy: DomainPaths | None) -> BlockMeta:
    """The block's meta file: the store's own or the copy's where that fits the block, else one without a type tag."""
    for paths in (source.paths, *((copy,) if copy else ())):
        try:
            found = read_block_meta(durable.read(source.disk, paths.block_meta(lost.digest), META_BYTES))
        except (FileNotFoundError, Damaged, IoFailed, Malformed):
            continue
        if check_block_meta(lost.digest, size, found).ok:
            return found
    return BlockMeta(lost.digest, size, None)


def _block_is_good(blocks: BlockStore, block_id: str) -> bool:
    try:
        blocks.verify(block_id)
    except (FileNotFoundError, Damaged, IoFailed):  # what can't be read can be written again
        return False
    return True


def _digest(source: Source, path: Path) -> str:
    try:
        return durable.digest(source.disk, path)
    except (FileNotFoundError, IoFailed):
        return ""
