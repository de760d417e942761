"""Hold an ISO against its manifest without booting it: every check has a name, and every one is always reported.

The manifest is believed; everything else is recomputed from the ISO's own bytes. A check that can't be made because
an earlier one failed is negative too: nothing passes unseen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from asl_image import papers
from asl_image.bootmenu import IMAGE, Start, read_menu
from asl_image.dpkgdb import STATUS, read_status
from asl_image.errors import CheckFailed
from asl_image.filelist import INITRAMFS, MEDIUM, FileRow, by_path, parse_file_list
from asl_image.inventory import Inventory, read_cpio
from asl_image.manifest import ImageManifest
from asl_image.medium import Extent, Medium, mapped, read_medium
from asl_image.partitions import read_partitions
from asl_image.sbom import cyclonedx_held, spdx_held
from asl_image.startup import boot_code, check_bios, check_code, check_uefi, without_boot_info
from asl_image.steps.layer import BLOCK, Seal
from asl_image.steps.manifest import command_lines
from asl_image.treecheck import PACKAGE, medium_troubles, origin_troubles, tree_troubles
from asl_image.verity import hash_tree

MOST_DETAILS = 20
CHUNK = 1 << 22
SUMS = "asl/SHA256SUMS"
MENU = "boot/grub/grub.cfg"
LOOPBACK = "boot/grub/loopback.cfg"
GRUB_SUMS = "boot/grub/boot.sums"
BIOS_IMAGE = "boot/grub/eltorito.img"


@dataclass(frozen=True)
class Finding:
    """The answer of one check; `details` name what is wrong, one thing each."""

    check_id: str
    ok: bool
    said: str
    details: tuple[str, ...] = ()


class Unpacks(Protocol):
    """What reads zstd and squashfs for us."""

    def unzstd(self, data: bytes) -> bytes: ...

    def tree(self, medium: Medium, layer: Extent) -> AbstractContextManager[Inventory]: ...


@dataclass(frozen=True)
class Case:
    """What every check is handed."""

    medium: Medium
    expected: ImageManifest
    listed: bytes  # the list of files
    unpack: Unpacks
    advance: Callable[[int], None]
    lists: ExitStack
    digests: dict[Extent, str] = field(default_factory=dict)
    trees: dict[str, Inventory] = field(default_factory=dict)

    def digest(self, extent: Extent) -> str:
        """SHA-256 (hex) of what lies there, computed once."""
        if extent not in self.digests:
            self.digests[extent] = digest(self.medium.bytes_of(extent))
        return self.digests[extent]

    def tree(self, layer: str) -> Inventory:
        """Everything in a layer, or in the initramfs; read once. Raises CheckFailed."""
        if layer not in self.trees:
            if layer == INITRAMFS:
                proven(self, "asl/initrd")
                self.trees[layer] = read_cpio(self.unpack.unzstd(self.medium.read("asl/initrd")))
            else:
                extent = proven(self, f"asl/{layer}.squashfs")
                self.trees[layer] = self.lists.enter_context(self.unpack.tree(self.medium, extent))
                self.advance(extent.size)
        return self.trees[layer]

    def rows(self) -> list[FileRow]:
        """The list of files, when it is the manifest's. Raises CheckFailed."""
        wanted = self.expected.files
        if (len(self.listed), digest(self.listed)) != (wanted.size, wanted.sha256):
            raise CheckFailed("the list of files is not the manifest's, so nothing in it is believed")
        return parse_file_list(self.listed.decode("utf-8", "replace"), "the list of files")


def verify(
    path: Path, expected: ImageManifest, listed: bytes, unpack: Unpacks, advance: Callable[[int], None]
) -> list[Finding]:
    """Every check of the image at `path`; `listed` is its list of files.

    `advance` is told of bytes, about three times the image's size in all.

    Raises IoFailed when the image can't be read, and Refused when a program that is needed is missing.
    """
    with mapped(path) as data:
        findings = [asked("VERIFY-ISO", lambda: check_iso(data, expected, advance))]
        try:
            medium = read_medium(path, data)
        except CheckFailed as error:
            findings.append(Finding("VERIFY-MEDIUM", False, str(error), error.details))
            return findings + [Finding(name, False, "the medium can't be read") for name in CHECKS]
        findings.append(asked("VERIFY-MEDIUM", lambda: check_medium(medium)))
        with ExitStack() as lists:
            case = Case(medium, expected, listed, unpack, advance, lists)
            return findings + [asked(name, partial(check, case)) for name, check in CHECKS.items()]


