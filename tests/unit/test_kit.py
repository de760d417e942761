"""Kits: the same bytes for the same project, and whatever is done to one is seen and named."""

from __future__ import annotations

import json
import os
import random
import tarfile
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from asl_image.errors import CheckFailed, ConfigError, IoFailed, Refused
from asl_image.kit import KitMember, archive_size, kit_schema, link_digest, offsets, sources_digest, stored_path
from asl_image.kitexport import write_kit
from asl_image.kituse import fill_store, locks_of, opened, unpack_kit
from asl_image.kitverify import read_index
from asl_image.store import Store
from asl_image.tree_writer import file, symlink
from support.kits import BASH, KEYRING, LINK, TZDATA, Parts, Project, changed, make_project, sha256, take_apart, verdict

SCHEMA = Path(__file__).parents[2] / "docs/kit-1.schema.json"
BASH_PATH = stored_path(sha256(BASH.to_bytes()))
TZDATA_PATH = stored_path(sha256(TZDATA.to_bytes()))
ISSUE = "overlays/base/root/etc/issue"


def silent(_: int) -> None:
    """Nobody looks at the progress."""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path)


@pytest.fixture
def kit(project: Project, tmp_path: Path) -> Path:
    return project.export(tmp_path / "try.kit.tar")


def test_a_good_kit_has_every_package_tool_keyring_lock_and_source_and_passes_every_check(kit: Path) -> None:
    parts = take_apart(kit)
    names = {entry.name for entry in parts.entries}

    assert verdict(kit) == {}
    assert {BASH_PATH, TZDATA_PATH, f"build/keyrings/{sha256(KEYRING)}.gpg", LINK, ISSUE, "build.py"} <= names
    assert {"profiles/try.lock.yaml", "profiles/tools-tree.lock.yaml"} <= names
    assert [each["path"] for each in parts.index["members"]] == [entry.name for entry in parts.entries]
    assert parts.said(BASH_PATH)["what"] == "bash 1:5.2-2+b1 amd64"
    with opened(kit) as archive:
        assert kit.stat().st_size == archive_size(read_index(archive, kit.name))


def test_the_same_project_gives_the_same_bytes_whatever_its_place_umask_times_and_owner_s_modes(tmp_path: Path) -> None:
    first = make_project(tmp_path / "one").export(tmp_path / "first.tar")
    before = os.umask(0o077)
    try:
        second = make_project(tmp_path / "two")
        os.utime(second.root / "build.py", (1, 1))
        (second.root / "src/asl_image/__pycache__").mkdir()
        (second.root / "src/asl_image/__pycache__/cli.pyc").write_bytes(b"compiled")
        other = second.export(tmp_path / "second.tar")
    finally:
        os.umask(before)

    assert first.read_bytes() == other.read_bytes()
    assert other.stat().st_mode & 0o777 == 0o644


def test_another_byte_in_a_source_gives_another_kit(project: Project, kit: Path, tmp_path: Path) -> None:
    (project.root / ISSUE).write_text("hullo\n")

    assert project.export(tmp_path / "other.tar").read_bytes() != kit.read_bytes()


def test_an_index_is_valid_under_the_published_schema(kit: Path) -> None:
    schema = json.loads(SCHEMA.read_text())

    assert schema == kit_schema(), "run: ./build.py schema kit > docs/kit-1.schema.json"
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(take_apart(kit).index)


def test_the_schema_refuses_a_member_without_a_hash(kit: Path) -> None:
    index = take_apart(kit).index
    del index["members"][0]["sha256"]

    assert not jsonschema.Draft202012Validator(kit_schema()).is_valid(index)


def test_any_tar_unpacks_what_we_unpack(kit: Path, tmp_path: Path) -> None:
    unpack_kit(kit, tmp_path / "ours", silent)
    with tarfile.open(kit) as archive:
        archive.extractall(tmp_path / "theirs", filter="fully_trusted")  # noqa: S202 - it is our own

    ours, theirs = (
        {
            path.relative_to(at).as_posix(): str(path.readlink()) if path.is_symlink() else path.read_bytes()
            for path in at.rglob("*")
            if path.is_symlink() or path.is_file()
        }
        for at in (tmp_path / "ours", tmp_path / "theirs")
    )
    assert ours == theirs
    assert os.access(tmp_path / "ours/build.py", os.X_OK)
    assert Store(tmp_path / "ours/build/store").verified(sha256(BASH.to_bytes()), "bash")


