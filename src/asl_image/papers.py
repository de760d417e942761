"""The papers beside an ISO, held against their own checksums, the manifest and the sealed copies."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from asl_image.errors import CheckFailed
from asl_image.manifest import ImageManifest
from asl_image.steps.evidence import RESULTS

SUMS = "SHA256SUMS"
LINE = re.compile(r"([0-9a-f]{64})  ([^/\0]+)")


def check_papers(folder: Path, expected: ImageManifest, iso_sha256: str, sealed: Mapping[str, bytes]) -> list[str]:
    """What is wrong with the papers in a folder that has SHA256SUMS; `sealed` are those that the image holds too.

    `iso_sha256` is that of the ISO that was looked at. Raises CheckFailed when the list of checksums can't be read.
    """
    wanted = {pattern.format(profile=expected.profile): source for source, pattern in RESULTS.items()}
    listed = read_sums(folder / SUMS)
    wrong = [f"{SUMS} does not name {name}" for name in sorted(wanted.keys() - listed.keys() - {SUMS})]
    wrong += [f"{SUMS} names {name}, which is none of the papers" for name in sorted(listed.keys() - wanted.keys())]
    for name in sorted(wanted.keys() & listed.keys()):
        if wanted[name] == "image.iso":
            if listed[name] != iso_sha256:
                wrong.append(f"{SUMS} has another SHA-256 for the ISO")
            continue
        try:
            data = (folder / name).read_bytes()
        except OSError as error:
            wrong.append(f"{name}: {error.strerror}")
            continue
        if hashlib.sha256(data).hexdigest() != listed[name]:
            wrong.append(f"{name} is not what {SUMS} says")
        if sealed.get(wanted[name], data) != data:
            wrong.append(f"{name} is not the one that is sealed in the image")
    return wrong


def read_sums(path: Path) -> dict[str, str]:
    """SHA-256 by name. Raises CheckFailed."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise CheckFailed(f"{path} can't be read") from None
    found: dict[str, str] = {}
    for line in lines:
        match = LINE.fullmatch(line)
        if match is None or match[2] in found:
            raise CheckFailed(f"{path} has a line that makes no sense: {line!r:.80}")
        found[match[2]] = match[1]
    return found
