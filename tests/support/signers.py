"""Builders with real keys, made by openssl and ssh-keygen, and people who type command lines with them."""

from __future__ import annotations

import base64
import io
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from asl_image import cli
from asl_image.house import House
from asl_image.manifest import ImageManifest, manifest_text, read_manifest
from asl_image.publickey import SPKI
from asl_image.screen import Screen
from asl_image.statement import (
    Digest,
    Rebuild,
    RebuildStatement,
    RebuiltFrom,
    StatementSubject,
    Surroundings,
    statement_text,
)
from support.plans import sha256

ROOT = Path(__file__).resolve().parents[2]


def run(*argv: str | Path, data: bytes = b"") -> bytes:
    """What a program says on stdout; it must end well."""
    done = subprocess.run(argv, input=data, capture_output=True, check=False)
    assert done.returncode == 0, (argv, done.stderr.decode())
    return done.stdout


def openssl_key(path: Path, algorithm: str = "ed25519", *options: str) -> Path:
    """A new key in PKCS #8."""
    run("openssl", "genpkey", "-algorithm", algorithm, *options, "-out", path)
    return path


def ssh_key(path: Path, passphrase: str = "", kind: str = "ed25519") -> Path:
    """A new key of OpenSSH's, with its `.pub` beside it."""
    run("ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "somebody", "-f", path)
    return path


def public_pem(key: Path) -> str:
    return run("openssl", "pkey", "-in", key, "-pubout").decode()


def spki_of(raw: bytes) -> str:
    return base64.b64encode(SPKI + raw).decode()


def builders_file(path: Path, keys: Mapping[str, Sequence[str]], threshold: int = 1) -> Path:
    """Builders by name, each with public keys: PEM, base64 of SPKI, or a line of OpenSSH's."""
    lines = ["format: asl-image.builders/1", f"threshold: {threshold}", "builders:"]
    for name, texts in keys.items():
        lines += [f"- name: {name}", "  keys:"]
        for text in texts:
            kind = "ssh" if text.startswith(("ssh-", "sk-")) else "spki"
            lines += [f"  - {kind}: |", *(f"      {line}" for line in text.strip().splitlines())]
    path.write_text("\n".join(lines) + "\n")
    return path


@dataclass
class Signer:
    """Somebody with a project, in a folder; keeps what comes back."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    root: Path = ROOT
    out: str = ""
    err: str = ""

    @property
    def house(self) -> House:
        screen = Screen(io.StringIO(), io.StringIO())
        return House(self.root, self.root / "profiles", self.folder / "build", screen, self.environ)

    def types(self, *argv: str | Path) -> int:
        house = self.house
        status = cli.run([str(word) for word in argv], house)
        out, err = house.screen.out, house.screen.err
        assert isinstance(out, io.StringIO)
        assert isinstance(err, io.StringIO)
        self.out, self.err = out.getvalue(), err.getvalue()
        return status


def manifest_in(folder: Path, papers: Path, **changes: object) -> Path:
    """A copy of a made-up image's manifest, with some fields changed."""
    manifest: ImageManifest = read_manifest(papers / "manifest.json").model_copy(update=changes)
    path = folder / "authority.manifest.json"
    path.write_text(manifest_text(manifest))
    return path


def statement_in(path: Path, iso: str = "iso", manifest: str = "manifest", user: str = "root") -> Path:
    """A rebuild statement over made-up digests."""
    lock = RebuiltFrom(state="reviewed", sha256=sha256("lock"), tools_tree=sha256("tools"))
    surroundings = Surroundings.model_validate({"user": user, "distribution": "debian 13", "python": "3.13.5"})
    statement = RebuildStatement(
        subject=(
            StatementSubject(name="authority.iso", digest=Digest(sha256=sha256(iso))),
            StatementSubject(name="authority.manifest.json", digest=Digest(sha256=sha256(manifest))),
        ),
        predicate=Rebuild(
            profile="authority",
            result="equal",
            compared=("authority.iso", "authority.manifest.json"),
            builder="0.1.0",
            lock=lock,
            surroundings=surroundings,
        ),
    )
    path.write_text(statement_text(statement))
    return path


def on_a_terminal(argv: Sequence[str], answers: Sequence[tuple[str, str]], timeout_s: float = 60) -> tuple[int, str]:
    """Run build.py with a terminal of its own, and type each answer when its question appears; status and screen."""
    terminal, inside = pty.openpty()
    program = ["setsid", "--ctty", "--wait", sys.executable, str(ROOT / "build.py"), *argv]
    with subprocess.Popen(program, stdin=inside, stdout=inside, stderr=inside) as child:
        os.close(inside)
        shown, waiting, deadline = "", list(answers), time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if not select.select([terminal], [], [], 1)[0]:
                continue
            try:
                said = os.read(terminal, 4096)
            except OSError:  # how a terminal says that nobody is there any more
                break
            shown += said.decode("utf-8", "replace")
            if waiting and waiting[0][0] in shown:
                os.write(terminal, f"{waiting.pop(0)[1]}\n".encode())
        if child.poll() is None and time.monotonic() >= deadline:
            child.kill()
        os.close(terminal)
    return child.returncode, shown
