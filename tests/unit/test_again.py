"""A second build has a folder of its own, and what it fails with is what we fail with."""

from __future__ import annotations

from pathlib import Path

import pytest

from asl_image.again import Again, BuildFailed, build_again

BUILDER = """\
import pathlib, sys
words = sys.argv[1:]
build = pathlib.Path(words[words.index("--build") + 1])
print("build/tiny/tiny.iso")
(build / "tiny").mkdir(exist_ok=True)
(build / "tiny/tiny.iso").write_text(" ".join(words[words.index("build"):]))
sys.exit(int(words[-1]) if words[-1].isdigit() else 0)
"""


def checkout(at: Path, *options: str) -> Again:
    """A checkout whose builder writes its options into the image, and ends with the last one as its status."""
    (at / "build.py").write_text(BUILDER)
    (at / "first/store").mkdir(parents=True)
    return Again(at, at / "profiles", at / "first/store", at / "second", "tiny", options)


def test_a_second_build_has_the_store_and_the_renewed_locks_of_the_first_and_nothing_else(tmp_path: Path) -> None:
    again = checkout(tmp_path, "--engine", "debootstrap")
    for path in ("tiny/renewed.lock.yaml", "tiny/tiny.iso", "cache/mark"):
        (tmp_path / "first" / path).parent.mkdir(exist_ok=True)
        (tmp_path / "first" / path).write_text("the first one's")

    iso = build_again(again, tmp_path / "first", tmp_path / "log", {})

    assert iso.read_text() == "build tiny --engine debootstrap"
    assert (again.build / "store").resolve() == tmp_path / "first/store"
    assert sorted(path.name for path in again.build.rglob("*")) == ["renewed.lock.yaml", "store", "tiny", "tiny.iso"]


def test_the_path_that_the_second_build_prints_is_not_our_result(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    build_again(checkout(tmp_path), tmp_path / "first", tmp_path / "log", {})

    assert capfd.readouterr().out == ""
    assert (tmp_path / "log").read_text().endswith("build/tiny/tiny.iso\n")


@pytest.mark.parametrize(("status", "ours"), [(4, 4), (8, 8), (77, 9)])
def test_a_second_build_that_fails_gives_us_its_status(tmp_path: Path, status: int, ours: int) -> None:
    with pytest.raises(BuildFailed, match=f"tiny: building it once more failed with status {status}") as caught:
        build_again(checkout(tmp_path, str(status)), tmp_path / "first", tmp_path / "log", {})
    assert caught.value.status == ours
