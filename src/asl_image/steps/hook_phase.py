"""One phase of the hooks, run by diskimage-builder's own runner, in the image or beside it."""

from __future__ import annotations

from dataclasses import dataclass

from asl_image import ownership, tree_writer
from asl_image.hooks import OUTSIDE, HookSet
from asl_image.netguard import Reached, ReachedNetwork
from asl_image.step import WORK, Act, Site, Step

# Where the scripts lie while they run in the image; a tmpfs at run time, so nothing can be left there.
INSIDE = "/run/asl-hooks"


@dataclass(frozen=True)
class HookPhase(Step):
    """Changes the root tree by shell scripts; what they may rely on is in docs/hooks.md."""

    phase: str
    hooks: HookSet
    after: str
    epoch: int

    def name(self) -> str:
        return f"hooks-{self.phase}"

    def needs(self) -> tuple[str, ...]:
        return (self.after,)

    def facts(self) -> dict[str, object]:
        scripts = self.hooks.digest(self.phase)
        return {"phase": self.phase, "scripts": scripts, "origin": self.origin(), "epoch": self.epoch}

    def origin(self) -> str:
        """What is said of a file that this phase made or changed."""
        elements = dict.fromkeys(script.element for script in self.hooks.phase(self.phase))
        return f"hook {self.phase} ({', '.join(sorted(elements))})"

    def act(self) -> Act:
        """The runner over the phase's folder; outside the image `TARGET_ROOT` names the tree."""
        env = {"SOURCE_DATE_EPOCH": str(self.epoch), "TMPDIR": "/tmp", "DIB_DEBUG_TRACE": "0"}  # noqa: S108 - the tree's
        if self.phase in OUTSIDE:
            at = f"{WORK}/hooks-{self.phase}"
            env["TARGET_ROOT"] = f"{WORK}/root"
            return Act((f"{at}/dib-run-parts", f"{at}/{self.phase}.d"), env=env)
        return Act((f"{INSIDE}/dib-run-parts", f"{INSIDE}/{self.phase}.d"), env=env, where="image")

    def describe(self) -> tuple[str, ...]:
        scripts = (f"script {script.name} of {script.element}" for script in self.hooks.phase(self.phase))
        return (self.act().line(), *scripts)

    def run(self, site: Site) -> None:
        outside = self.phase in OUTSIDE
        at = site.work / f"hooks-{self.phase}" if outside else site.work / "root" / INSIDE.lstrip("/")
        with ownership.changing(site.work, self.origin()):
            tree_writer.unpack(self.hooks.tree(self.phase), at)
            try:
                site.act(self.act())
            except ReachedNetwork as error:
                raise ReachedNetwork(error.reached, self.culprit(error.reached)) from None
            finally:
                tree_writer.remove(at)

    def culprit(self, reached: Reached) -> str | None:
        """The script of ours that is among the programs of an attempt, as a person finds it."""
        for line in reached.programs:
            for script in self.hooks.phase(self.phase):
                if f"/{self.phase}.d/{script.name}" in line:
                    return f"hooks/{script.element}/{self.phase}.d/{script.name}"
        return None
