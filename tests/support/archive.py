"""A small signed apt archive and an HTTP server for it on 127.0.0.1 that can be told to misbehave."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

from asl_image.lock import Lock, LockedPackage, LockedSuite, make_request
from support.debs import Deb

EPOCH = 1_700_000_000


@dataclass(frozen=True)
class Signer:
    """A key of our own. `home` must be short: gpg's agent puts a socket there."""

    home: Path
    keyring: Path

    def clearsign(self, text: str) -> bytes:
        return gpg(self.home, "--clearsign", stdin=text.encode())


def gpg(home: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    argv = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--passphrase", "", "--pinentry-mode", "loopback"]
    return subprocess.run([*argv, *arguments], input=stdin, capture_output=True, check=True).stdout


@contextmanager
def new_signer() -> Iterator[Signer]:
    """A fresh key; its agent ends with the block."""
    home = Path(tempfile.mkdtemp(prefix="gpg-"))
    try:
        gpg(home, "--quick-gen-key", "archive@example.invalid", "ed25519", "sign", "never")
        keyring = home / "archive.gpg"
        keyring.write_bytes(gpg(home, "--export"))
        yield Signer(home, keyring)
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)
        shutil.rmtree(home, ignore_errors=True)


@dataclass
class Archive:
    """The two archives of Debian in little: `root`/debian and `root`/debian-security."""

    root: Path
    signer: Signer
    suite: str = "trixie"

    def publish(self, debian: Sequence[Deb], security: Sequence[Deb] = ()) -> None:
        """Write pools, package lists and signed Release files."""
        self._suite("debian", self.suite, "pool/main", debian, EPOCH)
        self._suite("debian", f"{self.suite}-updates", "pool/main", (), EPOCH + 60)
        self._suite("debian-security", f"{self.suite}-security", "pool/updates/main", security, EPOCH + 30)

    def _suite(self, archive: str, suite: str, pool: str, debs: Sequence[Deb], date: int) -> None:
        stanzas = []
        for deb in debs:
            path = deb.write(self.root / archive / pool / deb.name[0] / deb.name)
            data = path.read_bytes()
            stanzas.append(
                f"{deb.control()}Filename: {path.relative_to(self.root / archive)}\n"
                f"Size: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
            )
        dist = self.root / archive / "dists" / suite
        index = dist / "main/binary-amd64/Packages"
        index.parent.mkdir(parents=True, exist_ok=True)
        index.write_text("\n".join(stanzas))
        listed = index.read_bytes()
        release = (
            f"Origin: Debian\nLabel: Debian\nSuite: {suite}\nCodename: {suite}\n"
            f"Date: {format_datetime(datetime.fromtimestamp(date, UTC)).replace('+0000', 'UTC')}\n"
            "Architectures: amd64 all\nComponents: main\n"
            f"SHA256:\n {hashlib.sha256(listed).hexdigest()} {len(listed)} main/binary-amd64/Packages\n"
        )
        (dist / "InRelease").write_bytes(self.signer.clearsign(release))


@dataclass
class Server:
    """What the server was asked, and how it misbehaves, by the end of a path.

    `gone` answers 404; `failing` answers 503 that many times; `cut` breaks the connection after so many bytes, once;
    `altered` sends other bytes; `moved` leads to another URI.
    """

    uri: str
    gone: set[str] = field(default_factory=set)
    failing: dict[str, int] = field(default_factory=dict)
    cut: dict[str, int] = field(default_factory=dict)
    altered: set[str] = field(default_factory=set)
    moved: dict[str, str] = field(default_factory=dict)
    resumes: bool = True
    connections: int = 0
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def times_asked(self, end: str) -> int:
        return sum(path.endswith(end) for path, _ in self.asked)


@contextmanager
def serve(root: Path) -> Iterator[Server]:
    """Serve `root` over HTTP with byte ranges."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # connections are kept

        def setup(self) -> None:
            server.connections += 1
            super().setup()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
            pass

        def do_GET(self) -> None:
            answer(self, root, server)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        server = Server(f"http://127.0.0.1:{http.server_port}")
        thread = threading.Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


def answer(handler: BaseHTTPRequestHandler, root: Path, server: Server) -> None:
    path = unquote(handler.path)
    ranged = handler.headers.get("Range")
    server.asked.append((path, ranged))
    path = "/" + path.split("/", 3)[3] if path.startswith("http://") else path  # as a proxy is asked
    end = path.rpartition("/")[2]
    if end in server.moved:
        handler.send_response(302)
        handler.send_header("Location", server.moved[end])
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    if server.failing.get(end, 0) > 0:
        server.failing[end] -= 1
        handler.send_error(503)
        return
    if end in server.gone or not (root / path.lstrip("/")).is_file():
        handler.send_error(404)
        return
    data = (root / path.lstrip("/")).read_bytes()
    if end in server.altered:
        data = bytes(byte ^ 1 for byte in data)
    start = int(ranged.removeprefix("bytes=").partition("-")[0]) if ranged and server.resumes else 0
    if ranged and server.resumes and start >= len(data):
        handler.send_error(416)
        return
    handler.send_response(206 if ranged and server.resumes else 200)
    if ranged and server.resumes:
        handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
    handler.send_header("Content-Length", str(len(data) - start))
    handler.end_headers()
    body = data[start:]
    if end in server.cut:
        body = body[: server.cut.pop(end)]
        handler.close_connection = True
    handler.wfile.write(body)


def locked_deb(deb: Deb, archive: str = "debian", pool: str = "pool/main") -> LockedPackage:
    """What a lock says of a .deb."""
    data = deb.to_bytes()
    return LockedPackage(
        name=deb.name,
        version=deb.version,
        arch=deb.arch,
        archive="debian" if archive == "debian" else "debian-security",
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        path=f"{pool}/{deb.name[0]}/{deb.name}/{deb.file_name}",
    )


def lock_of(*debs: Deb, profile: str = "try") -> Lock:
    """A lock that asks for and holds just these packages."""
    packages = tuple(sorted((locked_deb(deb) for deb in debs), key=lambda each: each.name))
    return Lock(
        format="asl-image.lock/1",
        profile=profile,
        request=make_request("trixie", "amd64", [package.name for package in packages], ()),
        epoch=EPOCH,
        keyring="ab" * 32,
        suites=(LockedSuite(archive="debian", suite="trixie", date="2023-11-14T22:13:20Z", sha256="cd" * 32),),
        packages=packages,
    )
