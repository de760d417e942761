"""The built image passes every check, and one wrong byte anywhere is found by the check whose matter it is."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from asl_image import cli
from asl_image.compare import compare
from asl_image.facts import LAYER, gathered
from asl_image.manifest import ImageManifest, parse_manifest, read_manifest
from asl_image.medium import Extent, Medium, opened
from asl_image.partitions import LBA, read_partitions
from asl_image.runner import Runner
from asl_image.screen import Screen
from asl_image.squash import Unpackers
from asl_image.verbs import House
from asl_image.verify import verify
from support.iso import Iso

pytestmark = pytest.mark.image

HOUSE = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def expected(iso: Iso) -> ImageManifest:
    return read_manifest(iso.path.with_suffix(".manifest.json"))


@pytest.fixture
def unpackers(tmp_path: Path) -> Unpackers:
    return Unpackers(Runner(tmp_path / "commands.log"), HOUSE / "build", tmp_path)


@pytest.fixture(scope="module")
def listed(iso: Iso) -> bytes:
    """The list of files beside the image."""
    return iso.path.with_suffix(".files.jsonl").read_bytes()


def failed(path: Path, expected: ImageManifest, listed: bytes, unpackers: Unpackers) -> set[str]:
    """The checks that say no, without VERIFY-ISO, which finds everything."""
    findings = verify(path, expected, listed, unpackers, lambda _: None)
    found = {finding.check_id for finding in findings if not finding.ok}
    assert found == set() or "VERIFY-ISO" in found
    return found - {"VERIFY-ISO"}


def typed(*argv: object) -> tuple[int, str, str]:
    """What a command line ends with: its status, stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    house = House(HOUSE, HOUSE / "profiles", HOUSE / "build", Screen(out, err, progress="none"), {})
    return cli.run([str(word) for word in argv], house), out.getvalue(), err.getvalue()


@contextmanager
def flipped(path: Path, at: int) -> Iterator[None]:
    """One byte of the file wrong, for as long as the `with` lasts."""
    with path.open("r+b") as file:
        byte = os.pread(file.fileno(), 1, at)[0]
        os.pwrite(file.fileno(), bytes([byte ^ 0x01]), at)
        try:
            yield
        finally:
            os.pwrite(file.fileno(), bytes([byte]), at)


def regions(medium: Medium) -> dict[str, tuple[int, set[str]]]:
    """A byte of each kind, and the checks that must find it wrong, among others at most."""
    files = medium.files
    efi = next(part.extent for part in read_partitions(medium.data).entries if part.is_efi)
    loader = bytes(medium.bytes_of(efi)).index(b".id root") + efi.at
    gap = Extent(files["boot/grub/grub.cfg"].end, 1)
    menu = medium.read("boot/grub/grub.cfg")
    return {
        "boot code": (100, {"VERIFY-BOOT"}),
        "partition table": (510, {"VERIFY-BOOT"}),
        "GPT": (LBA + 60, {"VERIFY-BOOT"}),
        "GPT's backup": (len(medium.data) - LBA + 60, {"VERIFY-BOOT"}),
        "volume descriptor": (16 * 2048 + 1, {"VERIFY-MEDIUM"}),
        "volume's size": (16 * 2048 + 80, {"VERIFY-MEDIUM"}),
        "path table": (medium.tree.used[3].at + 2, {"VERIFY-MEDIUM"}),
        "boot catalogue": (medium.catalogue.at + 40, {"VERIFY-BOOT"}),
        "directory": (medium.tree.used[-1].at + 1, {"VERIFY-MEDIUM"}),
        "layer": (
            files["asl/base.squashfs"].at + 1_000_000,
            {"VERIFY-FILES", "VERIFY-SUMS", "VERIFY-SEAL", "VERIFY-TREES", "VERIFY-ORIGIN", "VERIFY-PACKAGES"},
        ),
        "end of a layer": (files["asl/overlay.squashfs"].end - 1, {"VERIFY-FILES", "VERIFY-SUMS", "VERIFY-SEAL"}),
        "hash tree": (files["asl/base.verity"].at + 5000, {"VERIFY-FILES", "VERIFY-SUMS", "VERIFY-SEAL"}),
        "initramfs": (
            files["asl/initrd"].at + 100,
            {"VERIFY-FILES", "VERIFY-SUMS", "VERIFY-CMDLINE", "VERIFY-TREES"},
        ),
        "kernel": (files["asl/vmlinuz"].at + 5_000_000, {"VERIFY-FILES", "VERIFY-SUMS"}),
        "identity": (files["asl/SHA256SUMS"].at + 3, {"VERIFY-FILES", "VERIFY-SUMS"}),
        "seal in the menu": (
            files["boot/grub/grub.cfg"].at + menu.index(b"asl.layer=base,") + 40,
            {"VERIFY-FILES", "VERIFY-CMDLINE"},
        ),
        "GRUB for BIOS": (files["boot/grub/eltorito.img"].at + 5000, {"VERIFY-FILES", "VERIFY-BOOT"}),
        "GRUB for BIOS, its own place": (files["boot/grub/eltorito.img"].at + 2548, {"VERIFY-BOOT"}),
        "GRUB for UEFI": (loader - 5, {"VERIFY-BOOT"}),
        "what lies between files": (gap.at, {"VERIFY-PADDING"}),
        "padding at the end": (len(medium.data) - 80 * 2048, {"VERIFY-PADDING"}),
    }


