"""Measure the machine: every fact of an environment claim, with why one is missing where it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TypeVar

from asl_authority.errors import Malformed, Refused
from asl_authority.storage import helper, machine_facts, sealed_media, state, surroundings
from asl_authority.values.environment import DECLARED_WORD, FACTS, Environment, Fact, LayerSeal, Status, declared
from asl_authority.values.kernel_words import AGAIN, read_kernel_words
from asl_authority.values.readings import Readings
from asl_authority.values.state import Seal

_T = TypeVar("_T")
_CONFIG = PurePosixPath("host/config.yaml")
# A person may add to what feeds the random pool (dice), and say what could not be measured; nothing else.
ADDED = "entropy"


@dataclass(frozen=True)
class Measured:
    """What was found; `notes` say in words what could not be measured, and why."""

    environment: Environment
    notes: tuple[str, ...]


def read_devices(machine: Path, advance: Callable[[int], None] = lambda _: None) -> Readings:
    """Layers and medium, read by this process as far as it may. Raises Refused on a machine without a seal."""
    seal = state.load_seal(machine)
    if seal is None:
        raise Refused("not started from a sealed image: there are no layers to read", check_id="SEALED-HOST")
    return sealed_media.read_sealed(machine, seal, advance)


def read_layers(machine: Path, advance: Callable[[int], None] = lambda _: None) -> Readings:
    """Layers and medium, by the root helper where there is one, by this process otherwise. Raises Malformed, IoFailed.

    On a machine without a seal there is nothing to read.
    """
    seal = state.load_seal(machine)
    if seal is None:
        return Readings()
    asked = helper.ask_readings(machine)
    return asked if asked is not None else sealed_media.read_sealed(machine, seal, advance)


def measure(machine: Path, store_root: Path, readings: Readings) -> Measured:
    """Every fact, none of them held against anything yet. Raises Malformed, IoFailed.

    `readings` are what `read_layers` gave: they take long, and while dm-verity holds, they stay the same.
    """
    seal, line = state.load_seal(machine), machine_facts.load_cmdline(machine)
    words = None if line is None else read_kernel_words(line)
    said = None if words is None else (words.image, words.layers)
    recorded = None if seal is None else (seal.image, seal.layers)
    if said != recorded:
        raise Malformed(
            "the kernel's command line and the record of the initramfs do not name the same image and layers",
            check_id="CLAIM-SEAL",
            hint=AGAIN,
        )
    if readings.image not in (None, seal.image if seal else None):
        raise Malformed("the medium that was read is of another image", check_id="CLAIM-SEAL", hint=AGAIN)
    environment = Environment(
        image_id=_fact(seal.image if seal else None),
        medium=_fact(readings.medium),
        layers=_layers(seal, readings),
        kernel_release=_fact(machine_facts.load_kernel_release(machine)),
        kernel_cmdline=_fact(line or None),
        kernel=_fact(readings.kernel),
        initrd=_fact(readings.initrd),
        secure_boot=_fact(machine_facts.load_secure_boot(machine)),
        tpm=_fact(machine_facts.load_tpm(machine)),
        entropy=_fact(machine_facts.load_random_sources(machine)),
        interfaces=_fact(machine_facts.load_interface_states(machine)),
        swap=_fact(surroundings.load_swaps(machine)),
        mounts=_fact(machine_facts.load_mounts(machine)),
        tools=_fact(machine_facts.load_tool_files(machine)),
        config=_fact(machine_facts.load_digest(store_root, PurePosixPath("/") / _CONFIG)),
    )
    return Measured(environment, tuple(_notes(seal, readings, environment)))


def declare(seen: Environment, said: Mapping[str, tuple[str, ...]]) -> Environment:
    """The environment with what a person says of it: facts that could not be measured, and more entropy.

    Raises Refused for a fact that was measured, Malformed for one that does not have that form.
    """
    found: dict[str, Fact[object]] = {}
    for name, values in sorted(said.items()):
        if name not in FACTS:
            raise Refused(
                f"{name!a} is no fact of an environment", hint=f"one of: {', '.join(FACTS)}", check_id="FACT-NAME"
            )
        fact: Fact[object] = getattr(seen, name)
        if name == ADDED and isinstance(fact.value, tuple):
            values = tuple(sorted({*fact.value, *(f"{DECLARED_WORD}{value}" for value in values)}))
        elif fact.status is not Status.ABSENT:
            raise Refused(f"{name}: was measured; what anybody says of it does not count", check_id="FACT-MEASURED")
        found[name] = declared(name, values)
    return replace(seen, **found)  # type: ignore[arg-type]  # declared reads each as its field says


def _layers(seal: Seal | None, readings: Readings) -> tuple[LayerSeal, ...]:
    layers = sorted(seal.layers if seal else (), key=lambda layer: layer.name)
    return tuple(
        LayerSeal(layer.name, layer.root_hash, readings.roots.get(layer.name), Status.MEASURED) for layer in layers
    )


def _notes(seal: Seal | None, readings: Readings, seen: Environment) -> list[str]:
    if seal is None:
        return ["this machine was not started from a sealed image"]
    notes = []
    if missing := [layer.name for layer in seal.layers if layer.name not in readings.roots]:
        notes.append(f"layers not read, only root may: {', '.join(missing)}; their hashes are the command line's")
    if readings.medium is None:
        notes.append(f"medium {seal.medium} not read: it was taken out, or only root may; so kernel and initramfs")
    if seen.secure_boot.status is Status.ABSENT:
        notes.append("the firmware's variables are not to be seen: whether Secure Boot is on can't be told")
    return notes


def _fact(value: _T | None) -> Fact[_T]:
    return Fact(Status.ABSENT) if value is None else Fact(Status.MEASURED, value)
