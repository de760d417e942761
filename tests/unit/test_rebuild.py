"""`rebuild`: refused unless everything is what the manifest names, equal or told in detail, one statement."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from asl_image.manifest import manifest_text, read_manifest
from asl_image.statement import parse_statement
from asl_image.store import Store
from support.plans import sha256
from support.rebuilds import Project, another_lock, make_project

STATEMENT = "tiny.rebuild.json"
COMMIT = "c" * 40


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = make_project(tmp_path)
    made.builds()
    return made


def nothing_was_built(project: Project) -> bool:
    return not (project.folder / "asked.json").exists() and not (project.papers / STATEMENT).exists()


def rewrite(project: Project, **changes: object) -> None:
    manifest = read_manifest(project.manifest).model_copy(update=changes)
    project.manifest.write_text(manifest_text(manifest))


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# --- equal ---------------------------------------------------------------------------------------


def test_an_image_that_comes_out_the_same_gets_a_statement(project: Project) -> None:
    assert project.types("rebuild", project.manifest) == 0, project.err
    assert project.out == f"{project.papers / STATEMENT}\n"

    statement = parse_statement((project.papers / STATEMENT).read_text(), "x")
    assert statement.iso == digest_of(project.results / "tiny.iso")
    assert statement.manifest == digest_of(project.manifest)
    assert statement.predicate.compared == tuple(sorted(path.name for path in project.results.iterdir()))
    assert statement.predicate.time is None
    assert statement.predicate.lock.sha256 == digest_of(project.folder / "profiles/tiny.lock.yaml")
    assert list((project.folder / "build/rebuild").iterdir()) == []


def test_it_builds_in_a_fresh_folder_with_the_options_of_the_first_build(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.builds(compression="dev", commit=COMMIT)

    assert project.types("rebuild", project.manifest) == 0, project.err
    asked = project.asked()
    assert asked["fresh"] == ["store"]
    options = asked["argv"][asked["argv"].index("tiny") + 1 :]
    assert options == ["--engine", "mmdebstrap", "--compression", "dev", "--locked", "--commit", COMMIT]


def test_the_manifest_alone_is_enough(project: Project) -> None:
    for path in project.papers.iterdir():
        if path != project.manifest:
            path.unlink()
    renamed = project.manifest.rename(project.papers / "downloaded.json")

    assert project.types("rebuild", renamed) == 0, project.err
    statement = parse_statement((project.papers / STATEMENT).read_text(), "x")
    assert statement.predicate.compared == ("tiny.iso", "tiny.manifest.json")


def test_the_same_rebuild_writes_the_same_statement_and_a_time_only_when_it_is_given(project: Project) -> None:
    assert project.types("rebuild", project.manifest) == 0
    text = (project.papers / STATEMENT).read_text()
    assert project.types("rebuild", project.manifest) == 0
    assert (project.papers / STATEMENT).read_text() == text

    other = project.folder / "other.json"
    time = "2026-11-22T02:00:00Z"
    assert project.types("rebuild", project.manifest, "--time", time, "--output", other) == 0
    assert parse_statement(other.read_text(), "x").predicate.time == time
    assert (project.papers / STATEMENT).read_text() == text


@pytest.mark.parametrize("time", ["now", "2026-11-22", "2026-13-22T02:00:00Z", "2026-11-22T24:00:00Z"])
def test_a_time_that_is_none_is_status_2(project: Project, time: str) -> None:
    assert project.types("rebuild", project.manifest, "--time", time) == 2
    assert nothing_was_built(project)


def test_a_statement_of_another_rebuild_is_not_written_over_and_nothing_is_built(project: Project) -> None:
    (project.papers / STATEMENT).write_text("signed by somebody\n")

    assert project.types("rebuild", project.manifest) == 4
    assert "tells of another rebuild" in project.err
    assert (project.papers / STATEMENT).read_text() == "signed by somebody\n"
    assert not (project.folder / "asked.json").exists()


def test_a_kit_fills_an_empty_store(project: Project) -> None:
    kit = project.export_kit()
    shutil.rmtree(project.folder / "build")

    assert project.types("rebuild", project.manifest) == 4
    assert project.types("rebuild", project.manifest, "--kit", kit) == 0, project.err
    assert project.asked()["argv"][-2:] == ["--kit", str(kit)]


def test_a_kit_with_another_lock_is_refused(project: Project) -> None:
    project.lock(another_lock())
    kit = project.export_kit()

    assert project.types("rebuild", project.manifest, "--kit", kit) == 4
    assert "lock of tiny: the manifest names " in project.err
    assert ", the kit has " in project.err
    assert nothing_was_built(project)


# --- different -----------------------------------------------------------------------------------


def test_another_iso_is_status_3_and_both_are_kept_and_named(project: Project) -> None:
    (project.papers / "tiny.iso").unlink()
    (project.results / "tiny.iso").write_bytes(b"other")

    assert project.types("rebuild", project.manifest) == 3
    kept = project.folder / "build/rebuild/tiny/tiny/tiny.iso"
    assert f"tiny.iso differs: SHA-256 {sha256('other')} instead of {sha256('iso' * 1000)}" in project.out
    assert f"the rebuilt image: {kept}" in project.out
    assert f"{project.papers / 'tiny.iso'} is not here" in project.out
    assert kept.read_bytes() == b"other"
    assert not (kept.parents[1] / "cache").exists()
    assert not (project.papers / STATEMENT).exists()

    assert project.types("rebuild", project.manifest, "--json") == 3
    assert json.loads(project.out)["rebuilt"] == str(project.folder / "build/rebuild/tiny-2/tiny/tiny.iso")


def test_a_paper_that_differs_is_told_by_what_differs_in_it(project: Project) -> None:
    path = project.results / "tiny.provenance.json"
    path.write_text(path.read_text().replace('"summary": "A made-up image"', '"summary": "Another"'))
    (project.results / "tiny.words.txt").write_text("adrift\n")

    assert project.types("rebuild", project.manifest) == 3
    changed = "predicate.buildDefinition.externalParameters.profile.summary changed"
    assert f"tiny.provenance.json differs: {changed}" in project.out
    assert "tiny.words.txt differs: other bytes" in project.out


def test_a_paper_of_the_same_values_in_another_layout_is_told_too(project: Project) -> None:
    path = project.results / "tiny.provenance.json"
    path.write_text(json.dumps(json.loads(path.read_text())))

    assert project.types("rebuild", project.manifest) == 3
    assert "tiny.provenance.json differs: the same values, written otherwise" in project.out


def test_a_build_that_fails_gives_its_own_status_and_no_statement(project: Project) -> None:
    project.results.rename(project.folder / "gone")

    assert project.types("rebuild", project.manifest) == 9
    assert not (project.papers / STATEMENT).exists()


def test_an_iso_that_is_not_the_manifest_s_is_status_3_before_anything_is_built(project: Project) -> None:
    (project.papers / "tiny.iso").write_bytes(b"other")

    assert project.types("rebuild", project.manifest) == 3
    assert "tiny.iso: not the ISO that" in project.err
    assert nothing_was_built(project)


# --- refused -------------------------------------------------------------------------------------


def refused(project: Project) -> list[str]:
    """The reasons, each a line."""
    assert project.types("rebuild", project.manifest) == 4, project.err
    assert "what is here is not what the manifest names" in project.err
    assert nothing_was_built(project)
    return [line.strip() for line in project.err.splitlines() if line.startswith("  ")]


def test_another_builder_is_refused(project: Project) -> None:
    rewrite(project, builder="9.9.9")

    assert refused(project) == ["builder: the manifest names version 9.9.9, this is 0.1.0"]


def test_another_lock_is_refused_with_both_digests(project: Project) -> None:
    named = digest_of(project.folder / "profiles/tiny.lock.yaml")
    project.lock(another_lock())
    here = digest_of(project.folder / "profiles/tiny.lock.yaml")

    reasons = refused(project)
    path = project.folder / "profiles/tiny.lock.yaml"
    assert reasons[0] == f"lock of tiny: the manifest names the reviewed lock {named}; {path} is {here}"
    assert "step root: what it is made from, or its code, is another" in reasons
    assert "step clean: follows from kernel-modules" in reasons


def test_another_lock_of_the_tools_tree_is_refused(project: Project) -> None:
    manifest = read_manifest(project.manifest)
    rewrite(project, lock=manifest.lock.model_copy(update={"tools_tree": "0" * 64}))

    reasons = refused(project)
    assert reasons[0].startswith(f"lock of tools-tree: the manifest names the reviewed lock {'0' * 64}; ")


def test_a_reviewed_lock_does_not_stand_in_for_a_renewed_one(project: Project) -> None:
    manifest = read_manifest(project.manifest)
    rewrite(project, lock=manifest.lock.model_copy(update={"state": "renewed"}))

    assert refused(project) == ["lock: the manifest was built from a renewed lock, a build here takes the other kind"]


def test_a_renewed_lock_is_rebuilt_from_the_renewed_lock(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    reviewed = digest_of(project.folder / "profiles/tiny.lock.yaml")
    project.lock(another_lock(renewed_from=reviewed), renewed=True)
    store = Store(project.folder / "build/store")
    store.remove(sha256("bash 1.0-1"))
    project.builds()
    assert read_manifest(project.manifest).lock.state == "renewed"

    assert project.types("rebuild", project.manifest) == 0, project.err
    assert "--locked" not in project.asked()["argv"]
    assert parse_statement((project.papers / STATEMENT).read_text(), "x").predicate.lock.state == "renewed"


def test_what_is_not_in_the_store_is_named(project: Project) -> None:
    Store(project.folder / "build/store").remove(sha256("bash 1.0-1"))

    assert refused(project) == ["1 of 1 things that tiny is locked to are not in the store", "bash 1.0-1"]


def test_a_profile_that_is_not_here_is_named(project: Project) -> None:
    rewrite(project, profile="tyni")

    assert "there is no profile 'tyni'" in refused(project)[0]


def test_a_changed_overlay_is_named_with_the_steps_that_follow(project: Project) -> None:
    project.write("overlays/base/root/etc/issue", "bye\n")

    reasons = refused(project)
    assert reasons[0] == "step files: what it is made from, or its code, is another"
    assert "step layer-overlay: follows from files" in reasons
    assert "step boot-tree: follows from layer-overlay" in reasons
    assert not any(reason.startswith("step layer-base") for reason in reasons)
    assert reasons[-1] == "why: overlays/base: other files"


def test_a_changed_profile_is_told_key_by_key(project: Project) -> None:
    path = project.folder / "profiles/tiny.yaml"
    path.write_text(path.read_text().replace("label: TINY", "label: TINIER"))

    assert "why: profile: iso.label changed" in refused(project)


def test_without_provenance_the_reason_is_not_made_up(project: Project) -> None:
    (project.papers / "tiny.provenance.json").unlink()
    project.write("overlays/base/root/etc/issue", "bye\n")

    assert refused(project)[-1] == f"why: can't be told without {project.papers / 'tiny.provenance.json'}"


def test_other_code_of_the_same_version_is_told_as_such(project: Project) -> None:
    manifest = read_manifest(project.manifest)
    rewrite(project, steps={**manifest.steps, "iso": "0" * 64, "gone": "1" * 64})

    assert refused(project) == [
        "step iso: what it is made from, or its code, is another",
        "step gone: there is no such step any more",
        "why: the builder's own code is another, in the same version",
    ]


@pytest.mark.parametrize("text", ["{}", "[]", '{"predicate": {"buildDefinition": {"resolvedDependencies": [1]}}}', "x"])
def test_a_provenance_that_makes_no_sense_is_status_2(project: Project, text: str) -> None:
    (project.papers / "tiny.provenance.json").write_text(text)

    assert project.types("rebuild", project.manifest) == 2
    assert "not a provenance that a build wrote" in project.err
    assert nothing_was_built(project)


@pytest.mark.parametrize("name", ["../tiny", "/tiny", "..", "-x", "a b"])
def test_a_profile_s_name_that_would_lead_elsewhere_is_status_2(project: Project, name: str) -> None:
    rewrite(project, profile=name)

    assert project.types("rebuild", project.manifest) == 2
    assert "not a manifest of the form" in project.err
    assert "profile: String should match pattern" in project.err
    assert nothing_was_built(project)


def test_a_manifest_of_another_version_or_none_is_status_2(project: Project) -> None:
    text = project.manifest.read_text()
    for other in (text.replace("manifest/1", "manifest/99").replace("manifest/2", "manifest/99"), "{", "", "\x00"):
        project.manifest.write_text(other)
        assert project.types("rebuild", project.manifest) == 2
        assert "not a manifest" in project.err
    assert nothing_was_built(project)
