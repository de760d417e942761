"""Opening files of mirrors: connections are kept, redirections followed, proxies used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from asl_image.network import Network
from asl_image.web import NotOffered, Unreachable, Web
from support.archive import Server, serve

DATA = bytes(range(256)) * 100


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(DATA)
    with serve(tmp_path) as server:
        yield server


def read(web: Web, uri: str, offset: int = 0) -> bytes:
    found = b""
    with web.opened(uri, offset) as opened:
        assert opened.offset == offset
        while chunk := opened.read(1000):
            found += chunk
    return found


def test_one_connection_serves_many_files(server: Server) -> None:
    with Web(Network()) as web:
        assert read(web, f"{server.uri}/a") == DATA
        assert read(web, f"{server.uri}/b", 25_000) == DATA[25_000:]

    assert server.connections == 1


def test_a_file_that_was_not_read_to_its_end_does_not_get_into_the_next(server: Server) -> None:
    with Web(Network()) as web:
        with web.opened(f"{server.uri}/a", 0) as opened:
            opened.read(10)
        assert read(web, f"{server.uri}/b") == DATA


def test_a_kept_connection_that_the_server_closed_is_made_again(server: Server) -> None:
    server.cut["a"] = len(DATA)  # all of it, and then the server hangs up
    with Web(Network()) as web:
        assert read(web, f"{server.uri}/a") == DATA
        assert read(web, f"{server.uri}/b") == DATA

    assert server.connections == 2


def test_a_redirection_is_followed_with_the_same_range(server: Server) -> None:
    server.moved["old"] = "/a"
    with Web(Network()) as web:
        assert read(web, f"{server.uri}/old", 100) == DATA[100:]


@pytest.mark.parametrize(("target", "why"), [("/round", "circles"), ("file:///etc/passwd", "leads to file:")])
def test_a_redirection_to_nowhere_good_is_not_followed(server: Server, target: str, why: str) -> None:
    server.moved["round"] = target
    with Web(Network()) as web, pytest.raises(Unreachable, match=why):
        read(web, f"{server.uri}/round")


def test_what_is_gone_is_not_offered(server: Server, tmp_path: Path) -> None:
    with Web(Network()) as web:
        for uri in (f"{server.uri}/none", (tmp_path / "none").as_uri()):
            with pytest.raises(NotOffered):
                read(web, uri)


def test_a_proxy_is_asked_for_the_whole_uri_with_its_password(server: Server) -> None:
    proxy = server.uri.replace("//", "//user:secret@")
    with Web(Network((("Acquire::http::Proxy", proxy),))) as web:
        assert read(web, "http://mirror.invalid/a") == DATA

    assert server.asked == [("http://mirror.invalid/a", None)]


def test_a_proxy_of_another_kind_is_refused_in_words(server: Server) -> None:
    with (
        Web(Network((("Acquire::http::Proxy", "socks5h://127.0.0.1:1"),))) as web,
        pytest.raises(Unreachable, match="socks5h: is not supported"),
    ):
        read(web, f"{server.uri}/a")


def test_a_host_without_a_name_is_unreachable_and_worth_another_try() -> None:
    with Web(Network()) as web, pytest.raises(Unreachable) as caught:
        read(web, "http://127.0.0.1:9/a")
    assert caught.value.again
