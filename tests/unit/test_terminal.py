"""What a person types at the terminal reaches the machine, but for the keys that leave it."""

from __future__ import annotations

from pathlib import Path

from asl_image.terminal import Keys, converse


def test_keys_go_through_as_they_are_and_ctrl_a_x_leaves() -> None:
    keys = Keys()

    assert keys.take(b"ls\x03\x1b[A") == b"ls\x03\x1b[A"
    assert keys.take(b"\x01") == b""
    assert not keys.leave
    assert keys.take(b"xrest") == b""
    assert keys.leave


def test_a_ctrl_a_is_sent_by_typing_it_twice_and_means_nothing_before_other_keys() -> None:
    keys = Keys()

    assert keys.take(b"\x01\x01x\x01b") == b"\x01x\x01b"
    assert not keys.leave


def test_the_end_of_what_is_typed_does_not_end_the_machine(tmp_path: Path) -> None:
    (tmp_path / "typed").write_bytes(b"help\r")
    sent: list[bytes] = []
    looks = iter([True, True, True, False])

    with (tmp_path / "typed").open("rb") as typed:
        converse(typed.fileno(), sent.append, lambda: next(looks))

    assert sent == [b"help\r"]
    assert next(looks, None) is None
