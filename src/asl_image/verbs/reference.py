"""reference: print the page that describes every verb and option, made from the front door itself."""

from __future__ import annotations

from collections.abc import Iterator

import click

from asl_image import __version__
from asl_image.verbs import House
from asl_image.verbsdoc import DoorText, OptionText, VerbText, man_page, reference_page

# On every verb, so said once.
COMMON = ("--json", "--help")


@click.command()
@click.option("--man", is_flag=True, help="A manual page (for `man -l -`) instead.")
@click.pass_context
def reference(context: click.Context, man: bool) -> None:
    """Print the reference page of the verbs (docs/reference.md)."""
    house = context.ensure_object(House)
    door = door_text(context.find_root())
    page = man_page(door) if man else reference_page(door)
    house.screen.result(page, {"man" if man else "markdown": page})


def door_text(root: click.Context) -> DoorText:
    """The front door of the context, taken apart."""
    group = root.command
    assert isinstance(group, click.Group)  # noqa: S101 - the door is one
    options = option_texts(group, root)
    return DoorText(
        program=str(root.info_name),
        version=__version__,
        meaning=str(group.help),
        options=tuple(option for option in options if not set(COMMON) & set(option.words)),
        common=tuple(option for option in options if set(COMMON) & set(option.words)),
        verbs=tuple(verb_text(name, verb, root) for name, verb in verbs_of(group)),
    )


def verbs_of(group: click.Group) -> Iterator[tuple[str, click.Command]]:
    """Every verb with the words that it is called by, sorted; of a group its members."""
    for name, verb in sorted(group.commands.items()):
        if isinstance(verb, click.Group):
            yield from ((f"{name} {word}", each) for word, each in verbs_of(verb))
        elif not verb.hidden:
            yield name, verb


def verb_text(name: str, verb: click.Command, root: click.Context) -> VerbText:
    """One verb, without the options that every verb has."""
    context = click.Context(verb, parent=root, info_name=name)
    options = option_texts(verb, context)
    return VerbText(
        name=name,
        usage=" ".join((name, *verb.collect_usage_pieces(context))),
        meaning=str(verb.help),
        options=tuple(option for option in options if not set(COMMON) & set(option.words)),
    )


def option_texts(command: click.Command, context: click.Context) -> list[OptionText]:
    """The options that a command shows in its help, in that order."""
    options = [param for param in command.get_params(context) if isinstance(param, click.Option) and not param.hidden]
    return [option_text(option, context) for option in options]


def option_text(option: click.Option, context: click.Context) -> OptionText:
    """One option as its help has it."""
    choices = tuple(map(str, option.type.choices)) if isinstance(option.type, click.Choice) else ()
    takes_value = not option.is_flag and not option.count and not choices
    return OptionText(
        words=tuple(option.opts),
        meaning=option.help or "",
        value=option.make_metavar(context) if takes_value else "",
        choices=choices,
        default=str(option.default) if option.show_default else "",
    )
