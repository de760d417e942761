"""What can be otherwise has names; what a host can't do is said, and what leaks is called by its name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from asl_image.attribution import Pair, cause_of
from asl_image.errors import ConfigError
from asl_image.inventory import Item
from asl_image.mounts import file_system_of
from asl_image.surroundings import CAUSES, NAMES, VARIATIONS, Preloaded, Surroundings, chosen, rules_for
from asl_image.variety import FIRST_SUBORDINATE, MEMORY_MIB, HostFacts, impossible

HOST = HostFacts(
    uid=0,
    processors=(0, 1, 2, 3),
    file_system="ext4",
    free_memory_mib=MEMORY_MIB,
    known_file_systems=frozenset({"nodev", "tmpfs", "ext4", "btrfs"}),
    programs=frozenset({"newuidmap", "mkfs.btrfs", "mkfs.ext4"}),
    subordinates="",
)
PLACE = Path("/somewhere/again/smoke/build")


def test_variations_come_in_one_order_whatever_is_typed() -> None:
    assert chosen("order, time") == ("time", "order")
    assert chosen("order,all") == NAMES


@pytest.mark.parametrize(("text", "said"), [("tiem", "did you mean 'time'"), ("", "known are time, zone"), (",", "''")])
def test_a_variation_that_nobody_knows_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        chosen(text)
    assert said in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("name", NAMES)
def test_each_variation_changes_something_and_the_others_nothing(name: str) -> None:
    plain, around = HOST.surroundings(()), HOST.surroundings((name,))

    assert plain == Surroundings()
    assert around != plain
    changed = {key for key in Surroundings.model_fields if getattr(around, key) != getattr(plain, key)}
    # Somebody else can't use what root has kept.
    assert len(changed - ({"first_subordinate", "warm"} if name == "user" else set())) == 1


def test_each_variation_and_each_cause_has_one_name() -> None:
    assert len(CAUSES) == len(VARIATIONS) == len(set(CAUSES.values()))


def test_a_host_that_has_everything_can_do_everything() -> None:
    assert impossible(HOST) == {}


LACKS: Mapping[str, tuple[HostFacts, str, str]] = {
    "one processor": (replace(HOST, processors=(3,)), "cpus", "one processor only"),
    "an ordinary user": (replace(HOST, uid=1000), "user", "start the test as root"),
    "no newuidmap": (replace(HOST, programs=frozenset()), "user", "apt install uidmap"),
    "no namespaces": (replace(HOST, ordinary="Operation not permitted"), "user", "Operation not permitted"),
    "no numbers": (replace(HOST, subordinates="me:1:4294967000\n"), "user", "no range"),
    "no memory, no disk": (
        replace(HOST, free_memory_mib=1, programs=frozenset({"newuidmap"})), "file-system", "free memory",
    ),
    "no memory, no root": (replace(HOST, free_memory_mib=1, uid=1000), "file-system", "free memory"),
}  # fmt: skip


@pytest.mark.parametrize("lack", LACKS)
def test_what_a_host_can_not_vary_is_named_with_the_reason(lack: str) -> None:
    host, name, why = LACKS[lack]

    assert why in impossible(host)[name]


@pytest.mark.parametrize(
    ("host", "other"),
    [
        (HOST, "tmpfs"),
        (replace(HOST, free_memory_mib=1), "btrfs"),
        (replace(HOST, file_system="tmpfs"), "btrfs"),
        (replace(HOST, file_system="btrfs", free_memory_mib=1), "ext4"),
    ],
)
def test_the_other_file_system_is_another_one(host: HostFacts, other: str) -> None:
    assert host.other_file_system() == other


def test_numbers_for_owners_are_nobody_elses() -> None:
    assert HOST.first_subordinate() == FIRST_SUBORDINATE
    assert replace(HOST, subordinates="me:100000:65536\nyou:2000000000:65536\n").first_subordinate() == 2000065536


LEAKS = {
    "hostname": (b"built on mine", b"built on asl-elsewhere"),
    "zone": (b"Sun Nov 22 02:00 UTC", b"Sun Nov 22 16:00 KIRI"),
    "locale": (b"LC_ALL=C.UTF-8", b"LC_ALL=tr_TR.UTF-8"),
    "umask": (b"0022\n", b"0077\n"),
    "user": (b"0 0 4294967295\n", b"0 65534 1\n1 1073741824 65535\n"),
    "file system": (b"ext2/ext3\n", b"tmpfs\n"),
    "path": (b"--build /x/build y", b"--build /somewhere/again/smoke/build y"),
    "cpus": (b"threads: 4\n", b"threads: 1\n"),
    "order": (b"a b c", b"c a b"),
    "clock": (b"1795140670", b"2095153015"),
    "random": (b"0b0bfad7-0000-4000-8000-00000000000a", b"1b0bfad7-0000-4000-8000-00000000000b"),
    "unexplained": (b"14 threads", b"11 threads"),
}


def pair(before: bytes, after: bytes) -> Pair:
    one, other = (Item("file", 0o644, 0, 0, 1, len(data), hashlib.sha256(data).hexdigest()) for data in (before, after))
    return Pair("usr/x", one, other, lambda: (before, after))


@pytest.mark.parametrize("cause", LEAKS)
def test_a_leak_is_called_by_its_name(cause: str) -> None:
    rules = rules_for(HOST.surroundings(NAMES), [PLACE], len(HOST.processors))

    assert cause_of(pair(*LEAKS[cause]), rules)[0] == cause


@pytest.mark.parametrize("cause", ["hostname", "zone", "locale", "umask", "user", "file system", "cpus"])
def test_what_was_not_varied_is_not_to_blame(cause: str) -> None:
    others = [name for name in NAMES if CAUSES[name] != cause]
    rules = rules_for(HOST.surroundings(others), [PLACE], len(HOST.processors))

    assert cause_of(pair(*LEAKS[cause]), rules)[0] != cause


def test_what_both_builds_say_is_no_leak_of_the_second() -> None:
    rules = rules_for(HOST.surroundings(NAMES), [PLACE], len(HOST.processors))

    assert cause_of(pair(b"tmpfs nobody 65534 x", b"tmpfs nobody 65534 y"), rules)[0] == "unexplained"


def test_programs_in_every_chroot_find_the_library_by_the_first_process() -> None:
    preloaded = Preloaded(library=Path("/b/elsewhere.so"))

    assert preloaded.for_builder() == {"LD_PRELOAD": "/b/elsewhere.so"}
    assert preloaded.for_programs() == {"LD_PRELOAD": "/proc/1/root/b/elsewhere.so"}
    assert Preloaded().for_programs() == Preloaded().for_builder() == {}


def test_the_file_system_of_a_path_is_that_of_the_deepest_mount_that_is_seen(tmp_path: Path) -> None:
    lines = [
        "1 0 8:1 / / rw - ext4 /dev/a rw",
        f"2 1 0:1 / {tmp_path} rw - xfs /dev/b rw",
        f"3 2 0:2 / {tmp_path} rw shared:1 - tmpfs tmpfs rw",
        f"4 2 0:3 / {tmp_path}/other rw - btrfs /dev/c rw",
    ]

    assert file_system_of(tmp_path / "x", "\n".join(lines)) == "tmpfs"
    assert file_system_of(Path("/"), "\n".join(lines)) == "ext4"
