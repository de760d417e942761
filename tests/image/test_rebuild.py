"""A rebuild of a real image that comes out otherwise is told down to the cause; one that does not is equal."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from asl_image.facts import DATES
from asl_image.manifest import manifest_text, read_manifest
from asl_image.statement import parse_statement
from support.iso import Iso
from support.rebuilds import Project, make_project
from support.signers import ROOT, Signer

pytestmark = pytest.mark.image


@pytest.fixture
def project(tmp_path: Path, iso: Iso) -> Project:
    """A made-up project whose first build gave this image."""
    made = make_project(tmp_path)
    made.builds()
    for folder in (made.papers, made.results):
        (folder / "tiny.iso").unlink()
    (made.papers / "tiny.iso").symlink_to(iso.path)
    manifest = read_manifest(made.manifest).model_copy(
        update={"iso": read_manifest(iso.path.with_suffix(".manifest.json")).iso}
    )
    made.manifest.write_text(manifest_text(manifest))
    (made.folder / "build/cache").symlink_to(ROOT / "build/cache")  # where a tools tree is found
    return made


def test_other_dates_are_named_as_what_leaked(project: Project, iso: Iso, spare: Path) -> None:
    shutil.copyfile(iso.path, spare)
    with spare.open("r+b") as medium:
        medium.seek(DATES.start)
        medium.write(b"1999")
    spare.rename(project.results / "tiny.iso")

    assert project.types("rebuild", project.manifest) == 3, project.err
    assert "tiny.iso differs: SHA-256 " in project.out
    assert "~ dates  " in project.out
    assert "[clock]" in project.out
    assert "set the volume's dates to the epoch" in project.out
    assert f"the first image:   {project.papers / 'tiny.iso'}" in project.out
    kept = project.folder / "build/rebuild/tiny/tiny/tiny.iso"
    assert f"the rebuilt image: {kept}" in project.out
    assert kept.stat().st_size == iso.path.stat().st_size
    assert not (project.papers / "tiny.rebuild.json").exists()
    kept.unlink()


@pytest.mark.long
@pytest.mark.host
def test_the_image_is_rebuilt_from_nothing_to_the_same_bytes(iso: Iso, tmp_path: Path) -> None:
    manifest, statement = iso.path.with_suffix(".manifest.json"), tmp_path / "rebuild.json"
    person = Signer(ROOT)

    assert person.types("rebuild", manifest, "--output", statement) == 0, person.err
    said = parse_statement(statement.read_text(), "x")
    assert said.iso == read_manifest(manifest).iso.sha256
    assert said.predicate.compared == tuple(sorted(said.predicate.compared))
    assert len(said.predicate.compared) >= 9