def asked(name: str, check: Callable[[], tuple[str, list[str]]]) -> Finding:
    """The finding of one check; what it raises as CheckFailed is its negative answer."""
    try:
        said, wrong = check()
    except CheckFailed as error:
        return Finding(name, False, str(error), error.details)
    if not wrong:
        return Finding(name, True, said)
    more = [f"and {len(wrong) - MOST_DETAILS} more"] if len(wrong) > MOST_DETAILS else []
    first, *rest = [*wrong[:MOST_DETAILS], *more]
    return Finding(name, False, first, tuple(rest))


def seals_of(expected: ImageManifest) -> tuple[Seal, ...]:
    """The layers' seals, bottom first."""
    return tuple(Seal(each.name, each.data_blocks, each.root_hash, each.salt) for each in expected.layers)


def proven(case: Case, name: str) -> Extent:
    """Where a file lies whose bytes are the manifest's. Raises CheckFailed: no other is handed to a program."""
    extent, wanted = case.medium.files.get(name), case.expected.medium.get(name)
    if extent is None or wanted is None or case.digest(extent) != wanted.sha256:
        raise CheckFailed(f"/{name} is not the manifest's, so nothing in it is believed")
    return extent


def check_iso(data: memoryview, expected: ImageManifest, advance: Callable[[int], None]) -> tuple[str, list[str]]:
    """VERIFY-ISO: size and SHA-256 of the whole file are the manifest's."""
    whole = hashlib.sha256()
    for at in range(0, len(data), CHUNK):
        whole.update(data[at : at + CHUNK])
        advance(len(data[at : at + CHUNK]))
    wrong = []
    if len(data) != expected.iso.size:
        wrong.append(f"the ISO has {len(data)} bytes, the manifest says {expected.iso.size}")
    if whole.hexdigest() != expected.iso.sha256:
        wrong.append(f"the ISO's SHA-256 is {whole.hexdigest()}, the manifest says {expected.iso.sha256}")
    return f"{len(data)} bytes, SHA-256 {expected.iso.sha256}", wrong


def check_medium(medium: Medium) -> tuple[str, list[str]]:
    """VERIFY-MEDIUM: the file is as long as its volume descriptor says, neither cut short nor padded."""
    length, size = len(medium.data), medium.tree.size
    wrong = []
    if length != size:
        how = f"{length - size} bytes too long" if length > size else f"{size - length} bytes too short"
        wrong.append(f"the volume has {size} bytes, the file is {how}")
    return f"volume {medium.tree.label}, {len(medium.files)} files", wrong


def check_files(case: Case) -> tuple[str, list[str]]:
    """VERIFY-FILES: the medium has the manifest's files, with their bytes, no more and no fewer."""
    files, wanted = case.medium.files, case.expected.medium
    wrong = [f"/{name} is missing" for name in sorted(wanted.keys() - files.keys())]
    wrong += [f"/{name} is not in the manifest" for name in sorted(files.keys() - wanted.keys())]
    folders = {name.rsplit("/", depth)[0] for name in wanted for depth in range(1, name.count("/") + 1)}
    wrong += [f"/{name} is a folder of no file in the manifest" for name in sorted(case.medium.tree.folders - folders)]
    for name in sorted(wanted.keys() & files.keys()):
        right = wanted[name].sha256
        if case.digest(files[name]) == right:
            continue
        # What firmware needs to know is written into this one file when the medium is made.
        if name == BIOS_IMAGE and digest(without_boot_info(case.medium.read(name))) == right:
            continue
        wrong.append(f"/{name} has other bytes than the manifest says")
    return f"{len(wanted)} files as in the manifest", wrong