def test_the_sources_can_be_had_alone(kit: Path, tmp_path: Path) -> None:
    unpack_kit(kit, tmp_path / "to", silent, only_sources=True)

    assert (tmp_path / "to/profiles/try.lock.yaml").exists()
    assert not (tmp_path / "to/build").exists()


# --- what is done to a kit ----------------------------------------------------------------------------------------


def replaced(parts: Parts) -> None:
    parts.set(BASH_PATH, BASH.to_bytes()[:-1] + b"!")


def replaced_and_indexed(parts: Parts) -> None:
    replaced(parts)
    parts.indexed(BASH_PATH)


def replaced_indexed_and_named(parts: Parts) -> None:
    evil = b"another package"
    parts.drop(BASH_PATH, indexed=True)
    parts.add(file(stored_path(sha256(evil)), evil, 0o444), "package", "bash 1:5.2-2+b1 amd64")


def shorter(parts: Parts) -> None:
    parts.set(TZDATA_PATH, TZDATA.to_bytes()[:-700])


def twice(parts: Parts) -> None:
    parts.entries.insert(parts.at(TZDATA_PATH) + 1, parts.entries[parts.at(TZDATA_PATH)])


def twice_and_indexed(parts: Parts) -> None:
    twice(parts)
    parts.index["members"].insert(0, parts.said(TZDATA_PATH))
    parts.index["members"].sort(key=lambda each: each["path"].split("/"))


def swapped(parts: Parts) -> None:
    parts.entries[0], parts.entries[1] = parts.entries[1], parts.entries[0]


def added(path: str, role: str | None = None) -> Callable[[Parts], None]:
    return lambda parts: parts.add(file(path, b"evil", 0o444 if role in ("package", "tool") else 0o644), role)


def linked(path: str, target: str, role: str | None = None) -> Callable[[Parts], None]:
    return lambda parts: parts.add(symlink(path, target), role)


def made_a_link(parts: Parts) -> None:
    parts.entries[parts.at("build.py")] = symlink("build.py", "/etc/passwd")


def through_a_link(parts: Parts) -> None:
    parts.add(file(f"{LINK}/cron", b"evil"), "source")


def edited_lock(parts: Parts) -> None:
    data = parts.entries[parts.at("profiles/try.lock.yaml")].data or b""
    parts.set("profiles/try.lock.yaml", data.replace(b"archive: debian,", b"archive: debian ,"))
    parts.indexed("profiles/try.lock.yaml")


def other_keyring(parts: Parts) -> None:
    path = f"build/keyrings/{sha256(KEYRING)}.gpg"
    parts.set(path, b"another keyring")
    parts.indexed(path)


def other_source(parts: Parts) -> None:
    parts.set(ISSUE, b"changed\n")
    parts.indexed(ISSUE)


def called_renewed(parts: Parts) -> None:
    parts.index["locks"][0]["state"] = "renewed"