def test_the_built_image_passes_every_check(
    iso: Iso, expected: ImageManifest, listed: bytes, unpackers: Unpackers
) -> None:
    findings = verify(iso.path, expected, listed, unpackers, lambda _: None)

    assert [finding for finding in findings if not finding.ok] == []
    assert len(findings) == 14


def test_a_wrong_byte_is_found_by_the_check_whose_matter_it_is(
    iso: Iso, expected: ImageManifest, listed: bytes, unpackers: Unpackers, spare: Path
) -> None:
    shutil.copyfile(iso.path, spare)
    with opened(iso.path) as medium:
        places = regions(medium)
    unseen = {}
    for name, (at, checks) in places.items():
        with flipped(spare, at):
            found = failed(spare, expected, listed, unpackers)
        if not checks <= found:
            unseen[name] = (checks, found)

    assert unseen == {}
    assert failed(spare, expected, listed, unpackers) == set()


def test_an_image_that_is_cut_short_or_padded_is_named(
    iso: Iso, expected: ImageManifest, listed: bytes, unpackers: Unpackers, spare: Path
) -> None:
    shutil.copyfile(iso.path, spare)
    size = spare.stat().st_size
    for wrong in (size + 2048, size - 2048, size // 2, 40_000, 1):
        os.truncate(spare, wrong)
        assert "VERIFY-MEDIUM" in failed(spare, expected, listed, unpackers), wrong


def test_another_manifest_is_found_out(iso: Iso, expected: ImageManifest, listed: bytes, unpackers: Unpackers) -> None:
    whole = json.loads(iso.path.with_suffix(".manifest.json").read_text())
    package = whole["packages"].pop()
    whole["layers"][0]["root_hash"] = "0" * 64
    title = min(whole["command_lines"])
    whole["command_lines"][title] += " debug"
    other = parse_manifest(json.dumps(whole, indent=1, sort_keys=True) + "\n", "other")
    findings = {
        each.check_id: each for each in verify(iso.path, other, listed, unpackers, lambda _: None) if not each.ok
    }

    assert set(findings) == {"VERIFY-SEAL", "VERIFY-CMDLINE", "VERIFY-ORIGIN", "VERIFY-PACKAGES"}
    assert findings["VERIFY-PACKAGES"].said.startswith(f"{package['name']} ")
    assert any(title in line for line in findings["VERIFY-CMDLINE"].details)


def test_an_image_compared_with_itself_and_with_a_changed_one(iso: Iso, unpackers: Unpackers, spare: Path) -> None:
    shutil.copyfile(iso.path, spare)
    with gathered(iso.path, unpackers, {}, lambda _: None) as one:
        known = {one.medium[LAYER.format(layer)][1]: one.trees[layer] for layer in one.superblocks}
        with gathered(spare, unpackers, known, lambda _: None) as same:
            assert compare(one, same).differences == ()
        with flipped(spare, 16 * 2048 + 820), gathered(spare, unpackers, known, lambda _: None) as other:
            assert compare(one, other).causes() == {"clock": 1}
        assert one.owners["usr/bin/bash"] == "bash"
        assert one.trees["base"].items["usr/bin/bash"].mode == 0o755


def test_the_verb_verify_ends_by_its_answer(iso: Iso, spare: Path, tmp_path: Path) -> None:
    manifest = iso.path.with_suffix(".manifest.json")
    shutil.copyfile(iso.path, spare)
    os.truncate(spare, spare.stat().st_size - 4096)

    status, said, _ = typed("verify", iso.path)
    assert (status, said.splitlines()[-1]) == (0, "all 14 checks passed")

    status, said, _ = typed("verify", spare, "--manifest", manifest, "--json")
    answer = json.loads(said)
    assert (status, answer["ok"]) == (3, False)
    assert [each["check_id"] for each in answer["findings"] if not each["ok"]][:2] == ["VERIFY-ISO", "VERIFY-MEDIUM"]

    whole = json.loads(manifest.read_text())
    (tmp_path / "other.json").write_text(json.dumps({**whole, "format": "asl-image.manifest/9"}))
    status, said, told = typed("verify", iso.path, "--manifest", tmp_path / "other.json")
    assert (status, said) == (2, "")
    assert "asl-image.manifest/9" in told


def test_the_verb_compare_ends_by_its_answer(iso: Iso, spare: Path, tmp_path: Path) -> None:
    shutil.copyfile(iso.path, spare)

    assert typed("compare", iso.path, spare)[:2] == (0, f"{iso.path} and {spare} are the same, byte for byte\n")
    with flipped(spare, 16 * 2048 + 820):
        status, said, _ = typed("compare", iso.path, spare, "--markdown")
    assert status == 3
    assert "| clock | 1 |" in said.splitlines()

    (tmp_path / "no.iso").write_bytes(b"no image at all")
    status, said, told = typed("compare", iso.path, tmp_path / "no.iso")
    assert (status, said) == (3, "")
    assert f"{tmp_path / 'no.iso'}: the image is cut short" in told
