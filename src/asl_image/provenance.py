"""The provenance of an image: an in-toto Statement v1 with SLSA provenance v1, whose materials are the lock."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asl_image import __version__
from asl_image.lock import Lock, render_lock
from asl_image.sbom import deb_purl, tool_purl

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"

# Names, not addresses; docs/evidence.md says what they stand for.
BUILD_TYPE = "urn:asl-image:build:1"
BUILDER = "urn:asl-image:builder:1"


@dataclass(frozen=True)
class Source:
    """Something of this project that the image is made from, by the SHA-256 that a step's id has of it."""

    name: str
    sha256: str


def lock_digest(lock: Lock) -> str:
    """SHA-256 (hex) of a lock's file."""
    return hashlib.sha256(render_lock(lock).encode()).hexdigest()


def sources_digest(sources: Mapping[str, bytes]) -> str:
    """SHA-256 (hex) over lines as `sha256sum` writes them, sorted by name."""
    lines = (f"{hashlib.sha256(text).hexdigest()}  {name}\n" for name, text in sorted(sources.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def provenance(
    iso_name: str,
    iso_sha256: str,
    *,
    profile: Mapping[str, Any],
    internal: Mapping[str, Any],
    materials: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """The statement. There is no clock in it: when a build ran is nothing that its bytes depend on."""
    return {
        "_type": STATEMENT,
        "subject": [{"name": iso_name, "digest": {"sha256": iso_sha256}}],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"profile": dict(profile)},
                "internalParameters": dict(internal),
                "resolvedDependencies": [dict(material) for material in materials],
            },
            "runDetails": {"builder": {"id": BUILDER, "version": {"asl-image": __version__}}},
        },
    }


def material(name: str, sha256: str, **more: str) -> dict[str, Any]:
    """One material."""
    return {"name": name, "digest": {"sha256": sha256}, **more}


def materials_of(
    lock: Lock, tools_tree: Lock, sources: Sequence[Source], commit: str | None = None
) -> list[dict[str, Any]]:
    """Everything that the image is made from, by digest: locks, packages, tools, and what lies in the project."""
    found = [
        material(f"profiles/{lock.profile}.lock.yaml", lock_digest(lock)),
        material(f"profiles/{tools_tree.profile}.lock.yaml", lock_digest(tools_tree)),
    ]
    for role, each in (("image", lock), ("tools-tree", tools_tree)):
        found += [
            material(
                f"{role}: {package.path.rsplit('/', 1)[1]}",
                package.sha256,
                uri=deb_purl(package, each.request.suite),
                mediaType="application/vnd.debian.binary-package",
            )
            for package in each.packages
        ]
    for tool in lock.tools:
        if tool.sha256 is not None:
            found.append(material(f"tool: {tool.archive}", tool.sha256, uri=tool_purl(tool)))
        found += [material(f"tool: {tool.name}/{file.path}", file.sha256) for file in tool.files]
    found += [material(source.name, source.sha256) for source in sources]
    if commit is not None:
        found.append({"name": "project", "digest": {"gitCommit": commit}})
    return found
