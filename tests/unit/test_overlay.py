"""Overlays: templates that can't be silently empty, files that can't silently win, modes for files that are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from asl_image.errors import ConfigError
from asl_image.overlay import load_overlays, overlay_names, overlay_tree, render, replaced_by
from asl_image.plan import permitted, template_values
from asl_image.profile import Boot
from asl_image.tree_writer import Entry
from support.plans import EPOCH, tiny_overlay, tiny_profile

HOUSE = Path(__file__).parents[2]
VALUES = {"profile": "smoke", "words": ["a", "b"]}


def tree(*overlays_and_part: object, part: str = "root") -> dict[str, Entry]:
    return {entry.name: entry for entry in overlay_tree(overlays_and_part, part, VALUES)}  # type: ignore[arg-type]


@pytest.fixture
def at(tmp_path: Path) -> Path:
    """An overlay on disk."""
    home = tmp_path / "tiny"
    (home / "root/usr/bin").mkdir(parents=True)
    (home / "iso/boot").mkdir(parents=True)
    (home / "root/usr/bin/tool").write_text("#!/bin/sh\n")
    (home / "root/usr/bin/tool").chmod(0o755)
    (home / "root/bin").symlink_to("usr/bin")
    (home / "iso/boot/menu.j2").write_text("{{ profile }}\n")
    (home / "overlay.yaml").write_text("summary: tiny\ndirectories:\n  /empty: '0555'\n")
    return tmp_path


def test_an_overlay_is_read_as_it_lies(at: Path) -> None:
    (overlay,) = load_overlays(["tiny"], at)
    root, iso = tree(overlay), tree(overlay, part="iso")

    assert {name: (entry.kind, entry.mode) for name, entry in root.items()} == {
        "bin": ("symlink", 0o777),
        "empty": ("directory", 0o555),
        "usr": ("directory", 0o755),
        "usr/bin": ("directory", 0o755),
        "usr/bin/tool": ("file", 0o755),
    }
    assert root["bin"].link == "usr/bin"
    assert iso["boot/menu"].data == b"smoke\n"


@pytest.mark.parametrize("change", ["text", "mode", "settings", "link"])
def test_whatever_changes_in_an_overlay_changes_its_digest(at: Path, change: str) -> None:
    (before,) = load_overlays(["tiny"], at)
    home = at / "tiny"
    if change == "text":
        (home / "iso/boot/menu.j2").write_text("x")
    elif change == "mode":
        (home / "root/usr/bin/tool").chmod(0o644)
    elif change == "settings":
        (home / "overlay.yaml").write_text("summary: tiny\n")
    else:
        (home / "root/bin").unlink()
        (home / "root/bin").symlink_to("/usr/bin")
    (after,) = load_overlays(["tiny"], at)

    assert before.digest != after.digest


def test_an_overlay_without_its_settings_is_none(at: Path) -> None:
    (at / "stray").mkdir()

    assert overlay_names(at) == ("tiny",)
    with pytest.raises(ConfigError, match="stray: no such overlay"):
        load_overlays(["stray"], at)


def test_an_unknown_key_of_the_settings_is_named_with_its_line(at: Path) -> None:
    (at / "tiny/overlay.yaml").write_text("summary: tiny\nmode: {}\n")

    with pytest.raises(ConfigError) as caught:
        load_overlays(["tiny"], at)
    assert "overlay.yaml:2:1: mode: unknown key (did you mean 'modes'?)" in "\n".join(
        (str(caught.value), *caught.value.details)
    )


def test_a_name_that_nobody_defined_is_an_error_with_its_file_and_line() -> None:
    with pytest.raises(ConfigError, match=r"overlays/x/root/a\.j2:2: 'porfile' is undefined"):
        render(b"first\n{{ porfile }}\n", VALUES, "overlays/x/root/a.j2")


def test_a_template_that_is_not_well_formed_is_an_error_with_its_line() -> None:
    with pytest.raises(ConfigError, match=r"a\.j2:3: "):
        render(b"first\n\n{% for x %}\n", VALUES, "a.j2")


def test_two_overlays_that_bring_one_file_are_refused_by_name() -> None:
    one, two = (tiny_overlay(name, {"root/etc/issue": b""}) for name in ("one", "two"))

    with pytest.raises(ConfigError, match="/etc/issue: brought by overlay one and by overlay two"):
        tree(one, two)


def test_two_overlays_may_share_directories() -> None:
    one, two = tiny_overlay("one", {"root/etc/a": b""}), tiny_overlay("two", {"root/etc/b": b""})

    assert sorted(tree(one, two)) == ["etc", "etc/a", "etc/b"]


def test_modes_and_owners_are_given_to_files_and_directories() -> None:
    settings = {
        "modes": {"/etc/a": "4750"},
        "owners": {"/etc/a": "0:7", "/srv": "1000:1000"},
        "directories": {"/srv": "0700"},
    }
    found = tree(tiny_overlay(files={"root/etc/a": b""}, settings=settings))

    assert (found["etc/a"].mode, found["etc/a"].uid, found["etc/a"].gid) == (0o4750, 0, 7)
    assert (found["srv"].mode, found["srv"].uid, found["srv"].gid) == (0o700, 1000, 1000)


@pytest.mark.parametrize(
    "settings", [{"modes": {"/etc/b": "0600"}}, {"owners": {"/etc/b": "0:7"}}], ids=["mode", "owner"]
)
def test_a_mode_or_an_owner_for_a_file_that_is_not_there_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"overlays/base/overlay\.yaml: modes or owners for files") as caught:
        tree(tiny_overlay(files={"root/etc/a": b""}, settings=settings))
    assert caught.value.details == ("/etc/b",)


def test_a_mode_for_a_link_is_refused() -> None:
    overlay = tiny_overlay(files={}, links=[("root", "bin", "usr/bin")], settings={"modes": {"/bin": "0600"}})

    with pytest.raises(ConfigError, match="files that it does not bring"):
        tree(overlay)


def test_what_is_meant_to_be_covered_is_known() -> None:
    overlay = tiny_overlay(settings={"replaces": ["/etc/fstab"]})

    assert [str(path) for path in replaced_by([overlay])] == ["/etc/fstab"]


def test_another_speed_of_the_serial_line_reaches_menu_kernel_and_console() -> None:
    """Nothing of the overlays says a speed of its own."""
    profile = tiny_profile().model_copy(update={"boot": Boot(cmdline=("quiet",), serial="ttyS0,9600n8")})
    values = template_values(profile, EPOCH) | {"image": "i", "seals": "s", "sums": []}
    overlays = load_overlays(("base",), HOUSE / "overlays")
    texts = {
        entry.name: entry.data.decode()
        for part in ("root", "iso")
        for entry in overlay_tree(overlays, part, values)
        if entry.data is not None
    }

    menu = texts["boot/grub/grub.cfg"]
    assert "serial --unit=0 --speed=9600;" in menu
    assert menu.count("console=ttyS0,9600n8") == 2
    drop_in = texts["etc/systemd/system/asl-console@ttyS0.service.d/10-serial.conf"]
    assert "ConditionKernelCommandLine=console=ttyS0,9600n8" in drop_in
    assert [name for name, text in texts.items() if "115200" in text] == []
    assert "console=ttyS0,9600n8" in permitted(profile)