EVIL = stored_path(sha256(b"evil"))
CHANGES: dict[str, tuple[Callable[[Parts], object], str, str]] = {
    "a .deb replaced": (replaced, "KIT-MEMBERS", "bash 1:5.2-2+b1 amd64: other bytes"),
    "a .deb cut": (shorter, "KIT-MEMBERS", "tzdata 2026f-0+deb13u1 all: other bytes"),
    "a .deb missing": (lambda p: p.drop(BASH_PATH, indexed=False), "KIT-MEMBERS", "bash 1:5.2-2+b1 amd64: missing"),
    "a .deb added": (added(EVIL), "KIT-MEMBERS", f"{EVIL}: not in the index"),
    "a .deb twice": (twice, "KIT-MEMBERS", "tzdata 2026f-0+deb13u1 all: there twice"),
    "a .deb replaced, in the index too": (
        replaced_and_indexed,
        "KIT-PACKAGES",
        "bash 1:5.2-2+b1 amd64: the index says",
    ),
    "a .deb exchanged, in the index too": (
        replaced_indexed_and_named,
        "KIT-PACKAGES",
        "amd64: locked, and not in the kit",
    ),
    "a .deb missing, in the index too": (
        lambda p: p.drop(BASH_PATH, indexed=True),
        "KIT-PACKAGES",
        "bash 1:5.2-2+b1 amd64: locked, and not in the kit",
    ),
    "a .deb added, in the index too": (added(EVIL, "package"), "KIT-PACKAGES", f"in no lock ({EVIL})"),
    "a .deb twice, in the index too": (twice_and_indexed, "KIT-PATHS", "named twice or out of order"),
    "a tool's file missing": (
        lambda p: p.drop(stored_path(sha256(b"a program")), indexed=True),
        "KIT-PACKAGES",
        "sops 3.11.0: bin/sops: locked",
    ),
    "two members swapped": (swapped, "KIT-FORM", "out of order"),
    "a path upwards": (added("../evil"), "KIT-MEMBERS", "../evil: leads out of the kit"),
    "a path upwards, in the index too": (added("a/../../evil", "source"), "KIT-PATHS", "evil: its path leads out"),
    "a path from the root, in the index too": (
        added("/etc/evil", "source"),
        "KIT-PATHS",
        "/etc/evil: its path leads out",
    ),
    "a link": (linked("evil", "/etc"), "KIT-MEMBERS", "evil: a link, to '/etc', that is not in the index"),
    "a link, in the index too": (
        linked("src/evil", "/etc", "source"),
        "KIT-PATHS",
        "a link, to /etc, where none belongs",
    ),
    "a link instead of a file": (made_a_link, "KIT-MEMBERS", "build.py: a link, to '/etc/passwd', instead of a file"),
    "a path through a link": (through_a_link, "KIT-PATHS", f"its path leads through the link {LINK}"),
    "a path through a file": (
        added("build.py/evil", "source"),
        "KIT-PATHS",
        "its path leads through the file build.py",
    ),
    "a source among results": (
        added("build/evil", "source"),
        "KIT-PATHS",
        "a source where the builder's own files lie",
    ),
    "a source among git's own files": (
        added(".git/config", "source"),
        "KIT-PATHS",
        "a source where the builder's own files lie",
    ),
    "a source in place of Python": (
        added(".venv/bin/python", "source"),
        "KIT-PATHS",
        "a source where the builder's own files lie",
    ),
    "a package among sources": (added("src/evil", "package"), "KIT-PATHS", "a package that does not lie in"),
    "a lock edited by hand": (edited_lock, "KIT-LOCKS", "profiles/try.lock.yaml:"),
    "a lock that is called renewed": (called_renewed, "KIT-LOCKS", "the index calls it renewed, and it is not"),
    "another keyring": (other_keyring, "KIT-KEYRINGS", "not the keyring of its name"),
    "another source": (other_source, "KIT-SOURCES", "not those of the digest"),
    "no builder": (lambda p: p.drop("build.py", indexed=True), "KIT-SOURCES", "build.py: missing"),
}


@pytest.mark.parametrize(("change", "check_id", "words"), CHANGES.values(), ids=CHANGES)
def test_what_is_done_to_a_kit_is_named(
    kit: Path, change: Callable[[Parts], object], check_id: str, words: str
) -> None:
    found = verdict(changed(kit, change))

    assert check_id in found, found
    assert any(words in detail for detail in found[check_id]), found


@pytest.mark.parametrize("change", [change for change, _, _ in CHANGES.values()], ids=CHANGES)
def test_nothing_of_a_kit_with_anything_wrong_is_unpacked(
    kit: Path, tmp_path: Path, change: Callable[[Parts], object]
) -> None:
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(CheckFailed, match="damaged"):
        unpack_kit(changed(kit, change), tmp_path / "to", silent)

    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "changed.kit.tar") == before


@pytest.mark.parametrize(
    ("at", "byte", "words"),
    [
        (100, b"7", "mode"),
        (108, b"1", "uid"),
        (146, b"1", "mtime"),
        (265, b"x", "uname"),
        (500, b"x", "what no program reads"),
    ],
)
def test_a_header_that_is_not_the_builder_s_is_named(kit: Path, at: int, byte: bytes, words: str) -> None:
    data = bytearray(kit.read_bytes())
    begin = data.index(b"build.py\0")
    data[begin + at : begin + at + 1] = byte
    total = sum(data[begin : begin + 148]) + 8 * ord(" ") + sum(data[begin + 156 : begin + 512])
    data[begin + 148 : begin + 156] = b"%06o\0 " % total
    kit.write_bytes(data)

    assert any("build.py" in detail and words in detail for detail in verdict(kit)["KIT-FORM"])


