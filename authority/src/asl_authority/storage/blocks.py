"""The block store: bytes under the name of their own SHA-256, written once, verified whenever they are read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from asl_authority.errors import Damaged, Malformed, Refused
from asl_authority.storage import durable
from asl_authority.storage.disk import Disk
from asl_authority.storage.layout import DomainPaths, block_of
from asl_authority.values.block import BlockMeta, check_block_id, check_block_meta, read_block_meta

META_BYTES = 4096
# What is read into memory at once; larger blocks are streamed.
MOST_READ = 64 << 20


class BlockStore:
    """The blocks of one domain."""

    def __init__(self, disk: Disk, paths: DomainPaths) -> None:
        self.disk = disk
        self.paths = paths

    def put(self, data: bytes, type_tag: int | None = None) -> str:
        """Store these bytes for good and return their block id; the same bytes may come again. Raises IoFailed."""
        meta = BlockMeta(hashlib.sha256(data).hexdigest(), len(data), type_tag)
        self._put(meta, [data])
        return meta.block_id

    def put_stream(self, block_id: str, size: int, chunks: Iterable[bytes], type_tag: int | None = None) -> None:
        """Store bytes that are said to have this id and size. Raises Malformed when they have not, IoFailed."""
        self._put(BlockMeta(block_id, size, type_tag), _held_to(block_id, size, chunks))

    def read(self, block_id: str, most: int = MOST_READ) -> bytes:
        """The bytes of a block of at most `most`. Raises Damaged when they are not those of its name, Refused for more.

        Raises FileNotFoundError, IoFailed.
        """
        path = self.paths.block(block_id)
        data = durable.read_start(self.disk, path, most + 1)
        if len(data) > most:  # a block may be of any length: that is no damage
            raise Refused(
                f"{path}: longer than {most} bytes, too many to be read at once",
                hint="write it into a file: store get --output",
                check_id="INPUT-LIMIT",
            )
        _require(block_id, hashlib.sha256(data).hexdigest())
        return data

    def stream(self, block_id: str) -> Iterator[bytes]:
        """The bytes of a block in pieces, verified before the first is given out. Raises as `read` does."""
        self.verify(block_id)
        digest = hashlib.sha256()
        for chunk in durable.chunks_of(self.disk, self.paths.block(block_id)):
            digest.update(chunk)
            yield chunk
        _require(block_id, digest.hexdigest())

    def verify(self, block_id: str) -> int:
        """Read a block and its meta file and return the block's size. Raises Damaged, FileNotFoundError, IoFailed."""
        size, digest = self.digest(block_id)
        _require(block_id, digest)
        finding = check_block_meta(block_id, size, self.meta(block_id))
        if not finding.ok:
            raise Damaged(f"{self.paths.block(block_id)}: {finding.detail}", check_id=finding.check_id)
        return size

    def digest(self, block_id: str) -> tuple[int, str]:
        """Size and SHA-256 of what lies under a block's name. Raises FileNotFoundError, IoFailed."""
        digest, size = hashlib.sha256(), 0
        for chunk in durable.chunks_of(self.disk, self.paths.block(block_id)):
            digest.update(chunk)
            size += len(chunk)
        return size, digest.hexdigest()

    def has(self, block_id: str) -> bool:
        """Whether there is a block of this name; its bytes are not looked at."""
        return self.disk.is_file(self.paths.block(block_id))

    def meta(self, block_id: str) -> BlockMeta | None:
        """A block's meta file, or None when there is none. Raises Damaged, IoFailed."""
        path = self.paths.block_meta(block_id)
        try:
            return read_block_meta(durable.read(self.disk, path, META_BYTES))
        except FileNotFoundError:
            return None
        except Malformed as error:
            raise Damaged(f"{path}: {error}", check_id=error.check_id) from None

    def ids(self) -> list[str]:
        """All blocks, sorted. Raises IoFailed."""
        with durable.told("list", self.paths.store):
            found = (block_of(name) for name in self.disk.names(self.paths.store))
            return [block_id for block_id in found if block_id is not None]

    def byte_count(self) -> int:
        """How many bytes all blocks have, by their meta files. Raises Damaged, IoFailed."""
        return sum(meta.size for block_id in self.ids() if (meta := self.meta(block_id)) is not None)

    def _put(self, meta: BlockMeta, chunks: Iterable[bytes]) -> None:
        # The meta file first: once the block has its name, it is sealed and complete.
        try:
            durable.create(self.disk, self.paths.block_meta(meta.block_id), meta.to_bytes())
        except Refused:
            if self.has(meta.block_id):
                raise Refused(
                    f"{meta.block_id}: is in the store already, with another type tag", check_id="BLOCK-TAG"
                ) from None
            durable.replace(self.disk, self.paths.block_meta(meta.block_id), meta.to_bytes())
        durable.create_from(self.disk, self.paths.block(meta.block_id), chunks)


def _held_to(block_id: str, size: int, chunks: Iterable[bytes]) -> Iterator[bytes]:
    digest, got = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        got += len(chunk)
        yield chunk
    finding = check_block_id(block_id, digest.hexdigest())
    if not finding.ok or got != size:
        raise Malformed(f"{finding.detail}, {got} bytes of {size}", check_id="BLOCK-ID")


def _require(block_id: str, digest: str) -> None:
    finding = check_block_id(block_id, digest)
    if not finding.ok:
        raise Damaged(finding.detail, check_id=finding.check_id)
