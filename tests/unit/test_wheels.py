"""Wheels for a kit: what the builder runs on, in the pinned versions, believed by a hash list alone."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from asl_image.errors import CheckFailed, ConfigError, Refused
from asl_image.kitverify import verify_kit
from asl_image.wheels import SUMS, needed_wheels
from support.kits import make_project, take_apart

PYPROJECT = '[project]\ndependencies = ["sh", "Rich_Text>=1", "hooks==2.0"]\n'
PINS = "sh==2.4.0\nrich-text==15.0\nhooks==2.0\nmarkup.safe==3.0\npytest==9.2.0\n"
WHEELS = {
    "sh-2.4.0-py3-none-any.whl": "",
    "rich_text-15.0-1-py3-none-any.whl": (
        "Requires-Dist: MarkUp-Safe<4,>=3\n"
        'Requires-Dist: pytest; extra == "test"\n'
        'Requires-Dist: colorama; sys_platform == "win32"\n'
    ),
    "hooks-2.0-py3-none-any.whl": "Requires-Dist: sh (>=2)\n",
    "markup_safe-3.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl": "",
    "pytest-9.2.0-py3-none-any.whl": "",
}


def make_wheel(folder: Path, name: str, needs: str) -> None:
    with zipfile.ZipFile(folder / name, "w") as archive:
        info = zipfile.ZipInfo(f"{name.split('-')[0]}.dist-info/METADATA")
        archive.writestr(info, f"Metadata-Version: 2.1\nName: x\n{needs}\nRequires-Dist: said-in-the-description\n")


def list_sums(folder: Path) -> None:
    wheels = sorted(folder.glob("*.whl"))
    lines = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in wheels)
    (folder / SUMS).write_text("".join(lines))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "requirements.txt").write_text(PINS)
    return tmp_path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    at = tmp_path / "wheels"
    at.mkdir()
    for name, needs in WHEELS.items():
        make_wheel(at, name, needs)
    list_sums(at)
    return at


def test_what_the_builder_imports_and_what_that_needs_is_taken_and_nothing_else(root: Path, folder: Path) -> None:
    assert sorted(needed_wheels(folder, root)) == [
        f"build/wheels/{name}" for name in sorted(WHEELS) if not name.startswith("pytest")
    ]


def test_a_missing_requirement_and_one_of_another_version_are_both_named(root: Path, folder: Path) -> None:
    (folder / "sh-2.4.0-py3-none-any.whl").rename(folder / "sh-2.3.0-py3-none-any.whl")
    next(folder.glob("markup*")).unlink()
    list_sums(folder)

    with pytest.raises(Refused) as caught:
        needed_wheels(folder, root)
    assert caught.value.details == (
        "markup-safe 3.0: no wheel of it",
        "sh: 2.4.0 is pinned, sh-2.3.0-py3-none-any.whl is there",
    )


def test_a_wheel_with_other_bytes_than_the_list_says_is_refused(root: Path, folder: Path) -> None:
    make_wheel(folder, "sh-2.4.0-py3-none-any.whl", "Requires-Dist: evil\n")

    with pytest.raises(CheckFailed, match=r"sh-2\.4\.0-py3-none-any\.whl: other bytes"):
        needed_wheels(folder, root)


def test_a_wheel_that_the_list_does_not_name_is_refused(root: Path, folder: Path) -> None:
    make_wheel(folder, "more-1-py3-none-any.whl", "")

    with pytest.raises(CheckFailed, match="does not name it"):
        needed_wheels(folder, root)


@pytest.mark.parametrize(("text", "words"), [(None, "no such hash list"), ("sh.whl\n", "SHA256SUMS:1: not a line")])
def test_without_a_good_hash_list_nothing_is_believed(root: Path, folder: Path, text: str | None, words: str) -> None:
    (folder / SUMS).unlink()
    if text is not None:
        (folder / SUMS).write_text(text)

    with pytest.raises(ConfigError, match=words):
        needed_wheels(folder, root)


def test_a_wheel_that_is_none_is_named(root: Path, folder: Path) -> None:
    (folder / "sh-2.4.0-py3-none-any.whl").write_bytes(b"no zip")
    list_sums(folder)

    with pytest.raises(CheckFailed, match="not a wheel"):
        needed_wheels(folder, root)


def test_wheels_lie_in_the_kit_and_are_checked_like_everything_in_it(tmp_path: Path, root: Path, folder: Path) -> None:
    project = make_project(tmp_path / "made")
    kit = project.export(tmp_path / "try.kit.tar", wheels=needed_wheels(folder, root))
    with kit.open("rb") as archive:
        _, findings = verify_kit(archive, kit.name, lambda _: None)

    assert all(finding.ok for finding in findings)
    assert take_apart(kit).said("build/wheels/sh-2.4.0-py3-none-any.whl")["role"] == "wheel"
