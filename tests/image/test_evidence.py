"""The bills of materials in the image: the same bytes as beside it, and every package that is installed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host

from support.iso import Iso


@pytest.mark.parametrize("kind", ["spdx", "cdx"])
def test_the_sealed_bill_of_materials_is_the_one_beside_the_image(host: Host, iso: Iso, kind: str) -> None:
    sealed = host.file(f"/usr/lib/asl/sbom.{kind}.json")

    assert sealed.mode == 0o644
    assert sealed.user == "root"
    assert sealed.content_string == iso.path.with_suffix(f".{kind}.json").read_text()


def test_the_bill_names_every_installed_package(host: Host, manifest: Mapping[str, Any]) -> None:
    document = json.loads(host.file("/usr/lib/asl/sbom.spdx.json").content_string)
    named = {(each["name"], each["versionInfo"]) for each in document["packages"]}

    assert {(each["name"], each["version"]) for each in (*manifest["packages"], *manifest["tools"])} <= named
