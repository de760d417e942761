"""Builds again what a manifest names: first whether what is at hand is that, then whether it came out the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from asl_image import __version__
from asl_image.errors import AslImageError, CheckFailed, ConfigError, IoFailed, Refused
from asl_image.execute import differences
from asl_image.house import House
from asl_image.inputs import load_inputs
from asl_image.jsontext import strict_value
from asl_image.lock import Lock
from asl_image.locking import LockFiles
from asl_image.manifest import ImageManifest, parse_manifest
from asl_image.plan import Inputs, Plan, make_plan, project_sources
from asl_image.profile import load_profile
from asl_image.provenance import lock_digest
from asl_image.statement import (
    Digest,
    Rebuild,
    RebuildStatement,
    RebuiltFrom,
    StatementSubject,
    Surroundings,
    statement_text,
)
from asl_image.steps.evidence import RESULTS
from asl_image.store import sha256_of

PROVENANCE = "provenance.json"
MANIFEST = "manifest"
COMPRESSIONS = ("dev", "release")
MOST = 12  # lines about one thing


@dataclass(frozen=True)
class Original:
    """An image as its papers tell of it; of those only the manifest has to be there."""

    path: Path
    data: bytes
    manifest: ImageManifest
    provenance: Mapping[str, Any] | None

    @property
    def names(self) -> dict[str, str]:
        """The name of each result of the build, by that of the step's file."""
        return {source: pattern.format(profile=self.manifest.profile) for source, pattern in RESULTS.items()}

    def beside(self, source: str) -> Path:
        """Where a result should lie; the manifest itself may have been renamed."""
        return self.path if source == "manifest.json" else self.path.with_name(self.names[source])

    @property
    def commit(self) -> str | None:
        """The commit that the provenance names."""
        found = [each["digest"] for each in self.materials() if "gitCommit" in each.get("digest", {})]
        return str(found[0]["gitCommit"]) if found else None

    def materials(self) -> list[Mapping[str, Any]]:
        """What the provenance says that the image was made from."""
        return [] if self.provenance is None else self.provenance["buildDefinition"]["resolvedDependencies"]


def read_original(path: Path) -> Original:
    """The image whose manifest is at `path`. Raises ConfigError, IoFailed, or CheckFailed when its ISO is another."""
    try:
        data = path.read_bytes()
        manifest = parse_manifest(data.decode("utf-8"), str(path))
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not a manifest: not UTF-8 text") from None
    except OSError as error:
        raise IoFailed(f"{path}: can't be read: {error.strerror}") from error
    original = Original(path, data, manifest, None)
    iso = original.beside("image.iso")
    if iso.is_file() and sha256_of(iso) != manifest.iso.sha256:
        raise CheckFailed(f"{iso}: not the ISO that {path} names", hint="build.py verify says more; or move it away")
    paper = original.beside(PROVENANCE)
    return Original(path, data, manifest, read_provenance(paper)) if paper.is_file() else original


def read_provenance(path: Path) -> Mapping[str, Any]:
    """The predicate of a provenance paper. Raises ConfigError when it has not got what is asked of it."""
    try:
        predicate: Any = strict_value(path.read_text("utf-8"))
        predicate = predicate["predicate"]
        definition = predicate["buildDefinition"]
        for each in definition["resolvedDependencies"]:
            each["name"], each["digest"].items()
        definition["externalParameters"]["profile"].items()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ConfigError(f"{path}: not a provenance that a build wrote", hint="move it away to go without") from None
    return predicate  # type: ignore[no-any-return]


@dataclass(frozen=True)
class AtHand:
    """What this checkout would build, and the options of `build` that say so."""

    options: tuple[str, ...]
    inputs: Inputs
    plan: Plan


