"""Control stanzas out of .debs, good ones and ones that somebody has been at."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from asl_image import deb
from asl_image.errors import CheckFailed
from support.debs import Deb, ar, packed

GOOD = Deb("bash", "1:5.2-2", "amd64", {"Depends": "libc6 (>= 2.38)", "Essential": "yes"})


def write(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "x.deb"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("compression", ["xz", "gz"])
def test_the_control_file_is_read_as_it_is(tmp_path: Path, compression: str) -> None:
    assert deb.read_control(write(tmp_path, GOOD.to_bytes(compression))) == GOOD.control()


def test_a_description_keeps_its_lines() -> None:
    stanza = deb.read_stanza("Package: a\nDescription: short\n long\n .\n more\n")

    assert stanza == {"Package": "a", "Description": "short\n long\n .\n more"}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "does not start as an ar archive"),
        (b"PK\x03\x04 not a package", "does not start as an ar archive"),
        (GOOD.to_bytes()[:70], "cut off"),
        (GOOD.to_bytes()[:100], "no header"),
        (ar({"control.tar.xz": b"x"}), "first member is not debian-binary"),
        (ar({"debian-binary": b"3.0\n"}), "first member is not debian-binary"),
        (ar({"debian-binary": b"2.0\n", "data.tar.xz": b"", "more": b""}), "has no control.tar"),
        (ar({"debian-binary": b"2.0\n", "control.tar.zst": b"(\xb5/\xfd"}), "does not use"),
        (ar({"debian-binary": b"2.0\n", "control.tar.xz": b"not xz"}), "not a Debian package"),
        (ar({"debian-binary": b"2.0\n", "control.tar.xz": packed({"md5sums": b""}, "xz")}), "no control file"),
        (ar({"debian-binary": b"2.0\n", "control.tar.xz": lzma.compress(b"\0" * (17 << 20))}), "unpacks to more"),
    ],
)
def test_what_is_not_a_package_is_refused_with_the_reason(tmp_path: Path, data: bytes, why: str) -> None:
    with pytest.raises(CheckFailed, match=why):
        deb.read_control(write(tmp_path, data))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "0 paragraphs"),
        ("Package: a\n\nPackage: b\n", "2 paragraphs"),
        (" continued\n", "continuation without a field"),
        ("Package a\n", "not a new field"),
        ("Package: a\nPackage: b\n", "not a new field"),
    ],
)
def test_a_malformed_stanza_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        deb.read_stanza(text)
