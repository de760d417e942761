"""The front door: reads the command line, hands the verbs what they need, and words every error once."""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType

import click

from asl_image import __version__
from asl_image.errors import Aborted, AslImageError, ConfigError, IoFailed
from asl_image.house import House
from asl_image.screen import ProgressMode, ReaderLeft, Screen
from asl_image.verbs.boot import boot
from asl_image.verbs.build import build
from asl_image.verbs.check_signatures import check_signatures
from asl_image.verbs.compare import compare
from asl_image.verbs.completion import completion
from asl_image.verbs.doctor import doctor
from asl_image.verbs.elsewhere import elsewhere
from asl_image.verbs.explain import explain
from asl_image.verbs.fetch import fetch
from asl_image.verbs.kit import kit
from asl_image.verbs.lock import lock
from asl_image.verbs.plan import plan
from asl_image.verbs.rebuild import rebuild
from asl_image.verbs.reference import reference
from asl_image.verbs.repro_test import repro_test
from asl_image.verbs.schema import schema
from asl_image.verbs.sealed_builders import sealed_builders
from asl_image.verbs.show import show
from asl_image.verbs.sign import sign
from asl_image.verbs.verify import verify

PROGRAM = "build.py"
BUG = 1

# What a person can mend, though no code of ours foresaw it where it happened.
MENDABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM, errno.EMFILE})


class Door(click.Group):
    """A group whose verbs all take `--json` too, so that it may stand on either side of the verb."""

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Register a verb, or a group of them."""
        for each in (cmd, *(cmd.commands.values() if isinstance(cmd, click.Group) else ())):
            each.params.append(json_option())
        super().add_command(cmd, name)


def json_option() -> click.Option:
    """`--json`; `House` already knows whether it was given, from before the line was parsed."""
    return click.Option(["--json"], is_flag=True, expose_value=False, help="Print one JSON object on stdout.")


@click.group(cls=Door, params=[json_option()], context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--profiles", type=click.Path(path_type=Path), metavar="DIR", help="Where profiles lie (profiles/).")
@click.option("--build", type=click.Path(path_type=Path), metavar="DIR", help="Where results go (build/).")
@click.option(
    "--progress",
    type=click.Choice(["auto", "bar", "plain", "json", "none"]),
    default="auto",
    show_default=True,
    help="How progress is shown; `auto` is a bar on a terminal.",
)
@click.version_option(__version__, prog_name=PROGRAM)
@click.pass_context
def door(context: click.Context, profiles: Path | None, build: Path | None, progress: ProgressMode) -> None:
    """Turn a declarative profile into a sealed, offline, bootable ISO image, and prove it."""
    house = context.ensure_object(House)
    house.screen.progress = progress
    # Steps run in other directories, so what they are handed must not depend on ours.
    build = Path(os.path.abspath(build)) if build is not None else house.build  # noqa: PTH100 - links stay as they are
    context.obj = replace(house, profiles=profiles or house.profiles, build=build)


# One line a verb.
door.add_command(boot)
door.add_command(build)
door.add_command(check_signatures)
door.add_command(compare)
door.add_command(completion)
door.add_command(doctor)
door.add_command(elsewhere)
door.add_command(explain)
door.add_command(fetch)
door.add_command(kit)
door.add_command(lock)
door.add_command(plan)
door.add_command(rebuild)
door.add_command(reference)
door.add_command(repro_test)
door.add_command(schema)
door.add_command(sealed_builders)
door.add_command(show)
door.add_command(sign)
door.add_command(verify)


def run(argv: Sequence[str], house: House) -> int:
    """Carry out a command line and return the exit status; nothing is raised but what ends Python itself."""
    screen = house.screen
    screen.as_json = "--json" in argv  # known before the line is parsed, so that a wrong one is answered in JSON too
    try:
        status = door.main(list(argv), prog_name=PROGRAM, obj=house, standalone_mode=False)
        return status if isinstance(status, int) else 0
    except AslImageError as error:
        screen.error(error)
        return error.status
    except click.exceptions.NoArgsIsHelpError as error:
        screen.note(error.format_message())
        return ConfigError.status
    except click.ClickException as error:
        path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else PROGRAM
        screen.error(ConfigError(error.format_message().rstrip("."), hint=f"{path} --help"))
        return ConfigError.status
    except (KeyboardInterrupt, click.Abort):
        screen.stopped(Aborted.status)
        return Aborted.status
    except ReaderLeft:
        return IoFailed.status
    except OSError as error:
        if error.errno not in MENDABLE:
            screen.bug(traceback.format_exc(), BUG)
            return BUG
        where = f"{error.filename}: " if error.filename else ""
        screen.error(IoFailed(f"{where}{error.strerror}"))
        return IoFailed.status
    except Exception:  # the last word on what nobody foresaw
        screen.bug(traceback.format_exc(), BUG)
        return BUG


def main(root: Path | None = None) -> int:
    """Run the command line for the project at `root` (default: the current directory); the exit status."""
    root = root or Path.cwd()
    screen = Screen(sys.stdout, sys.stderr, color="NO_COLOR" not in os.environ)
    # Profiles are only read, by ourselves: a short name keeps messages short.
    profiles = root / "profiles"
    here = Path.cwd()
    profiles = profiles.relative_to(here) if profiles.is_relative_to(here) else profiles
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    return run(sys.argv[1:], House(root, profiles, root / "build", screen, dict(os.environ)))


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    """Stop once, in order; a second signal must not interrupt what cleans up after the first."""
    for every in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(every, signal.SIG_IGN)
    raise KeyboardInterrupt
