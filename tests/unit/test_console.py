"""What comes over a serial line is read for what it says, whatever else is in between."""

from __future__ import annotations

import re

import pytest

from asl_image.console import (
    BootLoaderFailed,
    ErrorClass,
    Fatal,
    KernelPanicked,
    Listener,
    SealStopped,
    ShellOfLastResort,
    Transcript,
    find_fatal,
)


def heard(*chunks: bytes) -> Transcript:
    transcript = Transcript()
    for second, chunk in enumerate(chunks):
        transcript.hear(chunk, float(second))
    return transcript


def test_escape_sequences_are_taken_out_even_when_cut_between_two_chunks() -> None:
    assert heard(b"\x1b[!p\x1b]104\x07\x1b[?7h\x1b[6", b"n\x1b[32766;32766", b"H\r\nhost lo\x1b[0", b"mgin: ").text == (
        "\n\nhost login: "
    )


def test_every_cut_of_a_noisy_line_reads_the_same() -> None:
    line = b"\x1b(B\x1b[2J\x1b[01;01H GNU GRUB \x1b]0;title\x1b\\\xe2\x80\x94\x1bP+q\x1b\\ok\r\n"

    assert {heard(line[:cut], line[cut:]).text for cut in range(len(line))} == {"\n GNU GRUB —ok\n"}


def test_an_escape_that_never_ends_does_not_swallow_what_follows() -> None:
    assert "Kernel panic" in heard(b"\x1b]", b"x" * 300, b"Kernel panic").text


def test_a_milestone_is_timed_by_the_chunk_that_completes_it() -> None:
    transcript = heard(b"GNU ", b"GRUB", b"Linux version 6.12")

    assert transcript.first_seen("GNU GRUB") == 1.0
    assert transcript.first_seen("Linux version") == 2.0
    assert transcript.first_seen("systemd") is None


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("[    3.1] Kernel panic - not syncing: Attempted to kill init!\n", KernelPanicked),
        ("asl-seal: STOP: layer tools: wrong hash\n", SealStopped),
        ("You are in emergency mode. After logging in\n", ShellOfLastResort),
        ("Give root password for maintenance\n", ShellOfLastResort),
        ("(initramfs) ", ShellOfLastResort),
        ("error: no such device.\nEntering rescue mode...\ngrub rescue> ", BootLoaderFailed),
    ],
)
def test_a_message_that_ends_the_machine_is_known(said: str, error: ErrorClass) -> None:
    fatal = find_fatal("Booting\n" + said)

    assert fatal is not None
    assert fatal.error is error


@pytest.mark.parametrize(
    "said",
    [
        "Kernel command line: panic=10 systemd.debug_shell\n",
        "echo 'the words (initramfs) in a line'\n",
        "asl-seal: start\n",
        "asl-seal: STOP: half a li",
    ],
)
def test_a_message_that_only_looks_like_the_end_is_not(said: str) -> None:
    assert find_fatal(said) is None


def test_what_is_matched_once_is_behind_us() -> None:
    listener = Listener(heard(b"login: one\nlogin: two\n"))

    assert [match.group(1) for _ in range(2) if isinstance(match := listener.look_for(LOGIN), re.Match)] == [
        "one",
        "two",
    ]
    assert listener.look_for(LOGIN) is None


def test_a_wait_ends_at_a_fatal_message_that_comes_first() -> None:
    listener = Listener(heard(b"asl-seal: STOP: layer base: wrong hash\n", b"login: never\n"))

    found = listener.look_for(LOGIN)

    assert isinstance(found, Fatal)
    assert found.words == "asl-seal: STOP: layer base: wrong hash"


def test_the_fatal_message_itself_can_be_waited_for_and_is_then_forgiven() -> None:
    listener = Listener(heard(b"asl-seal: STOP: layer base: wrong hash\n"))

    assert isinstance(listener.look_for(re.compile("STOP: layer base")), re.Match)
    assert listener.look_for(LOGIN) is None


def test_another_fatal_message_than_the_one_waited_for_still_ends_the_wait() -> None:
    listener = Listener(heard(b"asl-seal: STOP: layer base: wrong hash\n"))

    assert isinstance(listener.look_for(re.compile("STOP: layer tools")), Fatal)


LOGIN = re.compile(r"login: (\w+)")
