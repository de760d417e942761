"""The package database says what is in the image, and is there although /var is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host

from asl_image.machine import Machine

pytestmark = pytest.mark.image

DATABASE = "/usr/lib/sysimage/dpkg"
QUERY = "-W -f '${db:Status-Abbrev}${Package} ${Version} ${Architecture}\\n'"


def locked(manifest: Mapping[str, Any]) -> list[str]:
    return sorted(f"ii {package['name']} {package['version']} {package['arch']}" for package in manifest["packages"])


def test_the_packages_of_the_image_are_those_of_the_lock(host: Host, manifest: Mapping[str, Any]) -> None:
    found = host.check_output(f"dpkg-query --admindir={DATABASE} {QUERY}")

    assert sorted(" ".join(line.split()) for line in found.splitlines()) == locked(manifest)


@pytest.mark.boot
def test_a_person_asks_the_database_in_the_usual_way(booted: Machine, manifest: Mapping[str, Any]) -> None:
    found = booted.run(f"dpkg-query {QUERY}")

    assert sorted(" ".join(line.split()) for line in found.stdout.splitlines()) == locked(manifest), found.stderr


def test_the_kernel_is_on_the_medium_alone(host: Host) -> None:
    assert host.check_output("ls -A /boot") == ""
    assert host.run("find / -xdev -type f -size +2M '(' -name '*vmlinuz*' -o -name '*initrd*' ')'").stdout == ""


def test_licences_are_kept_and_caches_are_not(host: Host) -> None:
    assert host.run("test -s /usr/share/doc/bash/copyright").rc == 0
    assert host.run("ls /var/cache/apt /var/lib/apt /etc/apt /usr/share/man /usr/share/locale").stdout == ""