def at_hand(house: House, original: Original, locks: Mapping[str, Lock] | None) -> AtHand:
    """What is here of what the manifest names; `locks` are those of a kit, by profile and package set, if there is one.

    Raises Refused with every reason why it is not that.
    """
    manifest = original.manifest
    reasons = []
    if manifest.builder != __version__:
        reasons.append(f"builder: the manifest names version {manifest.builder}, this is {__version__}")
    found: AtHand | None = None
    try:
        reasons += lock_reasons(house, manifest, locks)
        found = fitting(house, original, locks)
        reasons += step_reasons(found, original)
    except AslImageError as error:
        reasons += [str(error), *(f"  {line}" for line in error.details[:MOST])]
        reasons += [f"  and {len(error.details) - MOST} more"] if len(error.details) > MOST else []
    if found is None or reasons:
        raise Refused(
            f"{original.path}: what is here is not what the manifest names",
            details=tuple(reasons),
            hint="check out the sources that it was built from, with their locks, or build from its kit",
        )
    return found


def lock_reasons(house: House, manifest: ImageManifest, locks: Mapping[str, Lock] | None) -> Iterator[str]:
    """Which locks are others than those that the manifest names. Raises ConfigError when the profile is not here."""
    profile = load_profile(manifest.profile, house.profiles)
    named = ((profile.name, manifest.lock.sha256), (profile.tools_tree, manifest.lock.tools_tree))
    for name, sha256 in named:
        if locks is not None:
            if lock_digest(locks[name]) != sha256:
                yield f"lock of {name}: the manifest names {sha256}, the kit has {lock_digest(locks[name])}"
            continue
        files = LockFiles.of(name, house.profiles, house.build)
        here = [path for path in (files.reviewed, files.renewed) if path.is_file()]
        usable = here if manifest.lock.state == "renewed" else here[:1]
        if sha256 not in map(sha256_of, usable):
            others = ", ".join(f"{path} is {sha256_of(path)}" for path in usable) or "there is none here"
            yield f"lock of {name}: the manifest names the {manifest.lock.state} lock {sha256}; {others}"


def fitting(house: House, original: Original, locks: Mapping[str, Lock] | None) -> AtHand:
    """What would be built with the options that come nearest to the manifest: those whose steps are the same."""
    manifest, commit = original.manifest, original.commit
    locked = manifest.lock.state == "reviewed"
    tried: list[AtHand] = []
    own = load_profile(manifest.profile, house.profiles).compression
    for compression in dict.fromkeys((own, *COMPRESSIONS)):
        overrides = {"engine": manifest.engine, "compression": compression}
        inputs = load_inputs(house, manifest.profile, locked=locked, overrides=overrides, locks=locks)
        options: tuple[str, ...] = ("--engine", manifest.engine, "--compression", compression)
        options += ("--locked",) if locked else ()
        options += ("--commit", commit) if commit else ()
        tried.append(AtHand(options, inputs, make_plan(inputs)))
        if not other_steps(tried[-1], manifest):
            return tried[-1]
    return tried[0]


def other_steps(found: AtHand, manifest: ImageManifest) -> list[str]:
    """The steps that have another id than in the manifest, or are only here, or only there."""
    before = takewhile(lambda item: item[0] != MANIFEST, found.plan.ids().items())  # it names those, and not itself
    here = dict(before)
    names = [*here, *(name for name in manifest.steps if name not in here)]
    return [name for name in names if here.get(name) != manifest.steps.get(name)]


