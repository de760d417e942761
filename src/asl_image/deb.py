"""Read a Debian package's control stanza from its bytes, without dpkg and without trusting it.

A .deb is an `ar` archive of debian-binary, control.tar.* and data.tar.*. Only the control member is unpacked, in
memory and up to a limit; the data is never touched.
"""

from __future__ import annotations

import gzip
import io
import lzma
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from asl_image.errors import CheckFailed, IoFailed

CONTROL_TAR_LIMIT_BYTES = 16 << 20
CONTROL_LIMIT_BYTES = 1 << 20
AR_MAGIC = b"!<arch>\n"
AR_HEADER_BYTES = 60
FIELD = re.compile(r"^([!-9;-~]+):[ \t]*(.*)$")  # a name is printable ASCII without a colon

Stanza = dict[str, str]


def read_control(path: Path) -> str:
    """The text of the control file of a .deb, ending in one newline.

    Raises CheckFailed when the file is not a well-formed .deb, IoFailed when it can't be read.
    """
    try:
        with path.open("rb") as file:
            return control_text(file)
    except OSError as error:
        raise IoFailed(f"{path}: can't be read: {error.strerror}") from error
    except (ValueError, EOFError, lzma.LZMAError, tarfile.TarError, UnicodeDecodeError) as error:
        raise CheckFailed(f"{path}: not a Debian package: {error}") from error


def control_text(file: BinaryIO) -> str:
    """The control file's text. Raises ValueError and the decompressors' errors."""
    member, data = control_member(file)
    tar = unpacked(member, data)
    with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as archive:
        for entry in archive:
            if entry.isfile() and entry.name.removeprefix("./") == "control":
                if entry.size > CONTROL_LIMIT_BYTES:
                    raise ValueError(f"its control file is larger than {CONTROL_LIMIT_BYTES} bytes")
                content = archive.extractfile(entry)
                assert content is not None  # noqa: S101 - it is a regular file
                return content.read().decode("utf-8").strip("\n") + "\n"
    raise ValueError(f"{member} has no control file")


def control_member(file: BinaryIO) -> tuple[str, bytes]:
    """The name and bytes of the control.tar member. The first member must be debian-binary 2.x."""
    if file.read(len(AR_MAGIC)) != AR_MAGIC:
        raise ValueError("it does not start as an ar archive")
    for number in range(3):
        header = file.read(AR_HEADER_BYTES)
        if len(header) != AR_HEADER_BYTES or header[58:] != b"`\n":
            raise ValueError("an ar member has no header")
        name = header[:16].decode("ascii").rstrip().rstrip("/")
        size = int(header[48:58].decode("ascii"))
        if size < 0 or size > CONTROL_TAR_LIMIT_BYTES:
            raise ValueError(f"its member {name} is larger than {CONTROL_TAR_LIMIT_BYTES} bytes")
        data = file.read(size + size % 2)[:size]  # members start at even places
        if len(data) != size:
            raise ValueError(f"its member {name} is cut off")
        if number == 0 and (name != "debian-binary" or not data.startswith(b"2.")):
            raise ValueError("its first member is not debian-binary 2.x")
        if name.startswith("control.tar"):
            return name, data
    raise ValueError("it has no control.tar")


def unpacked(member: str, data: bytes) -> bytes:
    """The tar inside, at most CONTROL_TAR_LIMIT_BYTES of it."""
    if member == "control.tar":
        return data
    if member == "control.tar.gz":
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            tar = stream.read(CONTROL_TAR_LIMIT_BYTES + 1)
    elif member == "control.tar.xz":
        with lzma.LZMAFile(io.BytesIO(data)) as stream:
            tar = stream.read(CONTROL_TAR_LIMIT_BYTES + 1)
    else:
        raise ValueError(f"{member}: a compression that Debian's archive does not use")
    if len(tar) > CONTROL_TAR_LIMIT_BYTES:
        raise ValueError(f"{member} unpacks to more than {CONTROL_TAR_LIMIT_BYTES} bytes")
    return tar


def read_stanzas(text: Iterator[str]) -> Iterator[Stanza]:
    """The paragraphs of a control-like file, field by field; continuation lines are kept with their newline.

    Raises ValueError for a line that is neither a field nor a continuation, and for a field given twice.
    """
    stanza: Stanza = {}
    last = ""
    for raw in text:
        line = raw.rstrip("\n")
        if not line.strip():
            if stanza:
                yield stanza
            stanza, last = {}, ""
        elif line[0] in " \t":
            if not last:
                raise ValueError(f"a continuation without a field: {line[:60]!r}")
            stanza[last] += f"\n{line}"
        else:
            match = FIELD.match(line)
            if match is None or match[1] in stanza:
                raise ValueError(f"not a new field: {line[:60]!r}")
            last = match[1]
            stanza[last] = match[2]
    if stanza:
        yield stanza


def read_stanza(text: str) -> Stanza:
    """The one paragraph of a control file. Raises ValueError when there is none or more than one."""
    stanzas = list(read_stanzas(iter(text.splitlines())))
    if len(stanzas) != 1:
        raise ValueError(f"{len(stanzas)} paragraphs where one is expected")
    return stanzas[0]
