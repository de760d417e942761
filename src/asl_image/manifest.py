"""The manifest: what an image is made of. Writer, strict reader and schema are one frozen model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from asl_image.errors import ConfigError, IoFailed
from asl_image.jsontext import rendered, strict_value
from asl_image.lock import Locked, LockedTool, PackageName, Sha256, Text, Version
from asl_image.programs import Programs

FORMAT: Literal["asl-image.manifest/1"] = "asl-image.manifest/1"
MBR_CODE = 440  # bytes of boot code in a master boot record


# It becomes the name of files and folders.
ProfileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class LockState(Locked):
    """Which lock the image was built from."""

    state: Literal["reviewed", "renewed"] = Field(
        description="`renewed`: by a lock that nobody reviewed; such an image is never released."
    )
    sha256: Sha256 = Field(description="SHA-256 of the lock file of the image's packages.")
    tools_tree: Sha256 = Field(description="SHA-256 of the lock file of the build's own tools.")


class SizedFile(Locked):
    """A file by its bytes."""

    sha256: Sha256
    size: int = Field(ge=0, description="Bytes.")


class LayerSeal(Locked):
    """The parameters with which a layer is opened through dm-verity."""

    name: Literal["base", "tools", "overlay"]
    data_blocks: int = Field(gt=0, description="Blocks of 4096 bytes.")
    root_hash: Sha256 = Field(description="Root of the layer's hash tree.")
    salt: Sha256


class BootCode(Locked):
    """The programs that firmware starts before anything of the image can be checked."""

    mbr: Sha256 = Field(description=f"SHA-256 of the boot code in the master boot record: its first {MBR_CODE} bytes.")
    eltorito: SizedFile = Field(
        description="GRUB for BIOS, as its tools made it: without its place, which is written into it with the medium."
    )
    efi_image: SizedFile = Field(description="The FAT image that UEFI reads.")
    efi_loader: SizedFile = Field(description="GRUB for UEFI: BOOTX64.EFI in that image.")


class ManifestPackage(Locked):
    """One Debian package of the image."""

    name: PackageName
    version: Version
    arch: Text
    sha256: Sha256 = Field(description="SHA-256 of the .deb.")


class ImageManifest(Locked):
    """What an asl-image is made of."""

    format: Literal["asl-image.manifest/1"]
    builder: Text = Field(description="Version of the builder.")
    profile: ProfileName
    suite: Text
    architecture: Text
    engine: Literal["mmdebstrap", "debootstrap"]
    epoch: int = Field(gt=0, description="Every date in the image: seconds since 1970, from the lock.")
    lock: LockState
    image: Sha256 = Field(description="The image's identity: SHA-256 of asl/SHA256SUMS on the medium.")
    iso: SizedFile
    files: SizedFile = Field(description="The list of every file and where it comes from, which lies beside the ISO.")
    boot: BootCode
    layers: tuple[LayerSeal, ...] = Field(min_length=1, description="Lowest first.")
    command_lines: dict[str, str] = Field(
        min_length=1,
        description="What each entry of the boot menu says to the kernel; `${…}` are the menu's own variables.",
    )
    medium: dict[str, SizedFile] = Field(min_length=1, description="Every file of the ISO's tree, by its path.")
    packages: tuple[ManifestPackage, ...] = Field(min_length=1)
    tools: tuple[LockedTool, ...]
    programs: Programs = Field(description="What the build itself ran, and all that this loaded, by hash.")
    steps: dict[str, Sha256] = Field(
        description="The id of each step before the manifest: SHA-256 over all that it is made from and by."
    )


def manifest_text(manifest: ImageManifest) -> str:
    """The one text of a manifest."""
    return rendered(manifest.model_dump(mode="json", exclude_none=True))


def read_manifest(path: Path) -> ImageManifest:
    """The manifest in a file. Raises ConfigError for what `manifest_text` did not write or IoFailed."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not a manifest: not UTF-8 text") from None
    except OSError as error:
        raise IoFailed(f"{path}: can't be read: {error.strerror}") from error
    return parse_manifest(text, str(path))


def parse_manifest(text: str, name: str) -> ImageManifest:
    """The manifest in a text that a person knows as `name`. Raises ConfigError."""
    try:
        value = strict_value(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{name}: not a manifest: {error}") from None
    said = value.get("format") if isinstance(value, dict) else None
    if said != FORMAT:
        raise ConfigError(
            f"{name}: not a manifest of the form {FORMAT}",
            details=(f"its format is {said!r}",),
            hint="a builder of the version that wrote it reads it" if said else None,
        )
    try:
        manifest = ImageManifest.model_validate_json(text)
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise ConfigError(f"{name}: not a manifest of the form {FORMAT}", details=tuple(problems)) from None
    if manifest_text(manifest) != text:
        raise ConfigError(f"{name}: says what a manifest may say, but not as the builder writes it")
    return manifest


def manifest_schema() -> dict[str, Any]:
    """The JSON Schema of this version of the form."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **ImageManifest.model_json_schema(),
        "title": FORMAT,
    }
