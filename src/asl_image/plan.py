"""The plan of a build: pure data, made without touching anything, printable, and the whole build to read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from asl_image import __version__
from asl_image.hooks import PHASES, HookSet
from asl_image.lock import Lock
from asl_image.overlay import Overlay
from asl_image.profile import Profile
from asl_image.provenance import Source, lock_digest, sources_digest
from asl_image.sbom import Subject
from asl_image.step import Step, code_digest, step_id
from asl_image.steps.boot_tree import BootTree
from asl_image.steps.clean import Clean
from asl_image.steps.evidence import Evidence
from asl_image.steps.file_list import FileList
from asl_image.steps.files import Files
from asl_image.steps.hook_phase import HookPhase
from asl_image.steps.initramfs import Initramfs
from asl_image.steps.iso import Iso
from asl_image.steps.kernel import Kernel
from asl_image.steps.kernel_modules import KernelModules
from asl_image.steps.layer import Layer
from asl_image.steps.licences import Licences
from asl_image.steps.manifest import Manifest
from asl_image.steps.root import Root
from asl_image.steps.sbom import DOCUMENTS, IN_BOOT_FILES, Sbom
from asl_image.steps.tools import OwnProgram, PinnedTool, Tools
from asl_image.steps.tools_tree import ToolsTree

# Where the SBOM lies in the image.
PAPERS = {f"/usr/lib/asl/{name}": name for name in DOCUMENTS}


@dataclass(frozen=True)
class Inputs:
    """Everything a plan is made from, already read and checked."""

    profile: Profile
    lock: Lock
    renewed: bool
    tools_tree: Lock
    overlays: tuple[Overlay, ...]
    hooks: HookSet
    pinned: tuple[PinnedTool, ...]
    own: tuple[OwnProgram, ...]
    init_sources: Mapping[str, bytes]
    commit: str | None = None  # of the project; given by a person, never looked up

    def named(self) -> frozenset[str]:
        """SHA-256 of every file that a build may take from the store."""
        packages = (package.sha256 for lock in (self.lock, self.tools_tree) for package in lock.packages)
        return frozenset((*packages, *(file.sha256 for tool in self.pinned for file in tool.files)))


@dataclass(frozen=True)
class Plan:
    """The steps in the order in which they run."""

    profile: str
    steps: tuple[Step, ...]

    def ids(self, code: Callable[[str], str] = code_digest) -> dict[str, str]:
        """Step name → id; `code` gives the digest of a module's text, by the module's name."""
        known: dict[str, str] = {}
        for step in self.steps:
            known[step.name()] = step_id(step, known, code(type(step).__module__))
        return known

    def text(self, ids: Mapping[str, str]) -> str:
        """The plan as a person reads it: each step with its id, and below it all that it does."""
        lines: list[str] = []
        for number, step in enumerate(self.steps, start=1):
            lines.append(f"{number:2} {step.name()}  {ids[step.name()]}")
            lines += [f"     {line}" for line in step.describe()]
        return "\n".join(lines) + "\n"

    def step(self, name: str) -> Step:
        """The step of that name. Raises KeyError."""
        return next(step for step in self.steps if step.name() == name)


def make_plan(inputs: Inputs, code: Callable[[str], str] = code_digest) -> Plan:
    """The whole build, top to bottom; `code` is for the steps' ids that the manifest names (see `Plan.ids`)."""
    profile, epoch = inputs.profile, inputs.lock.epoch
    values = template_values(profile, epoch)

    phases: list[HookPhase] = []
    after = "root"
    for phase in PHASES:
        if inputs.hooks.phase(phase):
            phases.append(HookPhase(phase, inputs.hooks, after, epoch))
            after = phases[-1].name()

    def layer(name: str, tree: str, last: str) -> Layer:
        return Layer(name, tree, last, profile.name, profile.compression, epoch)  # type: ignore[arg-type]

    boot = tuple(package for package in inputs.tools_tree.packages if package.name in IN_BOOT_FILES)

    image = Plan(
        profile.name,
        (
            ToolsTree(inputs.tools_tree),
            Root(profile.engine, inputs.lock),
            Licences(inputs.lock.package_names(), tuple(package.name for package in boot)),
            *phases,
            Kernel(after),
            KernelModules(profile.modules, after),
            Clean("kernel-modules", epoch),
            layer("base", "root", "clean"),
            Tools(inputs.pinned, inputs.own),
            layer("tools", "tools", "tools"),
            Sbom(sbom_subject(inputs), inputs.lock, boot, inputs.pinned, inputs.own),
            Files(inputs.overlays, values, PAPERS),
            layer("overlay", "overlay", "files"),
            Initramfs(
                inputs.init_sources,
                load=profile.initramfs.modules,
                iso=profile.initramfs.iso_modules,
                coldplug=profile.initramfs.coldplug,
                words=permitted(profile),
                epoch=epoch,
            ),
            BootTree(inputs.overlays, values, epoch),
            Iso(profile.iso, epoch),
            FileList(profile.name),
        ),
    )
    papers = (
        Manifest(inputs.lock, inputs.renewed, profile, lock_digest(inputs.tools_tree), image.ids(code)),
        Evidence(profile, inputs.lock, inputs.tools_tree, project_sources(inputs), inputs.commit),
    )
    return Plan(profile.name, (*image.steps, *papers))


def sbom_subject(inputs: Inputs) -> Subject:
    """What the SBOM describes."""
    profile = inputs.profile
    return Subject(profile.name, profile.summary, inputs.lock.epoch, lock_digest(inputs.lock))


def project_sources(inputs: Inputs) -> tuple[Source, ...]:
    """What of this project goes into the image, by digest."""
    phases = (phase for phase in PHASES if inputs.hooks.phase(phase))
    return (
        *(Source(f"overlays/{overlay.name}", overlay.digest) for overlay in inputs.overlays),
        *(Source(f"hooks/{phase}.d", inputs.hooks.digest(phase)) for phase in phases),
        *(
            Source(f"sources of {program.name}", sources_digest({**program.sources, **program.scripts}))
            for program in inputs.own
        ),
        Source("sources of init", sources_digest(inputs.init_sources)),
    )


def template_values(profile: Profile, epoch: int) -> dict[str, object]:
    """The names that overlays' templates may use; those of the medium (`image`, `seals`, `sums`) come later."""
    return {
        "profile": profile.name,
        "summary": profile.summary,
        "version": __version__,
        "suite": profile.suite,
        "epoch": epoch,
        "cmdline": " ".join(common_words(profile)),
        "serial": profile.boot.serial,
        "serial_bits_s": profile.boot.serial_bits_s(),
        "timeout_s": profile.boot.timeout_s,
    }


def common_words(profile: Profile) -> tuple[str, ...]:
    """What every menu entry says to the kernel."""
    return (
        *profile.boot.cmdline,
        f"asl.ram={profile.boot.ram_copy_mib}",
        f"asl.wait={profile.initramfs.medium_timeout_s}",
    )


def permitted(profile: Profile) -> tuple[str, ...]:
    """The kernel command-line words that the initramfs accepts; anything else halts the machine."""
    exact = {
        *common_words(profile),
        "console=tty0",
        f"console={profile.boot.serial}",
        "asl.mode=host",
        "asl.mode=rehearsal",
        "asl.mode=check",
    }
    by_prefix = ("BOOT_IMAGE=*", "asl.image=*", "asl.iso=*", "asl.layer=*")
    return (*sorted(exact), *by_prefix)