def step_reasons(found: AtHand, original: Original) -> Iterator[str]:
    """Which steps differ, each with what it follows from, and what the papers tell of the reason."""
    manifest, inputs = original.manifest, found.inputs
    for name, lock, sha256 in (
        (inputs.lock.profile, inputs.lock, manifest.lock.sha256),
        (inputs.tools_tree.profile, inputs.tools_tree, manifest.lock.tools_tree),
    ):
        if lock_digest(lock) != sha256:
            yield f"lock of {name}: the manifest names {sha256}, a build here takes {lock_digest(lock)}"
    if inputs.renewed != (manifest.lock.state == "renewed"):
        yield f"lock: the manifest was built from a {manifest.lock.state} lock, a build here takes the other kind"
    others = other_steps(found, manifest)
    needs = {step.name(): step.needs() for step in found.plan.steps}
    for name in others:
        if name not in needs:
            yield f"step {name}: there is no such step any more"
            continue
        follows = [needed for needed in needs[name] if needed in others]
        why = f"follows from {', '.join(follows)}" if follows else "what it is made from, or its code, is another"
        yield f"step {name}: {why}" if name in manifest.steps else f"step {name}: is new"
    if others:
        yield from causes(found, original)


def causes(found: AtHand, original: Original) -> Iterator[str]:
    """What of the profile and of the project's files is another than the provenance says."""
    if original.provenance is None:
        yield f"why: can't be told without {original.beside(PROVENANCE)}"
        return
    profile = original.provenance["buildDefinition"]["externalParameters"]["profile"]
    changed = [f"profile: {line}" for line in differences(profile, found.inputs.profile.model_dump(mode="json"))]
    then = {each["name"]: each["digest"].get("sha256") for each in original.materials()}
    now = {source.name: source.sha256 for source in project_sources(found.inputs)}
    changed += [f"{name}: other files" for name in sorted(now.keys() & then.keys()) if now[name] != then[name]]
    changed += [f"{name}: is new" for name in sorted(now.keys() - then.keys())]
    # Of what is only there: packages and locks are told of elsewhere.
    changed += [f"{name}: is gone" for name in then.keys() - now.keys() if name.startswith(("overlays/", "hooks/"))]
    yield from (f"why: {line}" for line in changed[:MOST])
    if not changed:
        yield "why: the builder's own code is another, in the same version"


def result_differences(original: Original, folder: Path) -> dict[str, tuple[str, ...]]:
    """Which results in `folder` are others than the original's, each with what differs; those not at hand are left out.

    Of the ISO the manifest knows enough.
    """
    found: dict[str, tuple[str, ...]] = {}
    for source, name in original.names.items():
        again = folder / name
        if source == "image.iso":
            sha256 = sha256_of(again)
            if sha256 != original.manifest.iso.sha256:
                found[name] = (f"SHA-256 {sha256} instead of {original.manifest.iso.sha256}",)
        elif original.beside(source).is_file():
            then = original.data if source == "manifest.json" else original.beside(source).read_bytes()
            now = again.read_bytes()
            if then != now:
                found[name] = tuple(value_differences(then, now))
    return found


def value_differences(then: bytes, now: bytes) -> list[str]:
    """What differs between two papers, where they are JSON."""
    try:
        lines = list(differences(strict_value(then.decode()), strict_value(now.decode())))
        lines = lines or ["the same values, written otherwise"]
    except (ValueError, RecursionError):
        lines = ["other bytes"]
    return lines[:MOST] + ([f"and {len(lines) - MOST} more"] if len(lines) > MOST else [])


def make_statement(original: Original, surroundings: Surroundings, time: str | None) -> str:
    """The text that says that the image came out the same; depends on nothing that the build does."""
    manifest, names = original.manifest, original.names
    compared = [name for source, name in names.items() if source == "image.iso" or original.beside(source).is_file()]
    return statement_text(
        RebuildStatement(
            subject=(
                StatementSubject(name=names["image.iso"], digest=Digest(sha256=manifest.iso.sha256)),
                StatementSubject(
                    name=names["manifest.json"], digest=Digest(sha256=hashlib.sha256(original.data).hexdigest())
                ),
            ),
            predicate=Rebuild(
                profile=manifest.profile,
                result="equal",
                compared=tuple(sorted(compared)),
                builder=manifest.builder,
                lock=RebuiltFrom(**manifest.lock.model_dump()),
                surroundings=surroundings,
                time=time,
            ),
        )
    )