@pytest.mark.parametrize("more", [b"\0", b"\0" * 10240, b"x", b"\0" * 10239 + b"x"], ids=["1", "zeros", "x", "late x"])
def test_bytes_behind_a_kit_are_counted(kit: Path, more: bytes) -> None:
    kit.write_bytes(kit.read_bytes() + more)

    assert f"{len(more)} bytes behind the end of the archive" in verdict(kit)["KIT-FORM"]


def outcome(kit: Path) -> str:
    """What is wrong with a kit, or why it is none."""
    try:
        return str(dict(verdict(kit)))
    except (ConfigError, CheckFailed) as error:
        return f"{error} {error.details}"


def test_a_kit_that_is_cut_anywhere_is_never_taken_for_a_whole_one(kit: Path) -> None:
    data = kit.read_bytes()
    for length in (*range(0, len(data), 997), len(data) - 1):
        kit.write_bytes(data[:length])
        assert ("the archive ends" if length > 511 else "not a kit") in outcome(kit), length


def test_of_a_kit_that_is_cut_not_every_missing_member_is_named(project: Project, tmp_path: Path) -> None:
    for number in range(40):
        (project.root / f"src/{number}").touch()
    kit = project.export(tmp_path / "many.tar")
    with opened(kit) as archive:
        begin = offsets(read_index(archive, kit.name))["src/0"]
    kit.write_bytes(kit.read_bytes()[:begin])

    missing = verdict(kit)["KIT-MEMBERS"]
    assert (len(missing), missing[0], missing[-1]) == (21, "src/1: missing", "and 20 more are missing")


