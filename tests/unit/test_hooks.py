"""Hooks are elements: ordered by number alone, and whatever would never run or run twice is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from asl_image.errors import ConfigError
from asl_image.hooks import HookSet, Script, load_hooks, number_of


@pytest.fixture
def hooks(tmp_path: Path) -> Path:
    """A folder with an element that provides the operating system, as the resolver demands."""
    (tmp_path / "debian").mkdir()
    (tmp_path / "debian" / "element-provides").write_text("operating-system\n")
    return tmp_path


def add(hooks: Path, element: str, script: str, *, depends: str = "debian", mode: int = 0o755) -> Path:
    path = hooks / element / script
    path.parent.mkdir(parents=True, exist_ok=True)
    (hooks / element / "element-deps").write_text(f"{depends}\n")
    path.write_text("#!/bin/bash\nset -eu\n")
    path.chmod(mode)
    return path


def test_scripts_of_all_elements_run_in_the_order_of_their_numbers(hooks: Path) -> None:
    add(hooks, "aa", "install.d/90-last")
    add(hooks, "aa", "install.d/05-first")
    add(hooks, "zz", "install.d/10-middle")

    found = load_hooks(["zz", "aa"], hooks)

    assert [script.name for script in found.phase("install")] == ["05-first", "10-middle", "90-last"]
    assert found.phase("finalise") == ()


def test_what_an_element_depends_on_comes_along(hooks: Path) -> None:
    add(hooks, "low", "install.d/10-low")
    add(hooks, "high", "install.d/20-high", depends="low")

    assert load_hooks(["high"], hooks).elements == ("debian", "high", "low")


def test_the_order_in_which_a_profile_names_them_does_not_matter(hooks: Path) -> None:
    add(hooks, "aa", "install.d/10-a")
    add(hooks, "zz", "install.d/10-z")

    assert load_hooks(["aa", "zz"], hooks) == load_hooks(["zz", "aa"], hooks)


def test_a_profile_without_hooks_needs_none(tmp_path: Path) -> None:
    assert load_hooks([], tmp_path / "none") == HookSet((), ())


def test_two_scripts_of_one_name_in_a_phase_are_refused(hooks: Path) -> None:
    add(hooks, "aa", "install.d/10-x")
    add(hooks, "zz", "install.d/10-x")

    with pytest.raises(ConfigError, match=r"zz/install\.d/10-x: aa has a script of this name"):
        load_hooks(["aa", "zz"], hooks)


def test_one_name_in_two_phases_is_fine(hooks: Path) -> None:
    add(hooks, "aa", "install.d/10-x")
    add(hooks, "aa", "finalise.d/10-x")

    assert len(load_hooks(["aa"], hooks).scripts) == 2


def test_a_script_that_would_never_run_is_refused(hooks: Path) -> None:
    path = add(hooks, "aa", "install.d/10-x", mode=0o644)

    with pytest.raises(ConfigError, match="10-x: not executable") as caught:
        load_hooks(["aa"], hooks)
    assert caught.value.hint == f"chmod +x {path}"


def test_an_unknown_hook_is_refused_with_those_that_there_are(hooks: Path) -> None:
    with pytest.raises(ConfigError, match="no such hook: asl-nix") as caught:
        load_hooks(["asl-nix"], hooks)
    assert caught.value.hint == "known: debian"


def test_an_element_that_depends_on_an_unknown_one_is_refused(hooks: Path) -> None:
    add(hooks, "aa", "install.d/10-x", depends="nowhere")

    with pytest.raises(ConfigError, match="nowhere"):
        load_hooks(["aa"], hooks)


def test_a_phase_is_known_by_its_scripts_its_environment_and_its_runner() -> None:
    def digest(text: str = "a", environment: str = "b", runner: str = "c", other: str = "d") -> str:
        scripts = (
            Script("install", "e", "10-x", text.encode(), True),
            Script("environment", "e", "10-y", environment.encode(), False),
            Script("finalise", "e", "10-z", other.encode(), True),
        )
        return HookSet(("e",), scripts, runner.encode()).digest("install")

    assert len({digest(), digest(text="x"), digest(environment="x"), digest(runner="x")}) == 4
    assert digest(other="x") == digest()


def test_what_is_laid_out_for_a_phase_holds_that_phase_alone(hooks: Path) -> None:
    add(hooks, "aa", "install.d/10-x")
    add(hooks, "aa", "finalise.d/20-y")
    add(hooks, "aa", "environment.d/10-e", mode=0o644)

    tree = {entry.name: entry for entry in load_hooks(["aa"], hooks).tree("install")}

    assert sorted(tree) == ["dib-run-parts", "environment.d", "environment.d/10-e", "install.d", "install.d/10-x"]
    assert tree["install.d/10-x"].mode == 0o755
    assert tree["dib-run-parts"].data is not None
    assert tree["dib-run-parts"].data.startswith(b"#!/bin/bash")


@pytest.mark.parametrize(("name", "number"), [("10-x", 10), ("05-x", 5), ("x", 0), ("1x-y", 0)])
def test_the_leading_number_orders(name: str, number: int) -> None:
    assert number_of(name) == number
