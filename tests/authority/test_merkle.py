"""The tree: the published roots and proofs, every proof of every small tree, and proofs that were tampered with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from asl_authority.values.known_answers import TREE_ENTRIES, TREE_ROOTS
from asl_authority.values.merkle import (
    EMPTY_ROOT,
    Frontier,
    Node,
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    tree_root,
)

# The proofs that belong to the entries and roots of the self-test.
ENTRIES, ROOTS = list(TREE_ENTRIES), TREE_ROOTS
INCLUSION = [
    (0, 8, ("96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4")),
    (5, 8, ("bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7")),
    (2, 3, ("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",)),
    (1, 5, ("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b")),
]  # fmt: skip
CONSISTENCY = [
    (1, 8, ("96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4")),
    (6, 8, ("0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7")),
    (2, 5, ("5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b")),
]  # fmt: skip


def nodes_of(entries: list[bytes]) -> Node:
    """Every complete subtree, computed the plain way."""

    def node(level: int, index: int) -> bytes:
        if level == 0:
            return leaf_hash(entries[index])
        return node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

    return node


def root_of(size: int) -> bytes:
    return tree_root(size, nodes_of([b"%d" % n for n in range(size)]))


@pytest.mark.parametrize("size", range(9))
def test_the_roots_are_the_published_ones(size: int) -> None:
    frontier = Frontier()
    frontier.extend([leaf_hash(entry) for entry in ENTRIES[:size]])

    assert tree_root(size, nodes_of(ENTRIES)).hex() == ROOTS[size]
    assert frontier.root().hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size", "proof"), INCLUSION)
def test_the_inclusion_proofs_are_the_published_ones(index: int, size: int, proof: tuple[str, ...]) -> None:
    assert tuple(each.hex() for each in inclusion_proof(index, size, nodes_of(ENTRIES))) == proof


@pytest.mark.parametrize(("old", "size", "proof"), CONSISTENCY)
def test_the_consistency_proofs_are_the_published_ones(old: int, size: int, proof: tuple[str, ...]) -> None:
    assert tuple(each.hex() for each in consistency_proof(old, size, nodes_of(ENTRIES))) == proof


@pytest.mark.parametrize("size", range(1, 34))
def test_every_proof_of_a_small_tree_holds_and_holds_for_nothing_else(size: int) -> None:
    entries = [b"%d" % n for n in range(size)]
    node, root = nodes_of(entries), root_of(size)
    for index in range(size):
        proof = inclusion_proof(index, size, node)
        assert check_inclusion(entries[index], index, size, root, proof).ok
        wrong = [
            check_inclusion(b"other", index, size, root, proof),
            check_inclusion(entries[index], (index + 1) % size, size, root, proof) if size > 1 else None,
            check_inclusion(entries[index], size, size, root, proof),
            check_inclusion(entries[index], index, size, root, (*proof, b"x" * 32)),
            check_inclusion(entries[index], index, size, root, proof[:-1]) if proof else None,
        ]
        assert not any(each.ok for each in wrong if each), (index, size)
    for old in range(1, size):
        proof = consistency_proof(old, size, node)
        assert check_consistency(old, root_of(old), size, root, proof).ok, (old, size)
        assert not check_consistency(old, root_of(old - 1), size, root, proof).ok
        assert not check_consistency(old, root_of(old), size, root_of(size + 1), proof).ok
        assert not check_consistency(old, root_of(old), size, root, proof[:-1]).ok
        assert not check_consistency(old, root_of(old), size, root, (*proof, b"x" * 32)).ok


def test_a_tree_extends_itself_and_the_empty_one_and_no_longer_one() -> None:
    assert check_consistency(5, root_of(5), 5, root_of(5), ()).check_id == "TREE-CONSISTENCY"
    assert check_consistency(5, root_of(5), 5, root_of(5), ()).ok
    assert check_consistency(0, EMPTY_ROOT, 5, root_of(5), ()).ok
    assert not check_consistency(5, root_of(5), 5, root_of(4), ()).ok
    assert not check_consistency(0, root_of(1), 5, root_of(5), ()).ok
    assert not check_consistency(6, root_of(6), 5, root_of(5), ()).ok
    assert check_inclusion(b"", 0, 0, EMPTY_ROOT, ()).check_id == "TREE-INCLUSION"
    assert not check_inclusion(b"", 0, 0, EMPTY_ROOT, ()).ok


@given(some.lists(some.integers(0, 40), max_size=8))
def test_a_tree_does_not_depend_on_how_its_entries_arrived(pieces: list[int]) -> None:
    frontier = Frontier()
    seen: dict[int, list[bytes]] = {}
    for count in pieces:
        leaves = [leaf_hash(b"%d" % n) for n in range(frontier.size, frontier.size + count)]
        frontier.extend(leaves, lambda level, new: seen.setdefault(level, []).extend(new))

    assert frontier.root() == root_of(frontier.size)
    assert tree_root(frontier.size, lambda level, index: seen[level][index]) == frontier.root()


@pytest.mark.parametrize(("function", "numbers"), [(inclusion_proof, (3, 3)), (consistency_proof, (0, 3))])
def test_a_proof_of_what_is_not_there_is_a_fault_of_ours(function: object, numbers: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="entr"):
        function(*numbers, nodes_of(ENTRIES))  # type: ignore[operator]
