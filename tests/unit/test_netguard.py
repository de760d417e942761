"""Which calls of which programs are a reach for a network, judged by the bytes of their addresses."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from asl_image.netguard import NetworkGuard, ReachedNetwork, internet_address, offence


def inet(address: str, port: int) -> bytes:
    return struct.pack("=H", 2) + port.to_bytes(2, "big") + bytes(map(int, address.split("."))) + bytes(8)


def inet6(last: int, port: int) -> bytes:
    return struct.pack("=H", 10) + port.to_bytes(2, "big") + bytes(4) + bytes(15) + bytes([last]) + bytes(4)


ADDRESSES = {
    "an Internet address": (inet("203.0.113.1", 80), "to 203.0.113.1 port 80"),
    "a loopback address": (inet("127.0.0.1", 53), "to 127.0.0.1 port 53"),
    "an address of version 6": (inet6(1, 443), "to ::1 port 443"),
    "virtual machines": (struct.pack("=H", 40) + bytes(14), "to virtual machines"),
    "a family nobody knows": (struct.pack("=H", 99) + bytes(14), "to address family 99"),
    "port 0, where nothing can be sent": (inet("203.0.113.1", 0), None),
    "a Unix socket": (struct.pack("=H", 1) + b"/run/x\0", None),
    "the kernel": (struct.pack("=H", 16) + bytes(10), None),
    "nothing, which undoes a connection": (struct.pack("=H", 0) + bytes(14), None),
    "too little for an address": (inet("203.0.113.1", 80)[:6], None),
}


@pytest.mark.parametrize("where", ADDRESSES)
def test_an_address_leads_somewhere_or_nowhere(where: str) -> None:
    address, words = ADDRESSES[where]

    assert internet_address(address) == words


def test_an_address_is_read_where_the_call_says_it_lies(tmp_path: Path) -> None:
    address, memory = inet("203.0.113.1", 80), tmp_path / "memory"
    message = struct.pack("=QI", 100, len(address))
    memory.write_bytes(message.ljust(100, b"\0") + address)

    assert offence("connect", (3, 100, 16, 0, 0, 0), memory) == "connect to 203.0.113.1 port 80"
    assert offence("sendto", (3, 0, 0, 0, 100, 16), memory) == "sendto to 203.0.113.1 port 80"
    memory.write_bytes(bytes(8) + message.ljust(92, b"\0") + address)
    assert offence("sendmsg", (3, 8, 0, 0, 0, 0), memory) == "sendmsg to 203.0.113.1 port 80"
    assert offence("socket", (17, 3, 0, 0, 0, 0), memory) == "socket for raw packets"


def test_of_many_messages_each_address_is_read(tmp_path: Path) -> None:
    address, memory = inet("203.0.113.1", 80), tmp_path / "memory"
    connected, sent = bytes(64), struct.pack("=QI", 192, len(address)).ljust(64, b"\0")
    memory.write_bytes(connected + connected + sent + address)

    assert offence("sendmmsg", (3, 0, 2, 0, 0, 0), memory) is None
    assert offence("sendmmsg", (3, 0, 3, 0, 0, 0), memory) == "sendmmsg to 203.0.113.1 port 80"


def test_what_was_found_is_raised_once() -> None:
    guard = NetworkGuard()
    guard.judge("socket", (17, 3, 0, 0, 0, 0), 0)

    with pytest.raises(ReachedNetwork, match="reaches for a network, which no build has"):
        guard.settle()
    guard.settle()


def test_an_address_that_can_t_be_read_is_not_let_through(tmp_path: Path) -> None:
    guard = NetworkGuard()

    assert guard.judge("connect", (3, 1 << 62, 16, 0, 0, 0), 1) != 0
    assert "can't be read" in guard.found[0].what
