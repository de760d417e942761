"""Everything that two images are compared by, gathered from one ISO: medium, boot files, packages, trees."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from asl_image.bootmenu import Start, read_menu
from asl_image.dpkgdb import STATUS, owners, read_status
from asl_image.errors import CheckFailed
from asl_image.fat import read_fat
from asl_image.inventory import Inventory, read_cpio
from asl_image.manifest import MBR_CODE
from asl_image.medium import SECTOR, VOLUME, Medium, opened
from asl_image.partitions import read_partitions
from asl_image.squash import Superblock, Unpackers, read_superblock

LAYER = "asl/{}.squashfs"
INITRAMFS = "initramfs"
DATES = slice(VOLUME * SECTOR + 813, VOLUME * SECTOR + 881)  # creation, modification, expiration, effective


@dataclass(frozen=True)
class Facts:
    """One image, for as long as its lists are open."""

    name: str
    size: int
    sha256: str
    label: str
    dates: bytes
    medium: Mapping[str, tuple[int, str]]  # size and SHA-256 of every file
    starts: tuple[Start, ...]
    boot: Mapping[str, str]  # what firmware reads, by name
    packages: Mapping[str, str]  # version by name:architecture
    trees: Mapping[str, Inventory]  # layers bottom first, then the initramfs
    superblocks: Mapping[str, Superblock]
    owners: Mapping[str, str]  # package by path in the lowest layer


@contextmanager
def gathered(
    path: Path, unpack: Unpackers, known: Mapping[str, Inventory], advance: Callable[[int], None]
) -> Iterator[Facts]:
    """The facts of the image at `path`. Raises CheckFailed when it is no image of ours, or IoFailed.

    `known` has trees by the SHA-256 of the file that they were read from, which need not be read again; `advance` is
    told of the image's bytes once.
    """
    with opened(path) as medium, ExitStack() as lists:
        whole = hashlib.sha256(medium.data).hexdigest()
        files = {
            name: (extent.size, hashlib.sha256(medium.bytes_of(extent)).hexdigest())
            for name, extent in medium.files.items()
        }
        advance(len(medium.data) // 2)
        starts = read_menu(medium.read("boot/grub/grub.cfg").decode("utf-8", "replace"))
        layers = [word.partition("=")[2].split(",")[0] for word in starts[0].seals()]
        if not layers or any(LAYER.format(layer) not in files for layer in layers):
            raise CheckFailed(f"{path}: the boot menu names layers that the medium does not have")
        trees: dict[str, Inventory] = {}
        for layer in layers:
            name = LAYER.format(layer)
            found = known.get(files[name][1])
            trees[layer] = found or lists.enter_context(unpack.tree(medium, medium.files[name]))
        trees[INITRAMFS] = read_cpio(unpack.unzstd(medium.read("asl/initrd")))
        advance(len(medium.data) - len(medium.data) // 2)
        base = trees[layers[0]]
        if STATUS not in base.items:
            raise CheckFailed(f"{path}: its lowest layer has no package database")
        status = read_status(base.read(STATUS).decode("utf-8", "replace"))
        yield Facts(
            name=path.name,
            size=len(medium.data),
            sha256=whole,
            label=medium.tree.label,
            dates=bytes(medium.data[DATES]),
            medium=files,
            starts=starts,
            boot=boot_files(medium),
            packages={f"{each.name}:{each.arch}": each.version for each in status},
            trees=trees,
            superblocks={layer: read_superblock(medium, medium.files[LAYER.format(layer)]) for layer in layers},
            owners=owners(base),
        )


def boot_files(medium: Medium) -> dict[str, str]:
    """What firmware reads before any file of the medium: SHA-256 each, and the partitions in words."""
    partitions = read_partitions(medium.data).entries
    found = {"master boot record": hashlib.sha256(medium.data[:MBR_CODE]).hexdigest()}
    for entry in medium.boot:
        found[f"El Torito for {entry.platform}"] = f"loads {entry.loads} bytes"
    for number, partition in enumerate(partitions, 1):
        kind = "EFI" if partition.is_efi else "data"
        found[f"partition {number}"] = f"{kind}, {partition.extent.size} bytes"
        if partition.is_efi:
            image = medium.bytes_of(partition.extent)
            found["EFI image"] = hashlib.sha256(image).hexdigest()
            found |= {file.name: hashlib.sha256(file.data).hexdigest() for file in read_fat(image)}
    return found


def package_sizes(facts: Facts) -> dict[str, int]:
    """Bytes of files by package, over all layers; what no package owns counts as its layer's."""
    sizes: dict[str, int] = {}
    for layer, tree in facts.trees.items():
        for name, item in tree.items.items():
            if item.kind == "file" and item.size:
                owner = facts.owners.get(name) if layer == next(iter(facts.trees)) else None
                owner = owner or f"({layer}, no package)"
                sizes[owner] = sizes.get(owner, 0) + item.size
    return sizes
