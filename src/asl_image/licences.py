"""Licences from Debian's copyright files: what is said in a form that a machine reads, and nothing guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from asl_image.deb import read_stanzas

NOASSERTION = "NOASSERTION"
MACHINE_READABLE = re.compile(r"^https?://\S*(copyright-format/1\.0|dep5)", re.IGNORECASE)

# Short names of the copyright format → SPDX. Names that stand for more than one text ("MIT", "BSD", "public-domain")
# are left out on purpose: they are reported as they are written.
SPDX = {
    "0bsd": "0BSD",
    "apache-2.0": "Apache-2.0",
    "artistic-1": "Artistic-1.0",
    "artistic": "Artistic-1.0",
    "artistic-2.0": "Artistic-2.0",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "bsd-4-clause": "BSD-4-Clause",
    "beerware": "Beerware",
    "bsl-1.0": "BSL-1.0",
    "cc0-1.0": "CC0-1.0",
    "cc0": "CC0-1.0",
    "cc-by-3.0": "CC-BY-3.0",
    "cc-by-4.0": "CC-BY-4.0",
    "cc-by-sa-3.0": "CC-BY-SA-3.0",
    "cc-by-sa-4.0": "CC-BY-SA-4.0",
    "curl": "curl",
    "expat": "MIT",
    "fsfap": "FSFAP",
    "fsful": "FSFUL",
    "fsfullr": "FSFULLR",
    "gfdl-1.2": "GFDL-1.2-only",
    "gfdl-1.2+": "GFDL-1.2-or-later",
    "gfdl-1.3": "GFDL-1.3-only",
    "gfdl-1.3+": "GFDL-1.3-or-later",
    "gfdl-niv-1.2+": "GFDL-1.2-no-invariants-or-later",
    "gfdl-niv-1.3": "GFDL-1.3-no-invariants-only",
    "gfdl-niv-1.3+": "GFDL-1.3-no-invariants-or-later",
    "isc": "ISC",
    "mpl-1.1": "MPL-1.1",
    "mpl-2.0": "MPL-2.0",
    "ofl-1.1": "OFL-1.1",
    "openssl": "OpenSSL",
    "perl": "Artistic-1.0 OR GPL-1.0-or-later",
    "psf-2": "PSF-2.0",
    "unlicense": "Unlicense",
    "x11": "X11",
    "zlib": "Zlib",
}
GNU = re.compile(r"(agpl|lgpl|gpl)-([123])(?:\.([01]))?(\+|-only|-or-later)?")
GNU_VERSIONS = {"gpl": ("1.0", "2.0", "3.0"), "lgpl": ("2.0", "2.1", "3.0"), "agpl": ("1.0", "3.0")}


@dataclass(frozen=True)
class Licence:
    """What a package says of its licences.

    `names` are the short names as written, sorted; `expression` says the same in SPDX, or NOASSERTION when the file is
    not machine-readable or has a name that SPDX does not know by that name.
    """

    names: tuple[str, ...] = ()
    expression: str = NOASSERTION


def read_licence(text: str) -> Licence:
    """The licence of a package from the text of its copyright file."""
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    try:
        stanzas = list(read_stanzas(lines))
    except ValueError:
        return Licence()
    if not stanzas or not MACHINE_READABLE.match(stanzas[0].get("Format", "")):
        return Licence()
    names = {short_name(stanza["License"]) for stanza in stanzas if "Files" in stanza and "License" in stanza}
    return made_of(names - {""})


def short_name(field: str) -> str:
    """The first line of a License field, its blanks made one."""
    return " ".join(field.split("\n", 1)[0].split())


def made_of(names: Iterable[str]) -> Licence:
    """All of these hold, each for some of the files."""
    written = tuple(sorted(set(names)))
    found = [expression_of(name) for name in written]
    known = sorted({each for each in found if each is not None})
    if not known or None in found:
        return Licence(written)
    return Licence(written, " AND ".join(f"({each})" if " " in each and len(known) > 1 else each for each in known))


def expression_of(name: str) -> str | None:
    """One License field in SPDX; None when any word of it is not known."""
    parts = re.split(r",? (and|or) ", name)
    words, links = parts[::2], set(parts[1::2])
    if len(links) > 1:  # which binds stronger depends on commas; too easy to get wrong
        return None
    ids = [identifier(word) for word in words]
    if None in ids:
        return None
    joined = [f"({each})" if " " in str(each) and len(ids) > 1 else str(each) for each in ids]
    return f" {''.join(links).upper()} ".join(joined)


def identifier(word: str) -> str | None:
    """One short name in SPDX."""
    small = word.lower()
    if small in SPDX:
        return SPDX[small]
    match = GNU.fullmatch(small)
    if match is None:
        return None
    family, version = match[1], f"{match[2]}.{match[3] or '0'}"
    if version not in GNU_VERSIONS[family]:
        return None
    return f"{family.upper()}-{version}-{'or-later' if match[4] in ('+', '-or-later') else 'only'}"
