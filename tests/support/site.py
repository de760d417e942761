"""An image of a site's own: `authority` with two builders sealed in, and their signatures over its manifest."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from support.checkout import borrow_results, copy_checkout
from support.signers import openssl_key, public_pem

NAME = "site"
PROFILE = """\
extends: authority
name: site
summary: The authority host, with builders of its own
overlays: [site]
"""
OVERLAY = "summary: Whose signatures over a manifest count here\n"
BUILDERS = "/etc/asl-auth-host/builders.json"


@dataclass(frozen=True)
class Site:
    """The image, its manifest, and the envelope in which both builders have signed that."""

    iso: Path
    manifest: Path
    signatures: Path


def make_site(house: Path, at: Path) -> Site:
    """Build it in a checkout at `at`, from what `house` has built. Its lock is made anew, so nobody has to renew it."""
    copy_checkout(house, at)
    keys = [openssl_key(at / f"{name}.pem") for name in ("alice", "bob")]
    people = "".join(
        f"- name: {key.stem}\n  keys:\n  - spki: |\n"
        + "".join(f"      {row}\n" for row in public_pem(key).splitlines())
        for key in keys
    )
    (at / "builders.yaml").write_text(f"format: asl-image.builders/1\nthreshold: 2\nbuilders:\n{people}")
    overlay = at / "overlays" / NAME
    sealed = overlay / f"root{BUILDERS}"
    sealed.parent.mkdir(parents=True)
    (overlay / "overlay.yaml").write_text(OVERLAY)
    _build(at, "sealed-builders", "builders.yaml", "--output", str(sealed))
    (at / f"profiles/{NAME}.yaml").write_text(PROFILE)
    borrow_results(house / "build", at, "authority", NAME, "root", "layer-base")
    _build(at, "lock", NAME)
    _build(at, "fetch", NAME)
    _build(at, "build", NAME)
    built = at / "build" / NAME
    manifest = built / f"{NAME}.manifest.json"
    for key in keys:
        _build(at, "sign", str(manifest), "--key", str(key))
    shutil.rmtree(at / "build/cache" / NAME)
    return Site(built / f"{NAME}.iso", manifest, manifest.with_name(f"{manifest.name}.dsse.json"))


def _build(at: Path, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, str(at / "build.py"), "--progress", "plain", *words],
        cwd=at,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (words, done.stdout[-2000:], done.stderr[-4000:])
