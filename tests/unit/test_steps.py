"""The steps that are only code: what they take away, keep, refuse and name."""

from __future__ import annotations

from pathlib import Path

import pytest

from asl_image import filelist, ownership, tree_writer
from asl_image.errors import CheckFailed, ConfigError
from asl_image.ownership import Origin
from asl_image.steps.clean import Clean
from asl_image.steps.files import Files
from asl_image.steps.kernel import Kernel
from asl_image.steps.root import Root
from asl_image.steps.tools import PinnedFile, PinnedTool, Tools
from support.plans import EPOCH, locked_package, sha256, tiny_lock, tiny_overlay
from support.sites import TinySite


@pytest.fixture
def site(tmp_path: Path) -> TinySite:
    return TinySite(tmp_path)


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def names(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir() or path.is_symlink()}


def test_clean_takes_litter_and_leaves_licences_and_everything_else(site: TinySite) -> None:
    root = site.work / "root"
    litter = (
        "boot/vmlinuz-6",
        "etc/passwd-",
        "etc/apt/sources.list",
        "var/log/dpkg.log",
        "tmp/x",
        "usr/share/man/man1/a",
    )
    write(root, *litter, "etc/passwd", "usr/bin/a", "usr/share/doc/a/copyright", "usr/share/doc/a/changelog.gz")
    (root / "usr/share/doc/b").symlink_to("a")
    (root / "etc/shadow").write_text("root:*:20001:0:99999:7:::\ndaemon:*::0:99999:7:::\n")

    ownership.begin(site.work)
    Clean("kernel-modules", EPOCH).run(site)

    kept = {"etc/passwd", "etc/shadow", "etc/machine-id", "usr/bin/a", "usr/share/doc/a/copyright", "usr/share/doc/b"}
    assert names(root) == kept
    assert (root / "etc/shadow").read_text() == "root:*:19675:0:99999:7:::\ndaemon:*::0:99999:7:::\n"
    assert (root / "etc/machine-id").read_bytes() == b""


def test_the_kernel_is_taken_out_and_stays_where_it_was(site: TinySite) -> None:
    write(site.work / "root", "boot/vmlinuz-6.12", "boot/config-6.12")

    ownership.begin(site.work)
    Kernel("root").run(site)

    assert (site.work / "vmlinuz").read_text() == "boot/vmlinuz-6.12"
    assert (site.work / "root/boot/vmlinuz-6.12").exists()


@pytest.mark.parametrize("kernels", [[], ["boot/vmlinuz-1", "boot/vmlinuz-2"]], ids=["none", "two"])
def test_a_root_with_none_or_two_kernels_is_refused(site: TinySite, kernels: list[str]) -> None:
    write(site.work / "root", "boot/config", *kernels)

    with pytest.raises(CheckFailed, match=f"one kernel is expected in /boot, {len(kernels)} are there"):
        Kernel("root").run(site)


def below(site: TinySite, base: str, tools: str = "") -> None:
    for layer, names in (("base", base), ("tools", tools)):
        entries = tree_writer.with_parents(tree_writer.file(name, b"") for name in names.split())
        whose = {entry.name: Origin("package x") for entry in entries}
        filelist.write_rows(site.work / f"{layer}.files", ownership.rows_of(layer, entries, whose))


def test_a_file_that_a_lower_layer_has_must_be_declared(site: TinySite) -> None:
    below(site, "etc/issue\n", "opt/tool\n")
    overlay = tiny_overlay(files={"root/etc/issue": b"", "root/opt/tool": b""})

    with pytest.raises(ConfigError, match="the layers disagree") as caught:
        Files((overlay,), {}).run(site)
    assert caught.value.details == ("/etc/issue: lies in a lower layer too", "/opt/tool: lies in a lower layer too")


def test_a_file_that_is_declared_as_replaced_must_be_there(site: TinySite) -> None:
    below(site, "etc/hosts\n")
    overlay = tiny_overlay(files={"root/etc/issue": b""}, settings={"replaces": ["/etc/issue"]})

    with pytest.raises(ConfigError) as caught:
        Files((overlay,), {}).run(site)
    assert caught.value.details == ("/etc/issue: declared as replaced, but no lower layer has it",)


def test_a_file_that_two_lower_layers_have_is_refused_and_can_not_be_declared(site: TinySite) -> None:
    below(site, "opt/tool etc/issue", "opt/tool")
    overlay = tiny_overlay(files={"root/opt/tool": b""}, settings={"replaces": ["/opt/tool"]})

    with pytest.raises(ConfigError, match="the layers disagree") as caught:
        Files((overlay,), {}).run(site)
    assert caught.value.details == ("/opt/tool: lies in the layers base and tools",)


def test_a_file_that_hides_a_folder_is_refused_and_folders_merge(site: TinySite) -> None:
    below(site, "opt/tool/a", "opt/other")
    overlay = tiny_overlay(files={"root/opt/tool": b""})

    with pytest.raises(ConfigError) as caught:
        Files((overlay,), {}).run(site)
    assert caught.value.details == ("/opt/tool: lies in a lower layer too",)


def tool(content: str) -> PinnedTool:
    return PinnedTool("sops", "3.11.0", (PinnedFile("sops", 0o755, sha256(content)),))


def test_a_tool_lies_under_its_version_and_has_a_stable_name(site: TinySite, tmp_path: Path) -> None:
    (tmp_path / "stored").write_text("sops")
    site.store = {sha256("sops"): tmp_path / "stored"}

    Tools((tool("sops"),), ()).run(site)

    tools = site.work / "tools/asl-auth-host/tools"
    assert (tools / "sops").readlink() == Path("versions/sops-3.11.0/sops")
    assert (tools / "sops").read_text() == "sops"
    assert (tools / "sops").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    ("installed", "details"),
    [
        ("bash 1.0-1 ii\n", ("locked: libc6 1.0-1 ii",)),
        ("bash 1.0-1 ii\nlibc6 2 ii\n", ("installed: libc6 2 ii", "locked: libc6 1.0-1 ii")),
        ("bash 1.0-1 ii\nlibc6 1.0-1 iU\n", ("installed: libc6 1.0-1 iU", "locked: libc6 1.0-1 ii")),
        ("apt 3 ii\nbash 1.0-1 ii\nlibc6 1.0-1 ii\n", ("installed: apt 3 ii",)),
    ],
    ids=["missing", "another version", "not configured", "too many"],
)
def test_what_is_installed_must_be_what_was_locked(installed: str, details: tuple[str, ...], tmp_path: Path) -> None:
    site = TinySite(tmp_path, answers={"dpkg-query": installed})
    lock = tiny_lock("smoke", [locked_package("bash"), locked_package("libc6")])

    with pytest.raises(CheckFailed, match="the installed packages are not those of the lock") as caught:
        Root("mmdebstrap", lock).check_packages(site)
    assert caught.value.details == details


def test_what_is_installed_as_it_was_locked_is_fine(tmp_path: Path) -> None:
    site = TinySite(tmp_path, answers={"dpkg-query": "bash 1.0-1 ii\nlibc6 1.0-1 ii\n"})
    lock = tiny_lock("smoke", [locked_package("bash"), locked_package("libc6")])

    Root("mmdebstrap", lock).check_packages(site)
