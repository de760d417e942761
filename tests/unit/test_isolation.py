"""A host can build as root, rootless, both or neither; what is in the way is named, with what helps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from asl_image.errors import ProgramFailed
from asl_image.isolation import (
    HELPERS,
    SWITCHES,
    UID_MAPS,
    Ground,
    may_set_numbers,
    numbers,
    root_obstacles,
    rootless_obstacles,
    survey,
)
from asl_image.runner import Command
from asl_image.verbs.doctor import ways_to_build

MAPS = dict.fromkeys(UID_MAPS, "you:100000:65536\nme:165536:65536\n")
GOOD = Ground(1000, "me", frozenset(HELPERS), MAPS, {"kernel/unprivileged_userns_clone": "1"})

BAD: Mapping[str, tuple[Ground, str]] = {
    "no newuidmap": (replace(GOOD, helpers=frozenset({"newgidmap"})), "newuidmap is missing"),
    "no newgidmap": (replace(GOOD, helpers=frozenset({"newuidmap"})), "newgidmap is missing"),
    "no uids": (
        replace(GOOD, maps={**MAPS, "/etc/subuid": "you:1:65536"}),
        "/etc/subuid gives me 0 numbers, 65536 are needed: usermod --add-subuids 100000-165535 me",
    ),
    "no gids": (replace(GOOD, maps={"/etc/subuid": MAPS["/etc/subuid"]}), "usermod --add-subgids"),
    "few uids": (replace(GOOD, maps={**MAPS, "/etc/subuid": "me:100000:1000"}), "gives me 1000 numbers"),
    **{
        name: (replace(GOOD, switches={name: value}), f"{name.replace('/', '.')} is {value}: {remedy}")
        for name, (value, remedy) in SWITCHES.items()
    },
    "something else": (replace(GOOD, probe="unshare failed: Operation not permitted"), "Operation not permitted"),
}


def test_a_host_that_gives_an_ordinary_user_all_he_needs_can_build_rootless() -> None:
    assert rootless_obstacles(GOOD) == ()


@pytest.mark.parametrize("name", BAD)
def test_what_keeps_an_ordinary_user_from_building_is_named_alone_with_what_helps(name: str) -> None:
    ground, said = BAD[name]
    (obstacle,) = rootless_obstacles(ground)

    assert said in obstacle


def test_where_a_cause_is_known_the_kernels_own_words_are_not_repeated() -> None:
    ground = replace(BAD["kernel/unprivileged_userns_clone"][0], probe="Operation not permitted")

    assert len(rootless_obstacles(ground)) == 1


def test_several_obstacles_are_told_at_once() -> None:
    ground = replace(GOOD, helpers=frozenset(), maps={}, switches={"user/max_user_namespaces": "0"})

    assert len(rootless_obstacles(ground)) == 5


def test_the_first_range_of_a_user_counts_and_nonsense_is_none() -> None:
    assert numbers("me:1:10\nme:100000:65536\n", "me") == 10
    assert numbers("me:x\nme\nmesame:1:65536\n", "me") == 0


def test_root_can_build_unless_the_container_forbids_it() -> None:
    root = replace(GOOD, uid=0, user="")

    assert root_obstacles(root) == ()
    assert "CAP_SYS_ADMIN" in root_obstacles(replace(root, own="Operation not permitted"))[0]
    assert root_obstacles(GOOD) == ("you are me: sudo build.py build PROFILE",)


def test_for_root_whom_nobody_called_any_ordinary_user_counts() -> None:
    assert rootless_obstacles(replace(GOOD, uid=0, user="", maps={})) == ()


def test_doctor_demands_the_way_of_who_asks_and_only_tells_of_the_other() -> None:
    lame = replace(GOOD, helpers=frozenset())
    as_user = {check.name: (check.ok, check.packages) for check in ways_to_build(lame)}
    as_root = {check.name: (check.ok, check.packages) for check in ways_to_build(replace(lame, uid=0, user=""))}

    assert as_user == {"build as root": (None, ()), "build rootless": (False, ("uidmap",))}
    assert as_root == {"build as root": (True, ()), "build rootless": (None, ())}


class Refusing:
    """A runner on a kernel that makes no user namespaces."""

    def run(self, command: Command) -> None:
        if "--user" in command.argv:
            raise ProgramFailed("unshare ended with status 1", details=("unshare: unshare failed: No space left",))

    def read(self, command: Command) -> str:
        raise NotImplementedError


def test_the_kernel_is_asked_by_trying_and_its_last_words_are_kept() -> None:
    ground = survey(Refusing(), lambda _: None, "me")

    assert ground.probe == "unshare: unshare failed: No space left"
    assert ground.own == ""
    assert ground.helpers == frozenset()


def test_a_helper_without_its_rights_is_none(tmp_path: Path) -> None:
    helper = tmp_path / "newuidmap"
    helper.touch(mode=0o755)
    assert not may_set_numbers(helper)
    helper.chmod(0o4755)
    assert may_set_numbers(helper)
    assert not may_set_numbers(tmp_path / "no such file")
