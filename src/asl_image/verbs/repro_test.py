"""repro-test: build in deliberately different surroundings, and demand the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from asl_image.again import PASSED, Again, BuildFailed
from asl_image.building import only_builder
from asl_image.cache import Cache
from asl_image.comparetext import as_data, as_text
from asl_image.errors import CheckFailed, ConfigError, Refused
from asl_image.isolation import refusal
from asl_image.plan import Plan, make_plan
from asl_image.reprotest import Bench, Blame, Outcome, as_lines, check_possible, elsewhere_argv, narrowed
from asl_image.runner import Command, Runner
from asl_image.surroundings import NAMES, VARIATIONS, chosen
from asl_image.variety import HostFacts, impossible, look
from asl_image.verbs import House
from asl_image.verbs.buildoptions import BuildOptions, build_options

# What an earlier build leaves to a warm one: most of the time goes into these, and they are the first to run.
SEEDED = ("tools-tree", "root")


@click.command(name="repro-test")
@build_options
@click.option(
    "--variations",
    metavar="LIST",
    help=f"What is to be otherwise, separated by commas ({', '.join(NAMES)}), or `all`, which fails where this host "
    "can't. Without it: all that this host can.",
)
@click.option("--no-narrow", is_flag=True, help="Don't look for the one variation that is to blame.")
@click.option("--keep", is_flag=True, help="Keep the second image even if it is the same.")
@click.pass_obj
def repro_test(house: House, options: BuildOptions, variations: str | None, no_narrow: bool, keep: bool) -> int:
    """Build PROFILE again in other surroundings: other clock, user, host name, file system and so on; status 3 when the
    image or a paper beside it has other bytes, with what differs, why, and which variation is to blame."""
    asked = chosen(variations) if variations is not None else NAMES
    inputs = options.inputs(house)
    plan = make_plan(inputs)
    words = tuple(option_words(options))
    # A release changes no byte but by its commit, and a copy of a checkout is none that could be released.
    again = tuple(option_words(replace(options, release=False, commit=inputs.commit)))
    with TemporaryDirectory(prefix="asl-repro-") as scratch:
        runner = Runner(Path(scratch) / "log")
        trouble = refusal(runner, Command(elsewhere_argv(("true",))))
        if trouble:
            raise Refused("this host gives no namespaces to build in", details=(trouble,), hint="build.py doctor")
        host = look(house.build, runner)
    barred = impossible(host)
    strict = variations is not None or house.environ.get("CI") == "true"
    varied = check_possible(asked, barred, strict=strict)
    if any(mark in str(house.build) for mark in " :"):
        raise ConfigError(f"{house.build}: a library can't be loaded from a path with a blank or a colon")
    not_tried = {name: why for name, why in barred.items() if name in asked}
    for name, why in not_tried.items():
        house.screen.warning(f"{name} is not tried: {why}")
    build_first(house, options.profile, words)
    bench = bench_for(house, plan, again, host)
    blames: list[Blame] = []
    left: frozenset[str] = frozenset()
    with only_builder(bench.scratch), bench.tidied():
        house.screen.note(f"{plan.profile}: build again, otherwise are {', '.join(varied)}")
        found = bench.try_with(varied)
        kept = bench.keep() if keep or not found.equal else None
        if not found.equal and not no_narrow:
            blames, left = narrowed(found, bench.try_with, house.screen.note)
    return told(house, bench, found, blames, sorted(left), not_tried, kept)


def option_words(options: BuildOptions) -> list[str]:
    """The options, as they are typed behind `build PROFILE`."""
    words: list[str] = []
    for name, value in asdict(options).items():
        if name != "profile" and value:
            words += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
    return words


def build_first(house: House, profile: str, words: tuple[str, ...]) -> None:
    """Have the first image built, or found to be up to date. Raises BuildFailed."""
    again = Again(house.root, house.profiles, house.store, house.build, profile, words, house.screen.progress)
    log = house.build / profile / "logs/repro-test.log"
    passed = {key: house.environ[key] for key in PASSED if key in house.environ}
    status = Runner(log).enter(Command(again.argv(), env=passed, stdout=log), itself=True)
    if status != 0:
        raise BuildFailed(profile, status, log.parent)


def bench_for(house: House, plan: Plan, words: tuple[str, ...], host: HostFacts) -> Bench:
    """Where second builds are made, with what an earlier build leaves to those that are warm."""
    ids, cache = plan.ids(), Cache(house.build / "cache", plan.profile)
    kept = (cache.find(plan.step(name), ids[name]) for name in SEEDED)
    seeds = tuple(str(found.relative_to(house.build / "cache")) for found in kept if found is not None)
    return Bench(house, plan.profile, words, seeds, host.surroundings, len(host.processors))


def told(
    house: House,
    bench: Bench,
    found: Outcome,
    blames: Sequence[Blame],
    left: Sequence[str],
    not_tried: dict[str, str],
    kept: Path | None,
) -> int:
    """Give the answer; returns the exit status."""
    done = {variation.name: variation.done for variation in VARIATIONS}
    first = bench.first_image
    lines = [f"{bench.profile}: the second build has {'the same' if found.equal else 'other'} bytes"]
    lines += [f"  {name:12} {done[name]}" for name in found.varied]
    lines += [f"  {name:12} NOT TRIED: {why}" for name, why in not_tried.items()]
    lines.append(f"sha256 {found.sha256}")
    if found.comparison.differences:
        lines += ["", as_text(str(first), str(kept / first.name if kept else first), found.comparison)]
    if found.papers:
        lines += ["", f"papers that differ: {', '.join(found.papers)}"]
    if blames or left:
        lines += ["", "to blame, each tried alone", *as_lines(found, blames, left)]
    if kept is not None:
        lines += ["", f"the second build is kept in {kept}"]
    answer = {
        "profile": bench.profile,
        "equal": found.equal,
        "varied": list(found.varied),
        "not_tried": not_tried,
        "sha256": found.sha256,
        "papers": list(found.papers),
        **{key: value for key, value in as_data(found.comparison).items() if key != "equal"},
        "blame": [{"variation": each.variation or None, "names": list(each.names)} for each in blames],
        "together": list(left),
        "kept": str(kept) if kept else None,
    }
    house.screen.result("\n".join(lines), answer)
    return 0 if found.equal else CheckFailed.status
