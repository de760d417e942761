"""Hash trees are recomputed as veritysetup makes them; the vectors are its own."""

from __future__ import annotations

import hashlib

import pytest

from asl_image.verity import BLOCK, hash_tree

SALT = bytes.fromhex("ab" * 32)

# veritysetup format --no-superblock --hash=sha256 --data-block-size=4096 --hash-block-size=4096 --salt=abab…
VECTORS = {
    1: (
        "1fadc40d21cd1a7f6eb1b31d8652379bdbeb205882bdde94068adc86b2a6ec02",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ),
    2: (
        "d596be977b88e6e7a86ddf3b692e350a48d83414f9e9bcd26b60a021c8221fb8",
        "23168243d42ca3ca0dd1fbefa57b6a3b0a6af19d0f7bb63fd5b2bf8e783693c9",
    ),
    129: (
        "c44129d82e727e765d1e5ee7f4b9858d8c4b59fbd38fed6fb6a3f34aaa134f23",
        "cfb98564676c803add280a89ee1d026e03df512c945352338859375224305ff5",
    ),
    16500: (  # three levels, the top one not full
        "2aa45d620f99e25d85f869cf46d871659e96e3f600ca868dd4a5b0a05ac87ef9",
        "84bff057aa3d4f6ff0820d271dca0bc784aad721d1ecbd2ee90e2621437ce351",
    ),
}


def blocks(count: int) -> bytearray:
    return bytearray(b"".join(hashlib.sha256(number.to_bytes(4, "big")).digest() * 128 for number in range(count)))


@pytest.mark.parametrize("count", VECTORS)
def test_root_hash_and_tree_are_those_of_veritysetup(count: int) -> None:
    done: list[int] = []

    root, tree = hash_tree(memoryview(blocks(count)), SALT, done.append)

    assert (root, hashlib.sha256(tree).hexdigest()) == VECTORS[count]
    assert sum(done) == count * BLOCK


def test_one_flipped_bit_in_the_last_block_changes_the_root_hash() -> None:
    data = blocks(129)
    data[-1] ^= 1

    assert hash_tree(memoryview(data), SALT)[0] != VECTORS[129][0]


@pytest.mark.parametrize("size", [0, 1, BLOCK + 1])
def test_what_is_not_whole_blocks_has_no_hash_tree(size: int) -> None:
    with pytest.raises(ValueError, match="whole number"):
        hash_tree(memoryview(bytes(size)), SALT)
