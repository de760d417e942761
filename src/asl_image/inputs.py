"""Read and check everything that a plan is made from; after this nothing is read but by hash."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from asl_authority import contract
from asl_image.errors import ConfigError
from asl_image.hooks import hook_names, load_hooks
from asl_image.house import House
from asl_image.lock import Asks, Lock
from asl_image.locking import lock_for_build, lock_given
from asl_image.overlay import load_overlays, overlay_names
from asl_image.pack import load_sources, program_version
from asl_image.plan import Inputs
from asl_image.profile import (
    Profile,
    ProjectOrigin,
    Tool,
    available,
    check_references,
    load_package_set,
    load_profile,
    load_tool,
)
from asl_image.steps.tools import OwnProgram, PinnedFile, PinnedTool
from asl_image.store import Store

INIT_SOURCES = Path(__file__).parent / "initramfs"


def load_inputs(
    house: House,
    name: str,
    *,
    locked: bool,
    overrides: Mapping[str, object] | None = None,
    locks: Mapping[str, Lock] | None = None,
) -> Inputs:
    """Everything of one profile. Raises ConfigError for what is wrong, Refused for what is missing.

    `locks`, when given, are those of a kit, by profile and package set; then no other is looked at.
    """
    profile = load_checked_profile(house, name)
    if overrides:
        profile = profile.model_copy(update=dict(overrides))
    tools = [load_tool(tool, house.tools) for tool in profile.tools]
    tools_tree = load_package_set(profile.tools_tree, house.profiles)
    store = Store(house.store)

    def lock_of(asked: Asks, pinned: Sequence[Tool]) -> tuple[Lock, bool]:
        if locks is not None:
            return lock_given(locks[asked.name], asked, pinned, store)
        common = {"profiles_dir": house.profiles, "build_dir": house.build, "locked": locked, "store": store}
        return lock_for_build(asked, pinned, **common)  # type: ignore[arg-type]

    lock, renewed = lock_of(profile, tools)
    tools_lock, tools_renewed = lock_of(tools_tree, ())
    return Inputs(
        profile=profile,
        lock=lock,
        renewed=renewed or tools_renewed,
        tools_tree=tools_lock,
        overlays=load_overlays(profile.overlays, house.overlays),
        hooks=load_hooks(profile.hooks, house.hooks),
        pinned=tuple(pinned_tool(tool) for tool in tools if tool.origin.kind == "pypi"),
        own=tuple(own_program(tool, house.root) for tool in tools if tool.origin.kind == "project"),
        init_sources=init_sources(),
    )


def load_checked_profile(house: House, name: str) -> Profile:
    """The profile, with every overlay, hook and tool that it names known to exist. Raises ConfigError."""
    profile = load_profile(name, house.profiles)
    check_references(
        profile,
        overlays=overlay_names(house.overlays),
        hooks=hook_names(house.hooks),
        tools=available(house.tools),
    )
    return profile


def pinned_tool(tool: Tool) -> PinnedTool:
    """A tool that is installed by hash."""
    files = (PinnedFile(item.install, int(item.mode, 8), item.sha256) for item in tool.files)
    return PinnedTool(tool.name, tool.version, tuple(files), tool.license)


def own_program(tool: Tool, root: Path) -> OwnProgram:
    """A program of this project, its sources read. Its version is said in two places, which must agree."""
    assert isinstance(tool.origin, ProjectOrigin)  # noqa: S101 - the caller has just looked
    sources = load_sources(root / tool.origin.path / "src")
    version = program_version(sources, "asl_authority")
    if version != tool.version:
        raise ConfigError(
            f"profiles/tools/{tool.name}.yaml: version is '{tool.version}', its sources say '{version}'",
            hint="make them the same",
        )
    aliases = tuple(name for name in contract.PROGRAM_NAMES if name != tool.name)
    scripts = {path.name: path.read_bytes() for path in sorted((root / tool.origin.path / "tools").glob("*.sh"))}
    return OwnProgram(tool.name, tool.version, sources, contract.ENTRY, aliases, tool.license, scripts)


def init_sources() -> dict[str, bytes]:
    """The C sources of the initramfs' init, by name."""
    return {
        path.name: path.read_bytes()
        for path in sorted(INIT_SOURCES.iterdir(), key=lambda found: os.fsencode(found.name))
        if path.suffix in (".c", ".h")
    }