def digest(data: bytes | memoryview) -> str:
    """SHA-256 (hex) of what is in memory."""
    return hashlib.sha256(data).hexdigest()


def check_sums(case: Case) -> tuple[str, list[str]]:
    """VERIFY-SUMS: SHA256SUMS is the image's identity, and each of its lines is true; so is GRUB's own list."""
    medium, image = case.medium, case.expected.image
    sums = medium.read(SUMS)
    wrong = []
    if digest(sums) != image:
        wrong.append(f"/{SUMS} has the SHA-256 {digest(sums)}, the image is {image}")
    marks = sorted(name for name in medium.files if name.endswith(".id"))
    if marks != [f"boot/grub/{image}.id"]:
        wrong.append(f"the file by which GRUB knows the medium is not boot/grub/{image}.id: {', '.join(marks)}")
    lines = _sums(sums)
    others = {name.removeprefix("asl/") for name in medium.files if name.startswith("asl/")} - {"SHA256SUMS"}
    wrong += [f"/{SUMS} does not name {name}" for name in sorted(others - lines.keys())]
    for source, listed in ((SUMS, lines), (GRUB_SUMS, _sums(medium.read(GRUB_SUMS)))):
        for name, wanted in listed.items():
            extent = medium.files.get(f"asl/{name}")
            if extent is None or case.digest(extent) != wanted:
                wrong.append(f"/asl/{name} is not what /{source} says")
    return f"image {image[:16]}…, {len(lines)} files", wrong


def _sums(text: bytes) -> dict[str, str]:
    found = {}
    for line in text.decode("ascii", "replace").splitlines():
        wanted, _, name = line.partition("  ")
        if not name or name in found:
            raise CheckFailed(f"a list of checksums has a line that makes no sense: {line!r:.80}")
        found[name] = wanted
    return found


def check_seals(case: Case) -> tuple[str, list[str]]:
    """VERIFY-SEAL: each layer's hash tree, made anew, is the stored one, and its root hash is the manifest's."""
    wrong = []
    for seal in seals_of(case.expected):
        wrong += [f"layer {seal.name}: {trouble}" for trouble in _seal_troubles(case, seal)]
    blocks = sum(seal.data_blocks for seal in seals_of(case.expected))
    names = ", ".join(seal.name for seal in seals_of(case.expected))
    return f"{names}: {blocks} blocks hashed again", wrong


def _seal_troubles(case: Case, seal: Seal) -> Iterable[str]:
    files = case.medium.files
    layer, stored = files.get(f"asl/{seal.name}.squashfs"), files.get(f"asl/{seal.name}.verity")
    if layer is None or stored is None:
        yield "its squashfs or its hash tree is missing"
        return
    if layer.size != seal.data_blocks * BLOCK:
        yield f"it has {layer.size} bytes, sealed are {seal.data_blocks * BLOCK}"
        return
    found, tree = hash_tree(case.medium.bytes_of(layer), bytes.fromhex(seal.salt), case.advance)
    if found != seal.root_hash:
        yield f"its root hash is {found}, the manifest says {seal.root_hash}"
    if case.medium.bytes_of(stored) != tree:
        yield f"asl/{seal.name}.verity is not its hash tree"


def check_command_lines(case: Case) -> tuple[str, list[str]]:
    """VERIFY-CMDLINE: every start names this image and its seals, and no word that the initramfs does not permit."""
    menu = case.medium.read(MENU).decode("utf-8", "replace")
    starts = read_menu(menu)
    archive = case.tree(INITRAMFS)
    if "asl/words" not in archive.items:
        raise CheckFailed("the initramfs has no list of permitted words")
    permitted = archive.read("asl/words").decode("utf-8", "replace").splitlines()
    wrong = [trouble for start in starts for trouble in word_troubles(start, case.expected, permitted)]
    said = command_lines(menu)
    titles = sorted(said.keys() | case.expected.command_lines.keys())
    unlike = [title for title in titles if said.get(title) != case.expected.command_lines.get(title)]
    wrong += [f"'{title}' says something else to the kernel than the manifest" for title in unlike]
    loopback = case.medium.read(LOOPBACK).decode("utf-8", "replace")
    words = [line for line in loopback.splitlines() if line.strip() and not line.startswith("#")]
    if words != ['set iso_words="asl.iso=${iso_path}"', "export iso_words", f"source /{MENU}"]:
        wrong.append(f"/{LOOPBACK} does more than to say where the image lies")
    return f"{len(starts)} ways to start, each with {len(seals_of(case.expected))} seals", wrong


