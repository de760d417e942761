"""Open files of mirrors over HTTP, HTTPS or from a folder, from any byte on; connections are kept and used again.

A lock has hundreds of small files: a connection each would take most of the time, for names and handshakes.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import BinaryIO, Self
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from asl_image.network import Network

TIMEOUT_S = 20.0
MOST_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
GONE = frozenset({404, 410})
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
RANGE_REFUSED = 416


class NotOffered(Exception):
    """An origin answers that it has no such file."""


class Unreachable(Exception):
    """An origin does not answer as it should; trying again may help when `again`."""

    def __init__(self, why: str, *, again: bool) -> None:
        super().__init__(why)
        self.again = again


@dataclass(frozen=True)
class Opened:
    """A stream of a file's bytes from `offset` on."""

    stream: BinaryIO | HTTPResponse
    offset: int

    def read(self, count: int) -> bytes:
        """At most `count` bytes; none at the end, which may come too early. Raises Unreachable."""
        try:
            return self.stream.read(count)
        except (HTTPException, OSError) as error:
            raise Unreachable(words(error), again=True) from None


class Web:
    """Opens one file at a time, for one thread."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._connections: dict[tuple[str, str, str | None], HTTPConnection] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of every connection."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    @contextmanager
    def opened(self, uri: str, offset: int) -> Iterator[Opened]:
        """A file from `offset` on, or from its beginning if the origin can't do that.

        Raises NotOffered or Unreachable.
        """
        if uri.startswith("file:"):
            with open_file(Path(unquote(urlsplit(uri).path))) as file:
                file.seek(offset)
                yield Opened(file, offset)
            return
        response = self._answer(uri, offset)
        try:
            sent = response.headers.get("Content-Range", "")
            resumed = response.status == 206 and sent.startswith(f"bytes {offset}-")
            yield Opened(response, offset if resumed else 0)
        finally:
            if not response.isclosed():  # not read to its end: what is left is in the way of the next answer
                response.close()
                self.close()

    def _answer(self, uri: str, offset: int) -> HTTPResponse:
        """The answer to a request that follows redirections; its status is one of success."""
        for _ in range(MOST_REDIRECTS):
            try:
                response = self._ask(urlsplit(uri), {"Range": f"bytes={offset}-"} if offset else {})
            except (HTTPException, OSError) as error:
                self.close()
                raise Unreachable(words(error), again=True) from None
            if response.status in (200, 206):
                return response
            target = response.headers.get("Location", "")
            response.close()
            self.close()
            if response.status in GONE:
                raise NotOffered
            if response.status == RANGE_REFUSED and offset:  # our beginning is longer than their file
                return self._answer(uri, 0)
            if response.status not in REDIRECTS or not target:
                again = response.status in AGAIN
                raise Unreachable(f"the mirror answers {response.status} {response.reason}", again=again)
            uri = urljoin(uri, target)
            if urlsplit(uri).scheme not in ("http", "https"):
                raise Unreachable(f"the mirror leads to {uri}", again=False)
        raise Unreachable("the mirror leads in circles", again=False)

    def _ask(self, parts: SplitResult, headers: dict[str, str]) -> HTTPResponse:
        proxy = self._network.proxy_for(parts.geturl())
        key = (parts.scheme, parts.netloc, proxy)
        target = parts.path or "/"
        if parts.query:
            target += f"?{parts.query}"
        headers = {**headers, "User-Agent": "asl-image", "Accept-Encoding": "identity", **credentials(parts)}
        if proxy is not None and parts.scheme == "http":
            target = f"http://{parts.netloc.rpartition('@')[2]}{target}"
            headers |= credentials(urlsplit(proxy), "Proxy-Authorization")
        for attempt in ("kept", "new"):
            connection = self._connections.get(key)
            if connection is None:
                attempt = "new"
                connection = self._connections[key] = connect(parts, proxy)
            try:
                connection.request("GET", target, headers=headers)
                return connection.getresponse()
            except (HTTPException, ConnectionError):
                connection.close()
                del self._connections[key]
                if attempt == "new":  # a kept connection may just have been idle for too long
                    raise
        raise AssertionError("the second attempt returns or raises")


def connect(parts: SplitResult, proxy: str | None) -> HTTPConnection:
    """A connection to a URI's host, or through a proxy. Raises Unreachable for a proxy that we can't use."""
    host, port = parts.hostname or "", parts.port
    if proxy is None:
        if parts.scheme == "https":
            return HTTPSConnection(host, port, timeout=TIMEOUT_S, context=ssl.create_default_context())
        return HTTPConnection(host, port, timeout=TIMEOUT_S)
    through = urlsplit(proxy)
    if through.scheme != "http" or not through.hostname:
        raise Unreachable(f"a proxy of the kind {through.scheme}: is not supported", again=False)
    if parts.scheme == "http":
        return HTTPConnection(through.hostname, through.port or 80, timeout=TIMEOUT_S)
    trust = ssl.create_default_context()
    tunnel = HTTPSConnection(through.hostname, through.port or 80, timeout=TIMEOUT_S, context=trust)
    tunnel.set_tunnel(host, port or 443, headers=credentials(through, "Proxy-Authorization"))
    return tunnel


def credentials(parts: SplitResult, header: str = "Authorization") -> dict[str, str]:
    """The header for a user and password in a URI; none, no header."""
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {header: f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"}


def open_file(path: Path) -> BinaryIO:
    """A file of a mirror that is a folder. Raises NotOffered or Unreachable."""
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise NotOffered from None
    except OSError as error:
        raise Unreachable(words(error), again=False) from None


def words(error: Exception) -> str:
    """What happened, for people; some errors have no words of their own."""
    return (error.strerror if isinstance(error, OSError) and error.strerror else str(error)) or type(error).__name__
