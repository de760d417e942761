"""Images damaged in a dozen ways, by chance and on purpose: the verb names each, with status 3 and no traceback."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from asl_image import cli
from asl_image.fat import read_fat
from asl_image.jsontext import rendered
from asl_image.medium import Extent, Medium, opened
from asl_image.partitions import read_partitions
from asl_image.screen import Screen
from asl_image.verbs import House
from asl_image.verity import hash_tree
from support.iso import Iso
from support.toolstree import ToolsTree

pytestmark = pytest.mark.image

HOUSE = Path(__file__).parents[2]
WORD = b" init=/bin/sh"


@dataclass(frozen=True)
class Answer:
    """What `verify` ended with: its status, and what it said by check where that is negative."""

    status: int
    wrong: dict[str, str]
    told: str


def verified(iso: Path, *options: object) -> Answer:
    """The verb's answer."""
    out, err = io.StringIO(), io.StringIO()
    house = House(HOUSE, HOUSE / "profiles", HOUSE / "build", Screen(out, err, progress="none"), {})
    status = cli.run(["verify", str(iso), "--json", *map(str, options)], house)
    findings = json.loads(out.getvalue())["findings"] if status in (0, 3) else []
    wrong = {each["check_id"]: "\n".join([each["said"], *each["details"]]) for each in findings if not each["ok"]}
    return Answer(status, wrong, err.getvalue())


def beside(iso: Iso) -> tuple[str, Path]:
    """The option that gives a copy the manifest of the image that it was copied from."""
    return "--manifest", iso.path.with_suffix(".manifest.json")


Patch = tuple[int, bytes]


def flip(medium: Medium, at: int) -> Patch:
    return at, bytes([medium.data[at] ^ 1])