def word_troubles(start: Start, expected: ImageManifest, permitted: Iterable[str]) -> list[str]:
    """What is wrong with one kernel command line."""
    seals = tuple(seal.word() for seal in seals_of(expected))
    wrong = []
    if start.seals() != seals:
        wrong.append(f"'{start.title}': its seals are not the manifest's")
    if [word for word in start.words if word.startswith(IMAGE)] != [f"{IMAGE}{expected.image}"]:
        wrong.append(f"'{start.title}' does not start this image")
    exact = {word for word in permitted if not word.endswith("*")}
    open_ended = tuple(word[:-1] for word in permitted if word.endswith("*") and len(word) > 1)
    foreign = [word for word in start.words if word not in exact and not word.startswith(open_ended)]
    wrong += [f"'{start.title}': the word {word} is not permitted" for word in foreign]
    twice = sorted({word for word in start.words if start.words.count(word) > 1})
    return wrong + [f"'{start.title}': the word {word} is there twice" for word in twice]


def check_boot(case: Case) -> tuple[str, list[str]]:
    """VERIFY-BOOT: firmware of both kinds finds this image's boot loader, from a CD and from a stick."""
    medium = case.medium
    platforms = {entry.platform: entry for entry in medium.boot}
    if len(medium.boot) != 2 or set(platforms) != {"bios", "uefi"}:
        raise CheckFailed("the boot catalogue does not have one entry for BIOS and one for UEFI")
    partitions = read_partitions(medium.data)
    wrong = [] if partitions.active else ["no partition of the MBR is marked active"]
    wrong += check_bios(medium, platforms["bios"], BIOS_IMAGE)
    wrong += check_uefi(medium, platforms["uefi"], partitions, case.expected.image)
    wrong += check_code(boot_code(medium, partitions, BIOS_IMAGE), case.expected.boot)
    return "El Torito for BIOS and UEFI, MBR, GPT and its backup, BOOTX64.EFI; each program is the manifest's", wrong


def check_padding(case: Case) -> tuple[str, list[str]]:
    """VERIFY-PADDING: whatever belongs to no file, directory or table is zero."""
    medium = case.medium
    partitions = read_partitions(medium.data)
    used = [*medium.used(), *partitions.used, *(entry.extent for entry in partitions.entries if entry.is_efi)]
    wrong, end, total = [], 0, 0
    for extent in [*sorted(used, key=lambda part: part.at), Extent(len(medium.data), 0)]:
        if extent.at > end:
            total += extent.at - end
            gap = bytes(medium.data[end : extent.at])
            if rest := gap.lstrip(b"\0"):
                wrong.append(f"byte {extent.at - len(rest)} belongs to nothing and is not zero")
        end = max(end, extent.end)
    return f"{total} bytes belong to nothing and are zero", wrong


def check_list(case: Case) -> tuple[str, list[str]]:
    """VERIFY-LIST: the list of files is the manifest's, says where each file comes from, and has the medium's files."""
    rows = case.rows()
    wrong = list(medium_troubles(by_path(rows, MEDIUM), case.expected.medium))
    return f"{len(rows)} files, none without an origin", wrong


def check_trees(case: Case) -> tuple[str, list[str]]:
    """VERIFY-TREES: each layer and the initramfs hold the listed files as they are listed, no more and no fewer."""
    rows, count = case.rows(), 0
    wrong: list[str] = []
    for part in (*(layer.name for layer in case.expected.layers), INITRAMFS):
        tree = case.tree(part)
        wrong += tree_troubles(part, tree, by_path(rows, part), case.expected.epoch)
        count += len(tree.items)
    return f"{count} files of layers and initramfs as listed", wrong


