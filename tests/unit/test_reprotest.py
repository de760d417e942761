"""When two builds differ, building with one variation at a time says which one is to blame."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from asl_image import cli
from asl_image.compare import FOLLOWS, Comparison, Difference
from asl_image.errors import Refused
from asl_image.house import House
from asl_image.reprotest import Outcome, as_lines, check_possible, narrowed
from asl_image.screen import Screen
from asl_image.verbs.buildoptions import BuildOptions
from asl_image.verbs.repro_test import option_words

CLOCK = Difference("layer base", "/clock", "1", "2", "clock")
HOST = Difference("layer base", "/host", "1", "2", "hostname")
ODD = Difference("layer base", "/odd", "1", "2")
SEAL = Difference("medium", "/asl/SHA256SUMS", "1", "2", FOLLOWS)


def outcome(varied: Sequence[str], *differences: Difference, papers: tuple[str, ...] = ()) -> Outcome:
    return Outcome(tuple(varied), "0" * 64, Comparison(differences, {}), papers)


class Trials:
    """Second builds that differ as `leaks` says: by variation, or by "" whatever is varied."""

    def __init__(self, leaks: Mapping[str, tuple[Difference, ...]]) -> None:
        self.leaks = leaks
        self.tried: list[tuple[str, ...]] = []

    def __call__(self, names: Sequence[str]) -> Outcome:
        self.tried.append(tuple(names))
        found = [each for name in ("", *names) for each in self.leaks.get(name, ())]
        return outcome(names, *found, *([SEAL] if found else []))


def test_each_leak_is_found_with_its_variation_and_what_only_follows_is_not() -> None:
    trials = Trials({"time": (CLOCK,), "hostname": (HOST,)})
    whole = trials(("time", "zone", "hostname", "cpus"))

    blames, left = narrowed(whole, trials, lambda _: None)

    assert [(blame.variation, blame.names) for blame in blames] == [
        ("time", ("layer base /clock",)),
        ("hostname", ("layer base /host",)),
    ]
    assert left == frozenset()


def test_what_the_causes_speak_of_is_tried_first_and_nothing_when_all_is_found() -> None:
    trials = Trials({"hostname": (HOST,)})
    whole = trials(("time", "zone", "hostname", "cpus"))
    trials.tried.clear()

    narrowed(whole, trials, lambda _: None)

    assert trials.tried == [(), ("hostname",)]


def test_what_differs_by_itself_is_blamed_on_nothing() -> None:
    trials = Trials({"": (ODD,), "time": (CLOCK,)})
    whole = trials(("time", "cpus"))

    blames, left = narrowed(whole, trials, lambda _: None)

    assert [(blame.variation, blame.names) for blame in blames] == [
        ("", ("layer base /odd",)),
        ("time", ("layer base /clock",)),
    ]
    assert left == frozenset()


def test_what_no_variation_changes_alone_is_said_to_take_several() -> None:
    trials = Trials({})
    whole = outcome(("time", "cpus"), ODD, SEAL)

    blames, left = narrowed(whole, trials, lambda _: None)

    assert blames == []
    assert left == {"layer base /odd"}
    assert as_lines(whole, blames, left) == ["  (only together)   layer base /odd  [unexplained]"]


def test_a_files_mode_and_its_content_may_have_two_to_blame() -> None:
    both = replace(CLOCK, before="mode 0644, size 3, sha256 12", after="mode 0600, size 4, sha256 34")
    content = replace(CLOCK, before="size 3, sha256 12", after="size 4, sha256 34")
    trials = Trials({"umask": (replace(CLOCK, before="mode 0644", after="mode 0600"),), "time": (content,)})

    blames, left = narrowed(outcome(("umask", "time"), both), trials, lambda _: None)

    assert [(blame.variation, blame.names) for blame in blames] == [
        ("time", ("layer base /clock (content)",)),
        ("umask", ("layer base /clock (mode)",)),
    ]
    assert left == frozenset()


def test_a_paper_alone_that_differs_is_a_difference() -> None:
    found = outcome(("time",), papers=("x.manifest.json",))

    assert not found.equal
    assert found.names() == {"paper x.manifest.json"}


def test_blame_is_told_with_the_causes() -> None:
    trials = Trials({"time": (CLOCK,)})
    whole = trials(("time",))

    assert as_lines(whole, *narrowed(whole, trials, lambda _: None)) == [
        "  time              1 differ  [clock]",
        "    layer base /clock  [clock]",
    ]


def test_what_a_host_can_not_do_is_refused_when_it_was_asked_for_and_left_out_otherwise() -> None:
    assert check_possible(("time", "user"), {"user": "no", "cpus": "no"}, strict=False) == ("time",)
    with pytest.raises(Refused) as caught:
        check_possible(("time", "user"), {"user": "no newuidmap", "cpus": "no"}, strict=True)
    assert caught.value.details == ("user: no newuidmap",)


@pytest.mark.parametrize(("words", "said"), [("tiem", "did you mean 'time'?"), ("time,", "")])
def test_a_variation_that_nobody_knows_is_status_2_before_anything_is_built(
    words: str, said: str, tmp_path: Path
) -> None:
    out, err = io.StringIO(), io.StringIO()
    house = House(tmp_path, tmp_path / "profiles", tmp_path / "build", Screen(out, err), {})

    assert cli.run(["repro-test", "no-such-profile", "--variations", words], house) == 2
    assert said in err.getvalue()
    assert not (tmp_path / "build").exists()


def test_a_release_is_tested_again_by_its_commit() -> None:
    """A copy of a checkout can't be released; the switch changes no byte, the commit does."""
    options = BuildOptions("smoke", locked=True, engine="debootstrap", commit="0" * 40, release=True)

    assert option_words(options) == ["--locked", "--engine", "debootstrap", "--commit", "0" * 40, "--release"]
    assert option_words(replace(options, release=False))[-1] == "0" * 40
