"""The tree over a log's records (RFC 9162): its root, proofs that a record is in it and that it has only grown."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from asl_authority.values.finding import Finding
from asl_authority.values.rules import Rule

PAPER = "RFC 9162"

RULES = (
    Rule("TREE-INCLUSION", PAPER, "S", "An entry is in a tree when its inclusion proof leads to the tree's root."),
    Rule("TREE-CONSISTENCY", PAPER, "S", "A tree extends an older one when the consistency proof leads to both roots."),
)  # fmt: skip

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
# A tree of 2^63 entries has proofs of 63 hashes; consistency needs one more.
MOST_HASHES = 64

# The hash of the complete subtree of 2^level entries that starts at entry index * 2^level.
Node = Callable[[int, int], bytes]
NewNodes = Callable[[int, list[bytes]], None]


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry."""
    return hashlib.sha256(b"\0" + entry).digest()


def leaf_hashes(entries: list[bytes]) -> list[bytes]:
    """The hashes of many entries."""
    sha256 = hashlib.sha256
    return [sha256(b"\0" + entry).digest() for entry in entries]


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash over two neighbours."""
    return hashlib.sha256(b"\1" + left + right).digest()


@dataclass
class Frontier:
    """A tree that grows at its right edge, of which only the complete subtrees along that edge are kept."""

    size: int = 0
    peaks: dict[int, bytes] = field(default_factory=dict)

    def extend(self, leaves: list[bytes], tell: NewNodes | None = None) -> None:
        """Append entries by their leaf hashes; `tell` hears of every new complete subtree, level by level."""
        sha256 = hashlib.sha256
        self.size += len(leaves)
        level, nodes = 0, leaves
        while nodes:
            if tell is not None:
                tell(level, nodes)
            if level in self.peaks:
                nodes = [self.peaks.pop(level), *nodes]
            if len(nodes) % 2:
                self.peaks[level] = nodes[-1]
            pairs = zip(nodes[::2], nodes[1::2], strict=False)
            nodes = [sha256(b"\1" + left + right).digest() for left, right in pairs]
            level += 1

    def root(self) -> bytes:
        """The root of what has been appended so far."""
        whole = b""
        for level in sorted(self.peaks):
            whole = node_hash(self.peaks[level], whole) if whole else self.peaks[level]
        return whole or EMPTY_ROOT

    def copy(self) -> Frontier:
        """The same tree, which grows by itself."""
        return Frontier(self.size, dict(self.peaks))


def tree_root(size: int, node: Node) -> bytes:
    """The root of the first `size` entries."""
    return _range_hash(0, size, node) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, node: Node) -> tuple[bytes, ...]:
    """The proof that entry `index` (from 0) is in the tree of `size` entries, the leaf's sibling first."""
    if not 0 <= index < size:
        raise ValueError(f"entry {index} of {size}")
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(_range_hash(middle, end, node))
            end = middle
        else:
            proof.append(_range_hash(start, middle, node))
            start = middle
    return tuple(reversed(proof))


def consistency_proof(old: int, size: int, node: Node) -> tuple[bytes, ...]:
    """The proof that the tree of `size` entries begins with that of `old` entries."""
    if not 0 < old <= size:
        raise ValueError(f"from {old} to {size} entries")
    proof: list[bytes] = []
    start, end, whole = 0, size, True  # whole: the verifier knows the old part's hash, for it is the old root
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            proof.append(_range_hash(middle, end, node))
            end = middle
        else:
            proof.append(_range_hash(start, middle, node))
            start, whole = middle, False
    if not whole:
        proof.append(_range_hash(start, end, node))
    return tuple(reversed(proof))


def check_inclusion(entry: bytes, index: int, size: int, root: bytes, proof: Sequence[bytes]) -> Finding:
    """TREE-INCLUSION: the entry lies at `index` in the tree of this size and root."""
    ok = 0 <= index < size and len(proof) <= MOST_HASHES and _included(leaf_hash(entry), index, size, proof) == root
    return Finding("TREE-INCLUSION", ok, f"entry {index} of {size}")


def check_consistency(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> Finding:
    """TREE-CONSISTENCY: the tree of this size and root begins with the older one. Of size 0, any tree does."""
    if old in (0, size):
        ok = not proof and (old_root == (root if old == size else EMPTY_ROOT))
    else:
        ok = 0 < old < size and len(proof) <= MOST_HASHES and _extends(old, old_root, size, root, proof)
    return Finding("TREE-CONSISTENCY", ok, f"from {old} to {size} entries")


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def _range_hash(start: int, end: int, node: Node) -> bytes:
    size = end - start
    if size & (size - 1) == 0 and start % size == 0:
        return node(size.bit_length() - 1, start // size)
    middle = start + _split(size)
    return node_hash(_range_hash(start, middle, node), _range_hash(middle, end, node))


def _included(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """The root that the proof leads to (RFC 9162, 2.1.3.2), or None when it has a wrong length."""
    place, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return None
        if place % 2 or place == last:
            found = node_hash(sibling, found)
            while place % 2 == 0 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        place, last = place >> 1, last >> 1
    return found if last == 0 else None


def _extends(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """RFC 9162, 2.1.4.2, for 0 < old < size."""
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if len(path) < 1 or not proof:
        return False
    place, last = old - 1, size - 1
    while place % 2:
        place, last = place >> 1, last >> 1
    before = after = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if place % 2 or place == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while place % 2 == 0 and place:
                place, last = place >> 1, last >> 1
        else:
            after = node_hash(after, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and before == old_root and after == root
