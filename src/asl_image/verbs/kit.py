"""kit: everything that an image is built from in one archive; made, checked, and laid down again."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from asl_image.checkout import find_checkout
from asl_image.errors import CheckFailed, IoFailed
from asl_image.house import House
from asl_image.inputs import load_inputs
from asl_image.kit import INDEX, STORED, KitIndex, archive_size
from asl_image.kitexport import Wanted, collect, write_kit
from asl_image.kituse import opened, unpack_kit
from asl_image.kitverify import verify_kit
from asl_image.locking import LockFiles
from asl_image.plan import make_plan
from asl_image.runner import Runner
from asl_image.store import Store, sha256_of
from asl_image.verbs import profile_argument
from asl_image.verbs.sources import KEYRINGS
from asl_image.verbs.verify import report
from asl_image.wheels import needed_wheels

KIT = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group()
def kit() -> None:
    """Make, check and unpack kits: all that an image is built from, for a build without a network."""


@kit.command("export")
@profile_argument
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", required=True, help="The kit to make."
)
@click.option("--force", is_flag=True, help="Replace a FILE that is there.")
@click.option("--locked", is_flag=True, help="Use the reviewed lock only, never a renewed one.")
@click.option(
    "--keyring",
    "keyrings",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    multiple=True,
    help="A keyring that the lock names, where this host's package is another by now (may repeat).",
)
@click.option(
    "--wheels",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Wheels of the Python packages that the builder runs on, with their SHA256SUMS.",
)
@click.pass_obj
def export(
    house: House,
    profile: str,
    output: Path,
    force: bool,
    locked: bool,
    keyrings: tuple[Path, ...],
    wheels: Path | None,
) -> None:
    """Put all that PROFILE is built from into one archive: packages, tools, keyrings, locks, the project itself."""
    inputs = load_inputs(house, profile, locked=locked)
    names = (profile, inputs.tools_tree.profile)
    wanted = Wanted(
        profile=profile,
        lock=inputs.lock,
        tools_tree=inputs.tools_tree,
        lock_files={name: LockFiles.of(name, house.profiles, house.build) for name in names},
        steps=make_plan(inputs).ids(),
        keyrings=(*keyrings, *sorted(house.keyrings.glob("*.gpg")), *KEYRINGS),
        wheels=None if wheels is None else needed_wheels(wheels, house.root),
    )
    with house.screen.step("look at the project's files"):
        checkout = find_checkout(house.root, house.profiles, Runner(house.build / "kit.log"))
        contents = collect(wanted, checkout, Store(house.store))
    if inputs.renewed:
        house.screen.warning(
            f"{profile} is built from a renewed lock: an image made from this kit must not be released"
        )
    if checkout.state == "dirty":
        house.screen.warning("the checkout has changes that are in no commit; they are in the kit as they are")
    with house.screen.task(f"write {output.name}", 2 * archive_size(contents.index), "B") as task:
        write_kit(contents, output, task.advance, force=force)
    about = {"kit": str(output), **summary(contents.index), "sha256": sha256_of(output)}
    house.screen.note(f"{about['members']} members, {about['size']} bytes, sha256 {about['sha256']}")
    house.screen.result(str(output), about)


@kit.command("verify")
@click.argument("file", type=KIT)
@click.pass_obj
def verify(house: House, file: Path) -> int:
    """Hold a kit against its index and its locks, byte by byte; status 3 when anything is wrong."""
    with opened(file) as archive, house.screen.task(f"verify {file.name}", file.stat().st_size, "B") as task:
        found, findings = verify_kit(archive, file.name, task.advance)
    ok = all(finding.ok for finding in findings)
    about = {"kit": str(file), **summary(found.index), "ok": ok, "findings": [asdict(each) for each in findings]}
    house.screen.result(report(findings), about)
    return 0 if ok else CheckFailed.status


@kit.command("unpack")
@click.argument("file", type=KIT)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--sources", is_flag=True, help="The project alone, without packages and tools.")
@click.pass_obj
def unpack(house: House, file: Path, folder: Path, sources: bool) -> None:
    """Verify a kit and lay it down as a new FOLDER: the project as it was, with a full package store."""
    if not folder.absolute().parent.is_dir():
        raise IoFailed(f"{folder.absolute().parent}: no such folder")
    with house.screen.task(f"unpack {file.name}", file.stat().st_size, "B") as task:
        found = unpack_kit(file, folder, task.advance, only_sources=sources)
    house.screen.result(str(folder), {"folder": str(folder), "index": str(folder / INDEX), **summary(found.index)})


def summary(index: KitIndex) -> dict[str, object]:
    """What a program wants to know of a kit."""
    return {
        "profile": index.profile,
        "builder": index.builder,
        "size": archive_size(index),
        "members": len(index.members),
        "packages": sum(each.role in STORED for each in index.members),
        "locks": {lock.profile: lock.state for lock in index.locks},
        "sources": index.sources.model_dump(mode="json", exclude_none=True),
    }
