"""A small made-up image: everything that a plan is made from, without a file, and steps that only pretend."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from asl_image.hooks import HookSet, Script
from asl_image.lock import Lock, LockedPackage, LockedSuite, make_request
from asl_image.overlay import Overlay, OverlaySettings
from asl_image.plan import Inputs
from asl_image.profile import Boot, Initramfs, Iso, Profile
from asl_image.steps.tools import OwnProgram, PinnedFile, PinnedTool

EPOCH = 1_700_000_000


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def locked_package(name: str, version: str = "1.0-1") -> LockedPackage:
    return LockedPackage(
        name=name,
        version=version,
        arch="amd64",
        archive="debian",
        size=1000 + len(name),
        sha256=sha256(f"{name} {version}"),
        path=f"pool/main/{name[0]}/{name}/{name}_{version.split(':')[-1]}_amd64.deb",
    )


def tiny_lock(profile: str, packages: Sequence[LockedPackage]) -> Lock:
    names = [package.name for package in packages]
    return Lock(
        format="asl-image.lock/1",
        profile=profile,
        request=make_request("trixie", "amd64", names, ()),
        epoch=EPOCH,
        keyring=sha256("keyring"),
        suites=(LockedSuite(archive="debian", suite="trixie", date="2023-11-14T22:13:20Z", sha256=sha256("Release")),),
        packages=tuple(packages),
    )


def tiny_overlay(
    name: str = "base",
    files: Mapping[str, bytes] | None = None,
    settings: Mapping[str, object] | None = None,
    links: Sequence[tuple[str, str, str]] = (),
) -> Overlay:
    """An overlay of these files, by `root/…` or `iso/…`; those that begin with #! are executable."""
    kept = {"root/etc/issue.j2": b"{{ profile }} {{ version }}\n"} if files is None else files
    given = {"summary": "files", **(settings or {})}
    parts = [(path.split("/", 1)[0], path.split("/", 1)[1], data, data[:2] == b"#!") for path, data in kept.items()]
    digest = sha256(repr((given, sorted(kept.items()), links)))
    return Overlay(name, OverlaySettings.model_validate(given, strict=False), tuple(parts), tuple(links), digest)


def tiny_hooks(text: str = "#!/bin/bash\nset -eu\n", phase: str = "finalise") -> HookSet:
    return HookSet(("asl-tiny",), (Script(phase, "asl-tiny", "80-tiny", text.encode(), True),))


def tiny_profile() -> Profile:
    return Profile(
        name="authority",
        summary="A made-up image",
        packages=("bash", "linux-image-amd64"),
        overlays=("base",),
        hooks=("asl-tiny",),
        tools=("sops", "asl-auth-host"),
        modules=("loop", "fs/isofs/"),
        initramfs=Initramfs(modules=("loop",), iso_modules=("vfat",), coldplug=("ahci",)),
        compression="dev",
        boot=Boot(cmdline=("quiet",)),
        iso=Iso(label="ASL_TINY"),
    )


def tiny_inputs(**changes: object) -> Inputs:
    """Everything of the made-up image; `changes` are fields of `Inputs`."""
    packages = [locked_package(name) for name in ("bash", "libc6", "linux-image-amd64")]
    inputs = Inputs(
        profile=tiny_profile(),
        lock=tiny_lock("authority", packages),
        renewed=False,
        tools_tree=tiny_lock("tools-tree", [locked_package("xorriso")]),
        overlays=(tiny_overlay(),),
        hooks=tiny_hooks(),
        pinned=(PinnedTool("sops", "3.11.0", (PinnedFile("sops", 0o755, sha256("sops")),)),),
        own=(
            OwnProgram(
                "asl-auth-host",
                "0.1.0",
                {"asl_authority/__init__.py": b"\n"},
                "x:main",
                ("asl-admin",),
                scripts={"verify-env.sh": b"#!/bin/bash\n"},
            ),
        ),
        init_sources={"init.c": b"int main(void) { return 0; }\n", "init.h": b"\n"},
    )
    return replace(inputs, **changes)  # type: ignore[arg-type]
