"""What a release refuses, all of it in one go: whatever would make the image another than the reviewed commit's.

The switch changes no byte: the same commit without it gives the same ISO and the same manifest. It is a promise that
somebody looked, not a property of the image, so nothing of it is recorded but the commit, in the provenance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from asl_image.checkout import GIT, PROFILES, read_by_builds
from asl_image.errors import ProgramFailed, Refused
from asl_image.plan import Inputs
from asl_image.runner import Command, Runs

MOST_NAMED = 20
BUILDER = Path(__file__).parent
QUIET_GIT = (*GIT, "--no-optional-locks", "-c", "core.fileMode=true", "-c", "core.untrackedCache=false")


def release_commit(
    inputs: Inputs, overrides: Mapping[str, object], root: Path, profiles: Path, runner: Runs, builder: Path = BUILDER
) -> str:
    """The commit that a release is made from. Raises Refused with every reason why there can't be one.

    `root` is the checkout, `builder` where the code lies that runs.
    """
    reasons = [f"--{key} {value}: a release has the profile's own" for key, value in overrides.items()]
    if inputs.profile.compression != "release" and "compression" not in overrides:
        reasons.append(f"the profile's compression is '{inputs.profile.compression}', a release has 'release'")
    if inputs.renewed:
        reasons.append("its lock is a renewed one, which nobody has reviewed")
    commit = ""
    if not builder.resolve().is_relative_to(root.resolve()):
        reasons.append(f"the builder that runs does not lie in {root}: its own sources are not those of the commit")
    if profiles.resolve() != (root / PROFILES).resolve():
        reasons.append(f"{profiles}: profiles that are not the checkout's own")
    if not (root / ".git").exists():
        reasons.append(f"{root} is no git checkout")
    else:
        try:
            commit = runner.read(Command((*QUIET_GIT, "-C", str(root), "rev-parse", "--verify", "HEAD"))).strip()
            reasons += dirt(root, runner)
        except ProgramFailed as error:
            reasons.append(f"git can't read the checkout: {' '.join(error.details)}")
    if inputs.commit is not None and commit and inputs.commit != commit:
        reasons.append(f"--commit {inputs.commit}: the checkout is at {commit}")
    if reasons:
        more = [f"and {len(reasons) - MOST_NAMED} more"] if len(reasons) > MOST_NAMED else []
        raise Refused(
            f"{inputs.profile.name} can't be released like this",
            details=(*reasons[:MOST_NAMED], *more),
            hint="commit what is meant and take away what is not; leave --release out for any other image",
        )
    return commit


def dirt(root: Path, runner: Runs) -> Iterator[str]:
    """What makes a checkout another than its commit, a sentence each. Raises ProgramFailed."""
    git = (*QUIET_GIT, "-C", str(root))
    changed = runner.read(Command((*git, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=no")))
    yield from (f"{entry[3:]}: changed since the commit" for entry in changed.split("\0") if entry)
    flags = runner.read(Command((*git, "ls-files", "-z", "-v"))).split("\0")
    yield from (f"{each[2:]}: git is told not to look at it" for each in flags if each[:1].islower() or each[:1] == "S")
    tracked = {each[2:] for each in flags if each}
    # An overlay brings every file that lies in it, so one that git ignores counts like any other.
    found = read_by_builds(root, root / PROFILES)
    yield from (f"{name}: not in the commit" for name in sorted(found) if name not in tracked)