def check_origins(case: Case) -> tuple[str, list[str]]:
    """VERIFY-ORIGIN: what is said to be a package's is in that package's own list, sealed in the image."""
    rows = case.rows()
    packages = {each.name for each in case.expected.packages}
    wrong = origin_troubles(rows, case.tree(case.expected.layers[0].name), packages)
    count = sum(row.origin.startswith(PACKAGE) for row in rows)
    return f"{count} files are of the packages that they are said to be of", list(wrong)


def file_in(tree: Inventory, name: str) -> bytes:
    """A file's bytes. Raises CheckFailed when it is not there."""
    if name not in tree.items or tree.items[name].kind != "file":
        raise CheckFailed(f"a layer does not give /{name}")
    return tree.read(name)


def check_packages(case: Case) -> tuple[str, list[str]]:
    """VERIFY-PACKAGES: the sealed package database has the manifest's packages, no more and no fewer."""
    text = file_in(case.tree(case.expected.layers[0].name), STATUS).decode("utf-8", "replace")
    found = {(each.name, each.version, each.arch) for each in read_status(text)}
    wanted = {(each.name, each.version, each.arch) for each in case.expected.packages}
    wrong = [f"{name} {version} ({arch}) is missing" for name, version, arch in sorted(wanted - found)]
    wrong += [f"{name} {version} ({arch}) is not in the manifest" for name, version, arch in sorted(found - wanted)]
    return f"{len(wanted)} packages as in the manifest", wrong


def check_sboms(case: Case) -> tuple[str, list[str]]:
    """VERIFY-SBOM: both sealed bills of materials name every package and tool of the manifest, with its SHA-256."""
    layer = case.tree(case.expected.layers[-1].name)
    wanted = [(each.name, each.version, each.sha256) for each in case.expected.packages]
    wanted += [(tool.name, tool.version, tool.sha256 or "") for tool in case.expected.tools]
    wrong = []
    for name, held_by in SBOMS.items():
        text = file_in(layer, name).decode("utf-8", "replace")
        try:
            held = held_by(json.loads(text))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise CheckFailed(f"/{name} in the image can't be read") from None
        for what, version, sha256 in wanted:
            hashes = held.get((what, version), set())
            if not hashes or (sha256 and sha256 not in hashes):
                wrong.append(f"/{name} does not name {what} {version} with its SHA-256")
    return f"{len(wanted)} packages and tools, in SPDX and CycloneDX", wrong


def check_beside(case: Case) -> tuple[str, list[str]]:
    """VERIFY-PAPERS: what lies beside the ISO with a SHA256SUMS is whole, and the SBOMs are the sealed ones."""
    folder = case.medium.path.parent
    if not (folder / papers.SUMS).exists():
        return f"no {papers.SUMS} beside the ISO: nothing to check", []
    layer = case.tree(case.expected.layers[-1].name)
    names = dict(zip(("spdx.json", "cdx.json"), SBOMS, strict=True))
    sealed = {paper: file_in(layer, name) for paper, name in names.items()}
    whole = case.digest(Extent(0, len(case.medium.data)))
    wrong = papers.check_papers(folder, case.expected, whole, sealed)
    return f"all that {papers.SUMS} names is whole, the SBOMs are the sealed ones", wrong


SBOMS = {"usr/lib/asl/sbom.spdx.json": spdx_held, "usr/lib/asl/sbom.cdx.json": cyclonedx_held}

CHECKS: dict[str, Callable[[Case], tuple[str, list[str]]]] = {
    "VERIFY-FILES": check_files,
    "VERIFY-SUMS": check_sums,
    "VERIFY-SEAL": check_seals,
    "VERIFY-CMDLINE": check_command_lines,
    "VERIFY-BOOT": check_boot,
    "VERIFY-PADDING": check_padding,
    "VERIFY-LIST": check_list,
    "VERIFY-TREES": check_trees,
    "VERIFY-ORIGIN": check_origins,
    "VERIFY-PACKAGES": check_packages,
    "VERIFY-SBOM": check_sboms,
    "VERIFY-PAPERS": check_beside,
}
