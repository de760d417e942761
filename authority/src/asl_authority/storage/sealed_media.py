"""Read the layers and the medium that this machine runs from, whole; mostly only root may."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from asl_authority.errors import IoFailed, Malformed
from asl_authority.storage.paths import inside
from asl_authority.values.iso9660 import Extent, find_file, read_volume
from asl_authority.values.readings import Readings
from asl_authority.values.state import Layer, Seal
from asl_authority.values.verity import BLOCK, RootHash

_BLOCK_DEVICES = PurePosixPath("/sys/class/block")
_DEV = PurePosixPath("/dev")
_MOUNTED = PurePosixPath("/run/asl/medium")
_MOUNTS = PurePosixPath("/proc/self/mountinfo")
CHUNK = 256 * BLOCK
SUMS, KERNEL, INITRD = ("asl", "SHA256SUMS"), ("asl", "vmlinuz"), ("asl", "initrd")

Advance = Callable[[int], None]


def read_sealed(root: Path, seal: Seal, advance: Advance) -> Readings:
    """Everything of it that this process may read; `advance` is told the bytes that are done.

    What it may not read, or is no longer there, is left out. Raises IoFailed when a device fails while it is read.
    """
    roots = {layer.name: found for layer in seal.layers if (found := _root_hash(root, layer, advance)) is not None}
    medium = _medium(root, seal, advance)
    if medium is None:
        return Readings(roots)
    return Readings(roots, medium.image, medium.whole, medium.kernel, medium.initrd)


@dataclass(frozen=True)
class _Medium:
    image: str
    whole: str
    kernel: str
    initrd: str


def _root_hash(root: Path, layer: Layer, advance: Advance) -> str | None:
    """The root hash of what the layer's device holds, made anew."""
    device = _device_of(root, f"asl-{layer.name}")
    if device is None:
        return None
    with _opened(root, device) as file:
        if file is None:
            return None
        tree = RootHash(bytes.fromhex(layer.salt))
        for chunk in _chunks(file, device, Extent(0, layer.data_blocks * BLOCK)):
            tree.add(chunk)
            advance(len(chunk))
        return tree.hexdigest()


def _medium(root: Path, seal: Seal, advance: Advance) -> _Medium | None:
    """The medium by its bytes; None when it can't be read or another one is there."""
    device = _medium_device(root, seal)
    with _opened(root, device) as file:
        if file is None:
            return None
        try:
            descriptor = file
            volume = read_volume(lambda at, size: os.pread(descriptor, size, at))
            places = [
                find_file(lambda at, size: os.pread(descriptor, size, at), volume, path)
                for path in (SUMS, KERNEL, INITRD)
            ]
        except (Malformed, OSError):
            return None
        image = _digest(file, device, places[0], advance)
        if image != seal.image:  # it was taken out, and another one put in
            return None
        kernel, initrd = (_digest(file, device, place, advance) for place in places[1:])
        return _Medium(image, _digest(file, device, Extent(0, volume.size), advance), kernel, initrd)


def _medium_device(root: Path, seal: Seal) -> PurePosixPath:
    """The device that holds the ISO: what is mounted, or what the initramfs found it on."""
    try:
        lines = inside(root, _MOUNTS).read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        mount, _, filesystem = line.partition(" - ")
        if mount.split(" ")[4:5] == [str(_MOUNTED)] and filesystem.startswith("iso9660 /dev/"):
            return PurePosixPath(filesystem.split(" ")[1])
    return _DEV / seal.medium.removeprefix("/dev/")


def _device_of(root: Path, name: str) -> PurePosixPath | None:
    """The device-mapper device of this name."""
    try:
        devices = sorted(each.name for each in inside(root, _BLOCK_DEVICES).iterdir() if each.name.startswith("dm-"))
        for device in devices:
            if inside(root, _BLOCK_DEVICES / device / "dm/name").read_text("ascii").strip() == name:
                return _DEV / device
    except (OSError, UnicodeDecodeError):
        return None
    return None


@contextmanager
def _opened(root: Path, device: PurePosixPath) -> Iterator[int | None]:
    """The device, open for reading; None where that is not permitted or it is not there."""
    try:
        file = os.open(inside(root, device), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a FIFO would wait
    except OSError:
        yield None
        return
    try:
        yield file
    finally:
        os.close(file)


def _digest(file: int, device: PurePosixPath, extent: Extent, advance: Advance) -> str:
    whole = hashlib.sha256()
    for chunk in _chunks(file, device, extent):
        whole.update(chunk)
        advance(len(chunk))
    return whole.hexdigest()


def _chunks(file: int, device: PurePosixPath, extent: Extent) -> Iterator[bytes]:
    """All of an extent. Raises IoFailed when the device ends before, or fails."""
    at, end = extent.at, extent.at + extent.size
    while at < end:
        try:
            chunk = os.pread(file, min(CHUNK, end - at), at)
        except OSError as error:
            raise IoFailed(f"{device}: at byte {at}: {error.strerror}") from None
        if not chunk or (len(chunk) % BLOCK and at + len(chunk) < end):
            raise IoFailed(f"{device}: ends at byte {at + len(chunk)}, {end} were expected")
        yield chunk
        at += len(chunk)