def over(extent: Extent, data: bytes) -> Patch:
    """As much of other bytes as the file has room for."""
    return extent.at, (data * (extent.size // len(data) + 1))[: extent.size]


def word_added(medium: Medium) -> Patch:
    """The menu with one word more for the kernel, and as much less of its first comment."""
    menu = medium.read("boot/grub/grub.cfg")
    comment = menu.index(b"\n")
    assert menu.startswith(b"# ")
    assert comment > len(WORD) + 2
    longer = b"# " + menu[2 + len(WORD) :].replace(b" ${iso_words}", WORD + b" ${iso_words}", 1)
    assert len(longer) == len(menu)
    return medium.files["boot/grub/grub.cfg"].at, longer


def loader_flipped(medium: Medium) -> Patch:
    efi = next(part.extent for part in read_partitions(medium.data).entries if part.is_efi)
    loader = read_fat(medium.bytes_of(efi))[0].data
    return flip(medium, efi.at + bytes(medium.bytes_of(efi)).index(loader[4096:8192]) + 100)


# By name: what is overwritten, and which checks say what of it.
DAMAGE: dict[str, tuple[Callable[[Medium], Patch], dict[str, str]]] = {
    "a flip in a layer": (
        lambda medium: flip(medium, medium.files["asl/base.squashfs"].at + 500_000),
        {
            "VERIFY-SEAL": "layer base: its root hash is",
            "VERIFY-FILES": "/asl/base.squashfs has other bytes",
            "VERIFY-TREES": "/asl/base.squashfs is not the manifest's",
        },
    ),
    "a flip in a hash tree": (
        lambda medium: flip(medium, medium.files["asl/base.verity"].at + 5000),
        {"VERIFY-SEAL": "layer base: asl/base.verity is not its hash tree"},
    ),
    "another kernel": (
        lambda medium: over(medium.files["asl/vmlinuz"], medium.read("asl/initrd")),
        {"VERIFY-FILES": "/asl/vmlinuz has other bytes", "VERIFY-SUMS": "/asl/vmlinuz is not what"},
    ),
    "another initramfs": (
        lambda medium: over(medium.files["asl/initrd"], medium.read("asl/vmlinuz")),
        {"VERIFY-FILES": "/asl/initrd has other bytes", "VERIFY-TREES": "/asl/initrd is not the manifest's"},
    ),
    "a word more for the kernel": (
        word_added,
        {
            "VERIFY-CMDLINE": "the word init=/bin/sh is not permitted",
            "VERIFY-FILES": "/boot/grub/grub.cfg has other bytes",
        },
    ),
    "boot code in the MBR": (
        lambda medium: flip(medium, 200),
        {"VERIFY-BOOT": "the boot code in the master boot record is not the manifest's"},
    ),
    "the loader for UEFI": (loader_flipped, {"VERIFY-BOOT": "/EFI/BOOT/BOOTX64.EFI in it is not the manifest's"}),
    "the loader for BIOS": (
        lambda medium: flip(medium, medium.files["boot/grub/eltorito.img"].at + 5000),
        {"VERIFY-BOOT": "GRUB for BIOS is not the manifest's"},
    ),
}


@contextmanager
def patched(path: Path, patch: Patch) -> Iterator[None]:
    """Some bytes of the file are others, for as long as the `with` lasts."""
    at, data = patch
    with path.open("r+b") as file:
        before = os.pread(file.fileno(), len(data), at)
        os.pwrite(file.fileno(), data, at)
        try:
            yield
        finally:
            os.pwrite(file.fileno(), before, at)


def missed(answer: Answer, wanted: dict[str, str]) -> dict[str, str]:
    """What should have been said and was not."""
    return {name: words for name, words in wanted.items() if words not in answer.wrong.get(name, "")}


def test_bytes_that_are_others_are_named_by_each_check_whose_matter_they_are(iso: Iso, spare: Path) -> None:
    shutil.copyfile(iso.path, spare)
    with opened(iso.path) as medium:
        patches = {name: make(medium) for name, (make, _) in DAMAGE.items()}
    unseen = {}
    for name, patch in patches.items():
        with patched(spare, patch):
            answer = verified(spare, *beside(iso))
        wanted = {"VERIFY-ISO": "the ISO's SHA-256 is", **DAMAGE[name][1]}
        if answer.status != 3 or missed(answer, wanted) or "Traceback" in answer.told:
            unseen[name] = (answer, missed(answer, wanted))

    assert unseen == {}
    assert verified(spare, *beside(iso)).status == 0


@pytest.mark.parametrize(("more", "words"), [(4096, "bytes too long"), (-1_000_000, "bytes too short")])
def test_an_image_that_is_padded_or_cut_short_is_named(iso: Iso, spare: Path, more: int, words: str) -> None:
    shutil.copyfile(iso.path, spare)
    os.truncate(spare, spare.stat().st_size + more)
    answer = verified(spare, *beside(iso))

    assert answer.status == 3
    assert missed(answer, {"VERIFY-ISO": "the manifest says", "VERIFY-MEDIUM": words}) == {}


def remastered(iso: Iso, tools_tree: ToolsTree, spare: Path, changes: dict[str, Path]) -> Answer:
    """The answer for an image written anew by xorriso, bootable as before, with some files added or replaced."""
    words = [word for name, path in changes.items() for word in ("-update", str(path), f"/{name}")]
    drives = ("-no_rc", "-indev", str(iso.path), "-outdev", str(spare))
    tools_tree.run("xorriso", *drives, "-boot_image", "any", "replay", *words)
    return verified(spare, *beside(iso))


def test_an_image_that_was_mastered_anew_with_a_file_more_is_named(
    iso: Iso, tools_tree: ToolsTree, spare: Path, tmp_path: Path
) -> None:
    (tmp_path / "extra").write_text("#!/bin/sh\n")
    answer = remastered(iso, tools_tree, spare, {"asl/extra": tmp_path / "extra"})

    assert answer.status == 3
    assert (
        missed(answer, {"VERIFY-FILES": "/asl/extra is not in the manifest", "VERIFY-SUMS": "does not name extra"})
        == {}
    )


def test_a_layer_with_another_file_and_a_seal_that_fits_is_named(
    iso: Iso, tools_tree: ToolsTree, spare: Path, tmp_path: Path
) -> None:
    """All that is on the medium agrees with itself: layer, hash tree, checksums and the menu's seals."""
    layer = iso.extract("asl/overlay.squashfs", tmp_path)
    tools_tree.run("unsquashfs", "-quiet", "-no-progress", "-no-xattrs", "-dest", str(tmp_path / "tree"), str(layer))
    (tmp_path / "tree/etc/issue").unlink(missing_ok=True)
    (tmp_path / "tree/etc/issue").write_text("trust me\n")
    layer.unlink()
    tools_tree.run("mksquashfs", str(tmp_path / "tree"), str(layer), "-quiet", "-no-progress", "-all-root")
    (data,) = [each for each in json.loads(beside(iso)[1].read_text())["layers"] if each["name"] == "overlay"]
    root_hash, tree = hash_tree(memoryview(layer.read_bytes()), bytes.fromhex(data["salt"]))
    verity = tmp_path / "overlay.verity"
    verity.write_bytes(tree)
    seal = f"asl.layer=overlay,{layer.stat().st_size // 4096},{root_hash},{data['salt']}"
    old = f"asl.layer=overlay,{data['data_blocks']},{data['root_hash']},{data['salt']}"
    sums = tmp_path / "SHA256SUMS"
    lines = dict(line.split("  ")[::-1] for line in iso.read("asl/SHA256SUMS").decode().splitlines())
    lines |= {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (layer, verity)}
    sums.write_text("".join(f"{digest}  {name}\n" for name, digest in lines.items()))
    menu = tmp_path / "grub.cfg"
    image = hashlib.sha256(sums.read_bytes()).hexdigest()
    before = hashlib.sha256(iso.read("asl/SHA256SUMS")).hexdigest()
    menu.write_text(iso.read("boot/grub/grub.cfg").decode().replace(old, seal).replace(before, image))
    changes = {f"asl/{path.name}": path for path in (layer, verity, sums)}
    answer = remastered(iso, tools_tree, spare, {**changes, "boot/grub/grub.cfg": menu})

    wanted = {
        "VERIFY-SEAL": "layer overlay: ",
        "VERIFY-SUMS": "/asl/SHA256SUMS has the SHA-256",
        "VERIFY-CMDLINE": "its seals are not the manifest's",
        "VERIFY-FILES": "/asl/overlay.squashfs has other bytes",
        "VERIFY-TREES": "/asl/overlay.squashfs is not the manifest's",
    }
    assert answer.status == 3
    assert missed(answer, wanted) == {}


@pytest.fixture
def papers(iso: Iso, tmp_path: Path) -> Path:
    """The image in a folder of its own, with copies of its papers."""
    for path in (*iso.path.parent.glob(f"{iso.path.stem}.*"), iso.path.parent / "SHA256SUMS"):
        if path != iso.path:
            shutil.copyfile(path, tmp_path / path.name)
    (tmp_path / iso.path.name).symlink_to(iso.path)
    return tmp_path / iso.path.name


def test_a_paper_that_was_replaced_is_named(papers: Path) -> None:
    papers.with_suffix(".packages.txt").write_text("bash\t1\tamd64\n")
    papers.with_suffix(".spdx.json").write_text("{}\n")
    answer = verified(papers)

    assert answer.status == 3
    assert set(answer.wrong) == {"VERIFY-PAPERS"}
    assert f"{papers.stem}.packages.txt is not what SHA256SUMS says" in answer.wrong["VERIFY-PAPERS"]
    assert f"{papers.stem}.spdx.json is not the one that is sealed in the image" in answer.wrong["VERIFY-PAPERS"]


def test_a_list_of_files_that_was_replaced_is_not_believed(papers: Path) -> None:
    files = papers.with_suffix(".files.jsonl")
    files.write_text(files.read_text().replace('"origin":"package bash"', '"origin":"package dash"'))
    answer = verified(papers)

    assert answer.status == 3
    assert set(answer.wrong) == {"VERIFY-LIST", "VERIFY-TREES", "VERIFY-ORIGIN", "VERIFY-PAPERS"}
    assert "the list of files is not the manifest's" in answer.wrong["VERIFY-LIST"]


def test_a_layer_that_is_not_as_the_manifest_s_list_has_it_is_named_file_by_file(papers: Path) -> None:
    """The list and the manifest agree with each other, and the image with neither."""
    files, manifest = papers.with_suffix(".files.jsonl"), papers.with_suffix(".manifest.json")
    lines = files.read_text().splitlines(keepends=True)
    shell = next(number for number, line in enumerate(lines) if '"path":"/usr/bin/bash"' in line)
    gone = next(number for number, line in enumerate(lines) if '"path":"/etc/passwd"' in line)
    lines[shell] = lines[shell].replace('"mode":"0755"', '"mode":"4755"').replace("package bash", "package dash")
    del lines[gone]
    files.write_text("".join(lines))
    whole = json.loads(manifest.read_text())
    data = files.read_bytes()
    whole["files"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    manifest.write_text(rendered(whole))
    answer = verified(papers)

    assert answer.status == 3
    assert set(answer.wrong) == {"VERIFY-TREES", "VERIFY-ORIGIN", "VERIFY-PAPERS"}
    assert answer.wrong["VERIFY-TREES"].splitlines() == [
        "base: /etc/passwd is not in the list of files",
        "base: /usr/bin/bash: mode 0755 instead of 4755",
    ]
    assert answer.wrong["VERIFY-ORIGIN"] == "base: /usr/bin/bash: package dash has no file of that name"


def test_a_list_of_files_that_is_missing_is_named_and_nothing_is_checked(papers: Path) -> None:
    papers.with_suffix(".files.jsonl").unlink()
    answer = verified(papers)

    assert (answer.status, answer.wrong) == (8, {})
    assert f"{papers.stem}.files.jsonl: the list of files can't be read: No such file or directory" in answer.told
    assert "--files FILE" in answer.told


@pytest.mark.parametrize("text", ["", "{}\n", '{"format": "asl-image.manifest/9"}\n', "\x00", "[" * 100_000])
def test_a_manifest_that_is_none_of_ours_is_refused_as_usage(iso: Iso, tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    answer = verified(iso.path, "--manifest", tmp_path / "x.json")

    assert (answer.status, answer.wrong) == (2, {})
    assert f"{tmp_path / 'x.json'}: not a manifest" in answer.told
