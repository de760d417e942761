"""The papers that people sign: manifests and rebuild statements, each with the names that its signatures carry."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from asl_authority import contract
from asl_image.errors import ConfigError, IoFailed
from asl_image.jsontext import strict_value
from asl_image.manifest import parse_manifest
from asl_image.statement import parse_statement

Kind = Literal["manifest", "rebuild statement"]

# A signature over one kind must not pass for one over another. Payload type in DSSE; namespace in OpenSSH.
PAYLOAD_TYPES: dict[Kind, str] = {
    "manifest": contract.MANIFEST_PAYLOAD_TYPE,
    "rebuild statement": "application/vnd.in-toto+json",
}
NAMESPACES: dict[Kind, str] = {"manifest": "asl-image-manifest", "rebuild statement": "asl-image-rebuild"}


@dataclass(frozen=True)
class Signable:
    """A paper that was read and is what it says. `iso` and `manifest` are the SHA-256s that it vouches for."""

    path: Path
    data: bytes
    kind: Kind
    iso: str
    manifest: str

    @property
    def payload_type(self) -> str:
        """For DSSE."""
        return PAYLOAD_TYPES[self.kind]

    @property
    def namespace(self) -> str:
        """For OpenSSH."""
        return NAMESPACES[self.kind]

    @property
    def envelope(self) -> Path:
        """Where its DSSE envelope lies."""
        return self.path.with_name(f"{self.path.name}.dsse.json")

    def ssh_signature(self, key_id: str) -> Path:
        """Where a key's OpenSSH signature lies."""
        return self.path.with_name(f"{self.path.name}.{key_id[:16]}.sig")

    def signatures(self) -> list[Path]:
        """Every file beside it that should hold signatures over it."""
        found = [self.envelope] if self.envelope.is_file() else []
        prefix = f"{self.path.name}."
        beside = sorted(self.path.parent.iterdir())
        return found + [each for each in beside if each.name.startswith(prefix) and each.name.endswith(".sig")]


def read_signable(path: Path) -> Signable:
    """The paper in a file. Raises ConfigError when it is none that is signed here, or IoFailed."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise IoFailed(f"{path}: can't be read: {error.strerror}") from error
    try:
        text = data.decode("utf-8")
        whole = strict_value(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not JSON: {error}") from None
    keys = whole if isinstance(whole, dict) else {}
    if "format" in keys:
        manifest = parse_manifest(text, str(path))
        return Signable(path, data, "manifest", manifest.iso.sha256, hashlib.sha256(data).hexdigest())
    if "_type" in keys:
        statement = parse_statement(text, str(path))
        return Signable(path, data, "rebuild statement", statement.iso, statement.manifest)
    raise ConfigError(
        f"{path}: neither a manifest nor a rebuild statement", hint="those are what is signed; they name all the rest"
    )
