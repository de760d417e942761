"""The bill of materials of an image, in SPDX 2.3 and CycloneDX 1.6, and the check that nothing is missing in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from asl_image import __version__
from asl_image.errors import CheckFailed
from asl_image.jsontext import derived_uuid, digest
from asl_image.licences import NOASSERTION, Licence
from asl_image.lock import LockedPackage, LockedTool, iso_date


@dataclass(frozen=True)
class Component:
    """One thing that the image consists of.

    `sha256` is that of `archive`: the .deb, the wheel, or for a program of our own the file as it is installed.
    `files` are installed files that are known by name and hash.
    """

    kind: str  # package, tool, boot
    name: str
    version: str
    archive: str
    sha256: str
    purl: str
    licence: Licence
    files: tuple[tuple[str, str], ...] = ()

    def reference(self) -> str:
        """Its name inside both documents."""
        return f"{self.kind}-{re.sub('[^A-Za-z0-9.-]', '-', self.name.replace('+', '-plus'))}"


@dataclass(frozen=True)
class Subject:
    """The image that a document describes.

    Only what it consists of: engine and compression say how it is made, and are in manifest and provenance.
    """

    name: str
    summary: str
    epoch: int
    lock: str  # SHA-256 of the lock file


def deb_component(package: LockedPackage, suite: str, licence: Licence, kind: str = "package") -> Component:
    """A Debian package."""
    return Component(
        kind,
        package.name,
        package.version,
        package.path.rsplit("/", 1)[1],
        package.sha256,
        deb_purl(package, suite),
        licence,
    )


def deb_purl(package: LockedPackage, suite: str) -> str:
    """The package URL of a .deb; it names a package, not a place."""
    name, version = quote(package.name, safe=""), quote(package.version, safe=":")
    return f"pkg:deb/debian/{name}@{version}?arch={package.arch}&distro={suite}"


def tool_purl(tool: LockedTool) -> str:
    """The package URL of a pinned tool or a program of ours."""
    if tool.kind == "pypi":
        return f"pkg:pypi/{tool.project}@{quote(tool.project_version or tool.version, safe='')}"
    return f"pkg:generic/{tool.name}@{quote(tool.version, safe='')}"


def spdx_document(subject: Subject, components: Sequence[Component]) -> dict[str, Any]:
    """The document in SPDX 2.3; its namespace is derived from all that it says."""
    image = {
        "SPDXID": "SPDXRef-image",
        "name": subject.name,
        "versionInfo": __version__,
        "summary": subject.summary,
        "comment": f"lock sha256:{subject.lock}",
        "primaryPackagePurpose": "OPERATING-SYSTEM",
        "downloadLocation": NOASSERTION,
        "filesAnalyzed": False,
        "licenseConcluded": NOASSERTION,
        "licenseDeclared": NOASSERTION,
        "copyrightText": NOASSERTION,
    }
    body: dict[str, Any] = {
        "spdxVersion": "SPDX-2.3",
        "SPDXID": "SPDXRef-DOCUMENT",
        "dataLicense": "CC0-1.0",
        "name": f"{subject.name}-sbom",
        "creationInfo": {"created": iso_date(subject.epoch), "creators": [f"Tool: asl-image-{__version__}"]},
        "packages": [image, *(spdx_package(component) for component in components)],
        "relationships": [
            related("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-image"),
            *(related("SPDXRef-image", "CONTAINS", f"SPDXRef-{each.reference()}") for each in components),
        ],
    }
    if texts := extracted(components):
        body["hasExtractedLicensingInfos"] = texts
    return {**body, "documentNamespace": f"urn:uuid:{derived_uuid(digest(body))}"}


def extracted(components: Sequence[Component]) -> list[dict[str, str]]:
    """The licences that SPDX has no name for, each once, with their texts."""
    texts = {text.ref: text for component in components for text in component.licence.texts}
    return [{"licenseId": ref, "name": texts[ref].name, "extractedText": texts[ref].text} for ref in sorted(texts)]


def related(one: str, how: str, other: str) -> dict[str, str]:
    """A relationship of SPDX."""
    return {"spdxElementId": one, "relationshipType": how, "relatedSpdxElement": other}


def spdx_package(component: Component) -> dict[str, Any]:
    """A component as a package of SPDX."""
    package: dict[str, Any] = {
        "SPDXID": f"SPDXRef-{component.reference()}",
        "name": component.name,
        "versionInfo": component.version,
        "packageFileName": component.archive,
        "checksums": [{"algorithm": "SHA256", "checksumValue": component.sha256}],
        "downloadLocation": NOASSERTION,  # where packages come from is the builder's affair, not the image's
        "filesAnalyzed": False,
        "licenseConcluded": NOASSERTION,
        "licenseDeclared": component.licence.expression,
        "copyrightText": NOASSERTION,
        "externalRefs": [
            {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": component.purl}
        ],
    }
    if component.kind != "tool":
        package["supplier"] = "Organization: Debian"
    if component.kind == "boot":
        package["comment"] = "code from this package is in the boot files of the medium"
    if component.files:
        package["comment"] = "; ".join(f"installs {name} sha256:{sha256}" for name, sha256 in component.files)
    if component.licence.names:
        package["licenseComments"] = f"named in its copyright file: {', '.join(component.licence.names)}"
    return package


def cyclonedx_document(subject: Subject, components: Sequence[Component]) -> dict[str, Any]:
    """The document in CycloneDX 1.6; its serial number is derived from all that it says."""
    body = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": iso_date(subject.epoch),
            "tools": {"components": [{"type": "application", "name": "asl-image", "version": __version__}]},
            "component": {
                "type": "operating-system",
                "bom-ref": "image",
                "name": subject.name,
                "version": __version__,
                "description": subject.summary,
            },
            "properties": [{"name": "asl-image:lock:sha256", "value": subject.lock}],
        },
        "components": [cyclonedx_component(component) for component in components],
        "dependencies": [{"ref": "image", "dependsOn": sorted(component.reference() for component in components)}],
    }
    return {**body, "serialNumber": f"urn:uuid:{derived_uuid(digest(body))}"}


def cyclonedx_component(component: Component) -> dict[str, Any]:
    """A component of CycloneDX."""
    whole: dict[str, Any] = {
        "type": "application" if component.kind == "tool" else "library",
        "bom-ref": component.reference(),
        "name": component.name,
        "version": component.version,
        "purl": component.purl,
        "hashes": [{"alg": "SHA-256", "content": component.sha256}],
        "properties": [{"name": "asl-image:archive", "value": component.archive}],
    }
    if component.kind == "boot":
        whole["description"] = "code from this package is in the boot files of the medium"
    if component.licence.texts:  # their texts are in the other document, under the same names
        whole["licenses"] = [{"license": licence_named(name)} for name in component.licence.operands()]
    elif component.licence.expression != NOASSERTION:
        whole["licenses"] = [{"expression": component.licence.expression}]
    if component.files:
        whole["components"] = [
            {"type": "file", "name": name, "hashes": [{"alg": "SHA-256", "content": sha256}]}
            for name, sha256 in component.files
        ]
    return whole


def licence_named(name: str) -> dict[str, str]:
    """A licence of CycloneDX: by its SPDX name, or by one of ours."""
    return {"name" if name.startswith("LicenseRef-") else "id": name}


def check_complete(
    documents: Mapping[str, Mapping[str, Any]],
    packages: Sequence[LockedPackage],
    tools: Sequence[LockedTool],
    boot: Sequence[LockedPackage] = (),
) -> None:
    """Hold documents, by file name, against what is locked: packages and tools, and packages of the boot files.

    Raises CheckFailed, naming all that is missing in each document, and when there is no package at all.
    """
    problems = [] if packages else ["the lock names no package"]
    for name, document in documents.items():
        held = spdx_held(document) if "spdxVersion" in document else cyclonedx_held(document)
        for what, version, sha256 in (
            *((package.name, package.version, package.sha256) for package in (*packages, *boot)),
            *((tool.name, tool.version, tool.sha256) for tool in tools),
        ):
            hashes = held.get((what, version))
            if hashes is None:
                problems.append(f"{name}: {what} {version} is missing")
            elif not hashes or (sha256 is not None and sha256 not in hashes):
                problems.append(f"{name}: {what} {version} does not have its SHA-256")
    if problems:
        raise CheckFailed("the SBOM is not complete", details=tuple(problems))


def spdx_held(document: Mapping[str, Any]) -> dict[tuple[str, str], set[str]]:
    """What a document in SPDX names, each with its SHA-256."""
    return {
        (package["name"], package["versionInfo"]): {
            each["checksumValue"] for each in package.get("checksums", ()) if each["algorithm"] == "SHA256"
        }
        for package in document["packages"]
        if package["SPDXID"] != "SPDXRef-image"
    }


def cyclonedx_held(document: Mapping[str, Any]) -> dict[tuple[str, str], set[str]]:
    """What a document in CycloneDX names, each with its SHA-256."""
    return {
        (part["name"], part["version"]): {
            each["content"] for each in part.get("hashes", ()) if each["alg"] == "SHA-256"
        }
        for part in document["components"]
    }
