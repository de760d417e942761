"""Names, paths and formats that the image's builder and the authority program must agree on.

This package is all of asl_authority that the builder may import, so it needs nothing but the standard
library and imports nothing of the rest. Every path is inside the image. What only some callers need is a
module of its own: `words`.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from pathlib import PurePosixPath
from typing import TypedDict

PROGRAM = "asl-auth-host"
# asl-admin is the same program by the name that ENC-ASL-HOST/1 uses.
PROGRAM_NAMES = (PROGRAM, "asl-admin")
# What the packed program starts with: a module and the function to call in it.
ENTRY = "asl_authority.front.cli:start"

# The layout of ENC-ASL-AUTH-HOST/1.
AUTHORITY_ROOT = PurePosixPath("/asl-auth-host")
HOST = AUTHORITY_ROOT / "host"
DOMAINS = AUTHORITY_ROOT / "domains"
ENV_CLAIMS = AUTHORITY_ROOT / "env-claims"
SOPS_BUNDLES = AUTHORITY_ROOT / "sops-bundles"
TOOLS = AUTHORITY_ROOT / "tools"
LAYOUT = (HOST, DOMAINS, ENV_CLAIMS, SOPS_BUNDLES, TOOLS)
# Two more of ENC-ASL-HOST/1, whose readers look at a view of these four and nothing else.
FEDERATION = AUTHORITY_ROOT / "federation"
QUARANTINE = AUTHORITY_ROOT / "quarantine"
HOST_VIEW = PurePosixPath("/asl-host")
VIEWED = (HOST, DOMAINS, FEDERATION, QUARANTINE)
# Empty and unwritable in the sealed tree; real once a store volume is mounted.
STORE_DIRECTORIES = (HOST, DOMAINS, ENV_CLAIMS, SOPS_BUNDLES)
TOOL_VERSIONS = TOOLS / "versions"

# The file system label by which the store volume is found.
STORE_LABEL = "asl-store"

# Sealed into the image by the builder.
IMAGE_RELEASE = PurePosixPath("/usr/lib/asl/image.json")
# Sealed into an image by whoever builds it for a site: the builders whose signatures over a manifest count there.
BUILDERS = PurePosixPath("/etc/asl-auth-host/builders.json")
BUILDERS_FORMAT = "asl.builders/1"
# The reviewed configuration (AUTH-HOST-CONFIG/1): the most that is allowed on this host; and the hash of its policy.
CONFIG = PurePosixPath("/etc/asl-auth-host/config.yaml")
POLICY_HASH = PurePosixPath("/etc/asl-auth-host/policy.hash")
# The image's manifest, as builders sign it.
MANIFEST_FORMAT = "asl-image.manifest/1"
MANIFEST_PAYLOAD_TYPE = "application/vnd.asl-image.manifest+json"
# Written at every start, on tmpfs: the seal by the initramfs, the volumes by a root unit.
RUN_STATE = PurePosixPath("/run/asl")
SEAL_STATE = RUN_STATE / "seal.json"
VOLUMES_STATE = RUN_STATE / "volumes.json"
# What became of the store when the machine started, by the root unit that opens its volume.
STORE_STATE = RUN_STATE / "store.json"
# This boot's session id, made by whoever needs it first; the folder belongs to who runs the authority's tools.
SESSION = RUN_STATE / "session" / "id"
# The last claim of this boot: what is signed since is signed under it.
SESSION_CLAIM = RUN_STATE / "session" / "claim"
# Where the root helper answers with what only root may read of layers and medium.
MEASURE_SOCKET = RUN_STATE / "measure"
# Where it opens and closes sticks, and the folder in which they are then.
STICK_SOCKET = RUN_STATE / "stick"
STICKS = RUN_STATE / "sticks"
# Where the operator's console has the user `authority` carry out a verb, and the folder that the two share.
ERRAND_SOCKET = RUN_STATE / "authority"
DESK = RUN_STATE / "desk"

# A reader refuses a longer state or release file unread.
STATE_FILE_LIMIT_BYTES = 64 * 1024


class ExitStatus(IntEnum):
    """How a program of this project ends; the same table for the builder and the authority."""

    DONE = 0
    OUR_FAULT = 1
    USAGE = 2
    CHECK_FAILED = 3
    REFUSED = 4
    STORE_DAMAGED = 5
    ABORTED = 6
    UNLOCK_FAILED = 7
    IO_FAILED = 8
    PROGRAM_FAILED = 9
    BUSY = 10


class Mode(StrEnum):
    """What the operator chose in the boot menu."""

    HOST = "host"
    REHEARSAL = "rehearsal"


class ImageRelease(TypedDict):
    """IMAGE_RELEASE: which image this is. `epoch` is its SOURCE_DATE_EPOCH in seconds."""

    profile: str
    version: str
    epoch: int
    suite: str


class SealedLayer(TypedDict):
    """One read-only layer as dm-verity opened it; hashes in lower-case hexadecimal."""

    name: str
    root_hash: str
    salt: str
    data_blocks: int


class SealState(TypedDict):
    """SEAL_STATE: what the initramfs did. `layers` are in stacking order, lowest first.

    `image` is a SHA-256, `medium` the device the layers were found on. `times_ms` says for each stage of the
    initramfs when it was reached, in milliseconds since the kernel started.
    """

    image: str
    mode: str
    medium: str
    layers: list[SealedLayer]
    in_memory: bool
    times_ms: dict[str, int]


class StoreHow(StrEnum):
    """What became of the store: nothing there, a volume opened or not, several, or a rehearsal's in memory."""

    NONE = "none"
    OPEN = "open"
    REFUSED = "refused"
    SEVERAL = "several"
    MEMORY = "memory"


class StoreState(TypedDict):
    """STORE_STATE. `device` and `why` are empty where there is none to name."""

    how: str
    device: str
    why: str


class VolumesState(TypedDict):
    """VOLUMES_STATE: every device that carries a file system of this label, sorted."""

    label: str
    devices: list[str]


def tool_directory(name: str, version: str) -> PurePosixPath:
    """Where one version of a tool lies."""
    return TOOL_VERSIONS / f"{name}-{version}"


def tool_link(name: str) -> PurePosixPath:
    """The stable name of a tool: a link to the current version."""
    return TOOLS / name
