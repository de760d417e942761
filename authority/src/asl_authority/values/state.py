"""The state files of a running image: the seal, the store volumes, and which image this is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from asl_authority import contract
from asl_authority.contract import Mode, StoreHow
from asl_authority.errors import Malformed
from asl_authority.values.strict_json import expect, expect_keys, read_object

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_HEX = re.compile(r"(?:[0-9a-f]{2}){0,256}", re.ASCII)


@dataclass(frozen=True)
class Release:
    """Which image this is; `epoch` in seconds."""

    profile: str
    version: str
    epoch: int
    suite: str


@dataclass(frozen=True)
class Layer:
    """One read-only layer, as dm-verity holds it."""

    name: str
    root_hash: str
    salt: str
    data_blocks: int


@dataclass(frozen=True)
class Seal:
    """What the initramfs opened; layers lowest first, `times_ms` since the kernel started."""

    image: str
    mode: Mode
    medium: str
    layers: tuple[Layer, ...]
    in_memory: bool
    times_ms: Mapping[str, int]


@dataclass(frozen=True)
class Volumes:
    """Every device that carries a file system with the store's label."""

    label: str
    devices: tuple[str, ...]


@dataclass(frozen=True)
class Opened:
    """What became of the store at start; `why` a volume was not opened, in words."""

    how: StoreHow
    device: str
    why: str


def read_release(data: bytes) -> Release:
    """The image's identity. Raises Malformed."""
    value = read_object(data)
    expect_keys(value, contract.ImageRelease.__required_keys__, "image release")
    return Release(
        profile=_word(value["profile"], "profile"),
        version=_word(value["version"], "version"),
        epoch=_count(value["epoch"], "epoch"),
        suite=_word(value["suite"], "suite"),
    )


def read_seal(data: bytes) -> Seal:
    """What the initramfs reports. Raises Malformed."""
    value = read_object(data)
    expect_keys(value, contract.SealState.__required_keys__, "seal")
    try:
        mode = Mode(expect(value["mode"], str, "mode"))
    except ValueError:
        raise Malformed("mode: expected host or rehearsal") from None
    layers = tuple(
        _layer(expect(layer, dict, f"layers[{n}]"), f"layers[{n}]")
        for n, layer in enumerate(expect(value["layers"], list, "layers"))
    )
    if not layers:
        raise Malformed("layers: there is none")
    if len({layer.name for layer in layers}) != len(layers):
        raise Malformed("layers: a name is given twice")
    times = expect(value["times_ms"], dict, "times_ms")
    return Seal(
        image=_sha256(value["image"], "image"),
        mode=mode,
        medium=_word(value["medium"], "medium"),
        layers=layers,
        in_memory=expect(value["in_memory"], bool, "in_memory"),
        times_ms={name: _count(time, f"times_ms.{name}") for name, time in times.items()},
    )


def read_volumes(data: bytes) -> Volumes:
    """The store volumes that were found at start. Raises Malformed."""
    value = read_object(data)
    expect_keys(value, contract.VolumesState.__required_keys__, "volumes")
    label = _word(value["label"], "label")
    if label != contract.STORE_LABEL:
        raise Malformed(f"label: expected {contract.STORE_LABEL}")
    devices = expect(value["devices"], list, "devices")
    found = tuple(_word(device, f"devices[{n}]") for n, device in enumerate(devices))
    if len(set(found)) != len(found):
        raise Malformed("devices: one is named twice")
    return Volumes(label, found)


def read_opened(data: bytes) -> Opened:
    """What became of the store at start. Raises Malformed."""
    value = read_object(data)
    expect_keys(value, contract.StoreState.__required_keys__, "store")
    try:
        how = StoreHow(expect(value["how"], str, "how"))
    except ValueError:
        raise Malformed(f"how: expected one of {', '.join(StoreHow)}") from None
    device, why = (expect(value[name], str, name) for name in ("device", "why"))
    if (how in (StoreHow.OPEN, StoreHow.REFUSED)) != bool(device):
        raise Malformed("device: named exactly where there is one")
    return Opened(how, device, why)


def _layer(value: dict[str, object], where: str) -> Layer:
    expect_keys(value, contract.SealedLayer.__required_keys__, where)
    salt = expect(value["salt"], str, f"{where}.salt")
    if not _HEX.fullmatch(salt):
        raise Malformed(f"{where}.salt: expected lower-case hexadecimal bytes")
    return Layer(
        name=_word(value["name"], f"{where}.name"),
        root_hash=_sha256(value["root_hash"], f"{where}.root_hash"),
        salt=salt,
        data_blocks=_count(value["data_blocks"], f"{where}.data_blocks"),
    )


def _word(value: object, what: str) -> str:
    text = expect(value, str, what)
    if not text:
        raise Malformed(f"{what}: is empty")
    return text


def _count(value: object, what: str) -> int:
    number = expect(value, int, what)
    if number < 0:
        raise Malformed(f"{what}: is negative")
    return number


def _sha256(value: object, what: str) -> str:
    text = expect(value, str, what)
    if not _SHA256.fullmatch(text):
        raise Malformed(f"{what}: expected a SHA-256 in lower-case hexadecimal")
    return text