def test_no_flipped_bit_is_overlooked(kit: Path) -> None:
    data = kit.read_bytes()
    dice = random.Random(1)  # noqa: S311 - the same places every time
    for at in sorted(dice.sample(range(len(data)), 300)):
        kit.write_bytes(data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1 :])
        assert outcome(kit) != "{}", at


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a kit"),
        (b"x" * 2048, "not a kit"),
        (b"\0" * 10240, "not a kit"),
        (Parts({"format": "asl-image.kit/2"}, []).packed(), "not a kit of the form asl-image.kit/1"),
        (Parts({}, []).packed(), "not a kit of the form"),
    ],
    ids=["empty", "noise", "zeros", "another version", "no format"],
)
def test_what_is_no_kit_or_one_of_another_version_is_status_2(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "some.tar"
    path.write_bytes(data)

    with pytest.raises(ConfigError, match=words):
        verdict(path)


def test_an_index_that_is_not_written_or_packed_as_the_builder_does_it_is_refused(kit: Path) -> None:
    data = kit.read_bytes()
    kit.write_bytes(data.replace(b'{\n "builder": "', b'{\n "builder" :"', 1))
    with pytest.raises(CheckFailed, match="not as the builder writes it"):
        verdict(kit)

    info = tarfile.TarInfo.frombuf(data[:512], "utf-8", "strict")
    info.mtime += 1
    kit.write_bytes(info.tobuf(tarfile.PAX_FORMAT) + data[512:])
    with pytest.raises(CheckFailed, match="not packed as the builder packs it"):
        verdict(kit)


# --- making one ---------------------------------------------------------------------------------------------------


def test_a_kit_that_is_there_is_not_overwritten_unless_told_so(project: Project, kit: Path) -> None:
    kit.write_bytes(b"something dear")
    with pytest.raises(Refused, match="is there already"):
        project.export(kit)
    assert kit.read_bytes() == b"something dear"

    project.export(kit, force=True)
    assert verdict(kit) == {}


def test_a_damaged_store_makes_no_kit_and_names_the_package(project: Project, tmp_path: Path) -> None:
    path = project.store.path(sha256(BASH.to_bytes()))
    path.chmod(0o644)
    path.write_bytes(BASH.to_bytes()[:-1] + b"!")

    with pytest.raises(CheckFailed) as caught:
        project.export(tmp_path / "try.kit.tar")
    assert caught.value.details == ("KIT-MEMBERS bash 1:5.2-2+b1 amd64: other bytes than the index says",)
    assert list(tmp_path.glob("*try.kit*")) == []


def test_stopping_leaves_no_half_a_kit(project: Project, tmp_path: Path) -> None:
    written = 0

    def stop(count: int) -> None:
        nonlocal written
        written += count
        if written > 20_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_kit(project.contents(), tmp_path / "try.kit.tar", stop)
    assert list(tmp_path.glob("*try.kit*")) == []


def test_without_the_lock_s_keyring_there_is_no_kit(project: Project) -> None:
    project.keyring.write_bytes(b"that of another year")

    with pytest.raises(Refused, match="keyring") as caught:
        project.contents()
    assert f"sha256 {sha256(KEYRING)}" in caught.value.details


def test_a_link_where_none_belongs_makes_no_kit(project: Project) -> None:
    (project.root / "src/link").symlink_to("/etc")

    with pytest.raises(ConfigError) as caught:
        project.contents()
    assert caught.value.details == ("src/link: a link, to /etc, where none belongs",)


def test_a_renewed_lock_is_in_the_kit_beside_the_reviewed_one_and_is_called_so(tmp_path: Path) -> None:
    kit = make_project(tmp_path, renewed=True).export(tmp_path / "try.kit.tar")
    parts = take_apart(kit)

    assert verdict(kit) == {}
    assert parts.said("build/try/renewed.lock.yaml")["role"] == "lock"
    assert parts.said("profiles/try.lock.yaml")["role"] == "source"
    assert [lock["state"] for lock in parts.index["locks"]] == ["renewed", "reviewed"]


def test_a_renewed_lock_of_another_reviewed_one_is_named(tmp_path: Path) -> None:
    kit = make_project(tmp_path, renewed=True).export(tmp_path / "try.kit.tar")

    def other(parts: Parts) -> None:
        parts.set("profiles/try.lock.yaml", b"another\n")
        parts.indexed("profiles/try.lock.yaml")

    assert "does not stand in for the reviewed lock" in str(verdict(changed(kit, other))["KIT-LOCKS"])


def test_a_folder_that_is_there_is_not_unpacked_over(kit: Path, tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()

    with pytest.raises(Refused, match="is there already"):
        unpack_kit(kit, tmp_path / "to", silent)
    assert list((tmp_path / "to").iterdir()) == []


def test_what_the_disk_does_not_take_leaves_no_half_a_folder(kit: Path, tmp_path: Path) -> None:
    def too_long(parts: Parts) -> None:
        parts.add(file(f"src/{'x' * 300}", b"a name that no file system takes"), "source")
        members = (KitMember.model_validate_json(json.dumps(each)) for each in parts.index["members"])
        parts.index["sources"]["digest"] = sources_digest(members)

    other = changed(kit, too_long)
    before = {path.name for path in tmp_path.iterdir()}
    assert verdict(other) == {}
    with pytest.raises(IoFailed):
        unpack_kit(other, tmp_path / "to", silent)
    assert {path.name for path in tmp_path.iterdir()} == before


# --- using one ----------------------------------------------------------------------------------------------------


def test_a_kit_fills_an_empty_store_and_mends_a_damaged_one(kit: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "empty")
    bash, tzdata = sha256(BASH.to_bytes()), sha256(TZDATA.to_bytes())
    store.add([TZDATA.to_bytes()], tzdata, "tzdata", origin="test")
    store.path(tzdata).chmod(0o644)
    store.path(tzdata).write_bytes(b"damaged")
    with opened(kit) as archive:
        fill_store(archive, kit, read_index(archive, kit.name), store, silent)

    assert store.verified(bash, "bash").read_bytes() == BASH.to_bytes()
    assert store.verified(tzdata, "tzdata").read_bytes() == TZDATA.to_bytes()


def test_the_locks_of_a_kit_are_those_it_was_made_of(project: Project, kit: Path) -> None:
    assert locks_of(kit).locks == {"try": project.lock, "tools-tree": project.tools_tree}


def test_a_kit_whose_lock_changes_while_it_is_used_is_refused(kit: Path) -> None:
    with pytest.raises(CheckFailed, match="changed while it was used"):
        locks_of(changed(kit, edited_lock))
    with pytest.raises(CheckFailed, match="changed while it was used"):
        locks_of(changed(kit, lambda parts: parts.set("profiles/try.lock.yaml", b"x" * len(read(parts)))))


def read(parts: Parts) -> bytes:
    return parts.entries[parts.at("profiles/try.lock.yaml")].data or b""


def test_the_digest_of_a_link_is_that_of_its_target() -> None:
    assert link_digest("/dev/null") == sha256(b"/dev/null")
