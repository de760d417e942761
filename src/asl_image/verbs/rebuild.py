"""rebuild: build an image again from what its manifest names, demand the same bytes, and say so in a statement."""

from __future__ import annotations

import itertools
import os
import platform
import re
from contextlib import suppress
from pathlib import Path

import click

from asl_image import tree_writer
from asl_image.again import Again, build_again, compared
from asl_image.atomic import write_whole
from asl_image.comparetext import as_data, as_text
from asl_image.errors import CheckFailed, ConfigError, IoFailed, Refused
from asl_image.kituse import use_kit
from asl_image.rebuilding import Original, at_hand, make_statement, read_original, result_differences
from asl_image.runner import Command, Runner
from asl_image.site import private_argv
from asl_image.statement import Surroundings
from asl_image.verbs import House

STATEMENT = "{profile}.rebuild.json"
TIME = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ")


def given_time(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """A date as the statement has it. Raises ConfigError."""
    if value is not None and not TIME.fullmatch(value):
        raise ConfigError(f"--time {value}: not a time in UTC", hint="date -u +%Y-%m-%dT%H:%M:%SZ prints it")
    return value


@click.command()
@click.argument("manifest", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--kit",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Take packages, tools and locks from this kit, which is verified first.",
)
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Where the statement goes.")
@click.option("--time", metavar="TIME", callback=given_time, help="When, for the statement; no clock is looked at.")
@click.pass_obj
def rebuild(house: House, manifest: Path, kit: Path | None, output: Path | None, time: str | None) -> int:
    """Build the image of MANIFEST again, from nothing that was kept, and demand the same bytes; then write a rebuild
    statement beside it, whose path is printed on stdout. Status 3 when anything differs."""
    original = read_original(manifest)
    statement = output or manifest.with_name(STATEMENT.format(profile=original.manifest.profile))
    text = make_statement(original, surroundings(), time)
    if statement.exists() and (not statement.is_file() or statement.read_text("utf-8", "replace") != text):
        raise Refused(
            f"{statement}: is there already, and tells of another rebuild",
            hint="move it away with its signatures, or use --output FILE",
        )
    if statement.parent.exists() and not os.access(statement.parent, os.W_OK):
        raise IoFailed(f"{statement.parent}: no statement can be written there", hint="use --output FILE")
    found = at_hand(house, original, None if kit is None else use_kit(house, kit, original.manifest.profile).locks)
    again = Again(
        root=house.root,
        profiles=house.profiles,
        store=house.store,
        build=free_folder(house.build / "rebuild" / original.manifest.profile),
        profile=original.manifest.profile,
        options=(*found.options, *(() if kit is None else ("--kit", str(kit.absolute())))),
        progress=house.screen.mode,
    )
    try:
        iso = build_again(again, house.build, again.build.with_suffix(".log"), house.environ)
    finally:
        take_away(again.build / "cache", again.build.with_suffix(".log"))  # it was for this build alone, and is large
    different = result_differences(original, iso.parent)
    if different:
        return tell(house, original, iso, different)
    write_whole(statement, text.encode())
    tree_writer.remove(again.build)
    again.build.with_suffix(".log").unlink(missing_ok=True)
    sha256 = original.manifest.iso.sha256
    house.screen.note(f"{iso.name}: rebuilt, the same bytes: {sha256}")
    house.screen.result(str(statement), {"equal": True, "sha256": sha256, "statement": str(statement)})
    return 0


def surroundings() -> Surroundings:
    """This host, as far as a statement tells of it."""
    try:
        about = platform.freedesktop_os_release()
    except OSError:
        about = {}
    name = f"{about.get('ID', 'unknown')} {about.get('VERSION_ID', '')}".strip()
    return Surroundings(
        user="root" if os.geteuid() == 0 else "ordinary", distribution=name, python=platform.python_version()
    )


def free_folder(wanted: Path) -> Path:
    """A new, empty folder: `wanted`, or that with a number; an earlier rebuild may have been kept, or still run."""
    wanted.parent.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        path = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        with suppress(FileExistsError):
            path.mkdir()
            return path
    raise AssertionError("numbers end")


def take_away(path: Path, log: Path) -> None:
    """Remove what a build kept. To an ordinary user its files belong to others, but for who is in a namespace."""
    try:
        tree_writer.remove(path)
    except PermissionError:
        Runner(log).run(Command(private_argv(("rm", "-rf", "--", str(path)))))


def tell(house: House, original: Original, iso: Path, different: dict[str, tuple[str, ...]]) -> int:
    """Say what differs, as deeply as what is at hand allows; both images stay where they are."""
    first = original.beside("image.iso")
    lines = [f"{name} differs: {line}" for name, said in different.items() for line in said]
    data: dict[str, object] = {"equal": False, "different": {name: list(said) for name, said in different.items()}}
    if iso.name in different and first.is_file():
        found = compared(first, iso, house.build, house.screen)
        lines += ["", as_text(str(first), str(iso), found)]
        data["comparison"] = as_data(found)
    elif iso.name in different:
        lines.append(f"{first} is not here, so its files can't be compared")
    lines += ["", f"the first image:   {first}", f"the rebuilt image: {iso}"]
    data |= {"first": str(first), "rebuilt": str(iso)}
    house.screen.result("\n".join(lines), data)
    return CheckFailed.status
