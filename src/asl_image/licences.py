"""Licences from Debian's copyright files: what is said in a form that a machine reads, and nothing guessed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from asl_image.deb import read_stanzas

NOASSERTION = "NOASSERTION"
MACHINE_READABLE = re.compile(r"^https?://\S*(copyright-format/1\.0|dep5)", re.IGNORECASE)

# Short names of the copyright format → SPDX. Names that stand for more than one text ("MIT", "BSD", "public-domain")
# are left out on purpose: they go into documents with their text.
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
class LicenceText:
    """A licence that SPDX has no name for: our name for it in a document (`LicenseRef-…`), its own, and its text."""

    ref: str
    name: str
    text: str


@dataclass(frozen=True)
class Licence:
    """What a package says of its licences.

    `names` are the short names as written, sorted; `expression` says the same in SPDX, where `texts` are what SPDX has
    no name for. A file that no machine can read is one such text as a whole; without a file nothing is asserted.
    """

    names: tuple[str, ...] = ()
    expression: str = NOASSERTION
    texts: tuple[LicenceText, ...] = ()

    def operands(self) -> tuple[str, ...]:
        """Every licence that the expression names, sorted."""
        words = re.split(r"[() ]+", self.expression)
        return tuple(sorted({word for word in words if word and word not in ("AND", "OR")}))


def read_licence(text: str, package: str) -> Licence:
    """The licence of a package from the text of its copyright file; `package` gives a file in free form its name."""
    if not text.strip():
        return Licence()
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    try:
        stanzas = list(read_stanzas(lines))
    except ValueError:
        stanzas = []
    names = {short_name(stanza["License"]) for stanza in stanzas if "Files" in stanza and "License" in stanza} - {""}
    if not names or not MACHINE_READABLE.match(stanzas[0].get("Format", "")):
        whole = LicenceText(f"LicenseRef-{dashed(package)}-copyright", f"copyright file of {package}", text)
        return Licence((), whole.ref, (whole,))
    return made_of(names, texts_by_name(stanzas))


def short_name(field: str) -> str:
    """The first line of a License field, its blanks made one."""
    return " ".join(field.split("\n", 1)[0].split())


def dashed(name: str) -> str:
    """A name as a part of SPDX's own may be written."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", name.replace("+", "-plus")).strip("-")[:80]


def texts_by_name(stanzas: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Short name → what a copyright file has for its text, without the format's own blanks and dots."""
    found: dict[str, list[str]] = {}
    for stanza in stanzas:
        _, _, body = stanza.get("License", "").partition("\n")
        lines = [line[1:] for line in body.splitlines()]
        plain = "\n".join("" if line == "." else line for line in lines).strip("\n")
        known = found.setdefault(short_name(stanza.get("License", "")), [])
        if plain and plain not in known:
            known.append(plain)
    return {name: "\n\n".join(texts) for name, texts in found.items() if texts}


def made_of(names: Iterable[str], known: Mapping[str, str]) -> Licence:
    """All of these hold, each for some of the files; `known` has texts by short names."""
    written = tuple(sorted(set(names)))
    texts: dict[str, LicenceText] = {}

    def refer(name: str) -> str:
        parts = [known[part] for part in (name, *split(name)[0]) if part in known]
        text = "\n\n".join(dict.fromkeys(parts)) or f"The copyright file names '{name}' and has no text for it."
        ref = f"LicenseRef-{dashed(name)}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        texts[ref] = LicenceText(ref, name, text)
        return ref

    found = sorted({expression_of(name, refer) for name in written})
    joined = " AND ".join(f"({each})" if " " in each and len(found) > 1 else each for each in found)
    return Licence(written, joined, tuple(texts[ref] for ref in sorted(texts)))


def split(name: str) -> tuple[list[str], set[str]]:
    """The short names in a License field, and the words between them."""
    parts = re.split(r",? (and|or) ", name, flags=re.IGNORECASE)
    return parts[::2], {part.lower() for part in parts[1::2]}


def expression_of(name: str, refer: Callable[[str], str]) -> str:
    """One License field in SPDX; `refer` gives what SPDX has no name for one of ours."""
    words, links = split(name)
    if len(links) > 1:  # which binds stronger depends on commas; too easy to get wrong
        return refer(name)
    ids = [identifier(word) or refer(word) for word in words]
    joined = [f"({each})" if " " in each and len(ids) > 1 else each for each in ids]
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
