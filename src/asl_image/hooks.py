"""Hooks: shell scripts of last resort, kept as diskimage-builder elements.

diskimage-builder is the grammar, not the engine: its resolver orders elements, its `dib-run-parts`
runs a phase's scripts by number, its `dib-lint` judges them. Nothing else in the builder imports it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from diskimage_builder import element_dependencies, paths

from asl_image.errors import ConfigError
from asl_image.tree_writer import Entry, file, with_parents

# In the order in which they run; the root exists before the first of them, since packages come all at once.
OUTSIDE = ("root", "extra-data", "cleanup")
PHASES = ("root", "extra-data", "pre-install", "install", "post-install", "finalise", "cleanup")


@dataclass(frozen=True)
class Script:
    """One file of a phase: `phase` without its `.d`, its name with the ordering number, its text."""

    phase: str
    element: str
    name: str
    text: bytes
    executable: bool


@dataclass(frozen=True)
class HookSet:
    """The elements an image uses, with all scripts that they bring and the runner that starts those."""

    elements: tuple[str, ...]
    scripts: tuple[Script, ...]
    runner: bytes = b""

    def phase(self, phase: str) -> tuple[Script, ...]:
        """The scripts of one phase, in the order in which they will run."""
        found = (script for script in self.scripts if script.phase == phase)
        return tuple(sorted(found, key=lambda script: (number_of(script.name), script.name)))

    def digest(self, phase: str) -> str:
        """SHA-256 (hex) of what a phase consists of, environment files and the runner included."""
        whole = hashlib.sha256(self.runner)
        for script in (*self.phase("environment"), *self.phase(phase)):
            whole.update(repr((script.phase, script.name, script.executable)).encode() + script.text)
        return whole.hexdigest()

    def tree(self, phase: str) -> list[Entry]:
        """What lies beside the image root while a phase runs: the runner, its scripts and their environment."""
        entries = [file("dib-run-parts", self.runner, 0o755)]
        entries += [file(f"environment.d/{script.name}", script.text) for script in self.phase("environment")]
        entries += [
            file(f"{phase}.d/{script.name}", script.text, 0o755 if script.executable else 0o644)
            for script in self.phase(phase)
        ]
        return with_parents(entries)


def number_of(name: str) -> int:
    """The leading number of a script, which alone orders it."""
    head = name.split("-", 1)[0]
    return int(head) if head.isdigit() else 0


def run_parts() -> bytes:
    """diskimage-builder's own runner of script folders."""
    return (Path(paths.get_path("lib")) / "dib-run-parts").read_bytes()


def hook_names(hooks_dir: Path) -> tuple[str, ...]:
    """Every element that the project has."""
    return tuple(sorted(path.name for path in hooks_dir.iterdir() if path.is_dir()))


def load_hooks(names: Sequence[str], hooks_dir: Path) -> HookSet:
    """Resolve `names` and what they depend on, and read every script. Raises ConfigError."""
    if not names:
        return HookSet((), ())
    known = hook_names(hooks_dir)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(f"{hooks_dir}: no such hook: {', '.join(unknown)}", hint=f"known: {', '.join(known)}")
    try:
        resolved = element_dependencies.get_elements(list(names), str(hooks_dir))
    except Exception as error:  # the resolver's own classes are many, and each says one sentence
        raise ConfigError(f"{hooks_dir}: {error}", hint="see element-deps of the hooks named") from error
    # Dependencies come in no promised order, and order among elements must not matter: scripts are
    # ordered by their numbers alone.
    elements = tuple(sorted(name for name, _ in resolved))
    scripts: dict[tuple[str, str], Script] = {}
    for element in elements:
        for script in _scripts(hooks_dir / element, element):
            twin = scripts.setdefault((script.phase, script.name), script)
            if twin is not script:
                raise ConfigError(
                    f"{hooks_dir}/{element}/{script.phase}.d/{script.name}: {twin.element} has a script of this name",
                    hint="rename one of them; names must be unique within a phase",
                )
    return HookSet(elements, tuple(scripts[key] for key in sorted(scripts)), run_parts())


def _scripts(element_dir: Path, element: str) -> list[Script]:
    found = []
    for phase in (*PHASES, "environment"):
        folder = element_dir / f"{phase}.d"
        if not folder.is_dir():
            continue
        for path in sorted(folder.iterdir()):
            executable = bool(path.stat().st_mode & 0o100)
            if phase != "environment" and not executable:
                raise ConfigError(f"{path}: not executable, so it would never run", hint=f"chmod +x {path}")
            found.append(Script(phase, element, path.name, path.read_bytes(), executable))
    return found
