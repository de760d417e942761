"""Bring every .deb of a lock into the store: in parallel, resumable, and believed only after its SHA-256 is right.

The builder reaches the network here (through `web.py`), in `pypi.py` (through pip) and in `resolve.py` (through apt).
"""

from __future__ import annotations

import hashlib
import io
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from urllib.parse import quote

from asl_image.errors import Aborted, AslImageError, Busy, CheckFailed, IoFailed, Refused
from asl_image.lock import LockedPackage
from asl_image.network import Network
from asl_image.origins import Origins
from asl_image.store import CHUNK_BYTES, Store, io_failed, sha256_of, write_all
from asl_image.web import NotOffered, Unreachable, Web

WORKERS = 8
READ_BYTES = 128 << 10
PAUSES_S = (0.5, 1.0, 2.0)  # before a second, third and last try
PATIENCE_S = 1.0  # for a worker to see that it should stop; it is a daemon and may be left behind
BUSY_POLL_S = 0.2


class Stale(Refused):
    """Locked packages that no origin offers any more."""

    def __init__(self, packages: Sequence[LockedPackage], profile: str) -> None:
        count = "1 locked package is" if len(packages) == 1 else f"{len(packages)} locked packages are"
        super().__init__(
            f"the lock of {profile} is stale: {count} no longer offered",
            details=tuple(f"{package.name} {package.version} ({package.archive})" for package in packages),
            hint=(
                f"build.py lock {profile} makes a new lock for review; build.py fetch --renew {profile} "
                "(or make image) makes one in the build folder, for images that are not released"
            ),
        )
        self.packages = tuple(packages)


def missing_packages(
    packages: Iterable[LockedPackage], store: Store, warn: Callable[[str], None]
) -> list[LockedPackage]:
    """Those that are not whole in the store. Every file is read; a damaged one is thrown out, and said."""
    missing = []
    for package in packages:
        path = store.path(package.sha256)
        if path.exists() and sha256_of(path) != package.sha256:
            warn(f"{package.name}: the file in the store was damaged and is fetched again")
            store.remove(package.sha256)
        if not store.has(package.sha256):
            missing.append(package)
    return missing


def bytes_to_fetch(packages: Iterable[LockedPackage], store: Store) -> int:
    """How much is still to come, what lies in partial files left out."""
    total = 0
    for package in packages:
        part = store.part(package.sha256)
        total += package.size - (part.stat().st_size if part.exists() else 0)
    return total


def fetch_packages(
    profile: str,
    packages: Sequence[LockedPackage],
    store: Store,
    origins: Origins,
    network: Network,
    advance: Callable[[int], None],
    warn: Callable[[str], None],
    *,
    pauses_s: Sequence[float] = PAUSES_S,
) -> None:
    """Bring `packages` (see `missing_packages`) into the store.

    `advance` is told how many more bytes are here; negative when some have to be fetched again. `warn` is told what
    a person should see and what does not stop us.

    Raises Stale with all that no origin offers, CheckFailed for bytes that are not the lock's, IoFailed for an
    origin that can't be reached and for a full disk. What is whole stays; what is partial goes on next time.
    """
    _Fetch(profile, packages, store, origins, network, advance, warn, pauses_s).run()


class _Fetch:
    """One run: workers take packages from one queue and put what happened into another, which only we read."""

    def __init__(
        self,
        profile: str,
        packages: Sequence[LockedPackage],
        store: Store,
        origins: Origins,
        network: Network,
        advance: Callable[[int], None],
        warn: Callable[[str], None],
        pauses_s: Sequence[float],
    ) -> None:
        self._profile = profile
        self._wanted = tuple({package.sha256: package for package in packages}.values())
        self._store = store
        self._origins = origins
        self._network = network
        self._advance = advance
        self._warn = warn
        self._pauses_s = pauses_s
        self._stop = threading.Event()
        self._jobs: queue.SimpleQueue[LockedPackage] = queue.SimpleQueue()
        self._news: queue.SimpleQueue[int | tuple[LockedPackage, BaseException | None]] = queue.SimpleQueue()

    def run(self) -> None:
        for package in sorted(self._wanted, key=lambda each: -each.size):  # the longest first, so that all end together
            self._jobs.put(package)
        workers = [threading.Thread(target=self._work, daemon=True) for _ in range(min(WORKERS, len(self._wanted)))]
        for worker in workers:
            worker.start()
        try:
            stale = self._watch()
        finally:
            self._stop.set()
            for worker in workers:
                worker.join(PATIENCE_S)
        if stale:
            raise Stale(sorted(stale, key=lambda each: each.name), self._profile)

    def _watch(self) -> list[LockedPackage]:
        """Read the news until every package has had its own; the first real failure ends it."""
        stale: list[LockedPackage] = []
        waiting = len(self._wanted)
        while waiting:
            news = self._news.get()
            if isinstance(news, int):
                self._advance(news)
                continue
            waiting -= 1
            package, error = news
            if isinstance(error, NotOffered):
                stale.append(package)
            elif error is not None:
                raise error
        return stale

    def _work(self) -> None:
        with Web(self._network) as web:
            while not self._stop.is_set():
                try:
                    package = self._jobs.get_nowait()
                except queue.Empty:
                    return
                error: BaseException | None = None
                try:
                    self._bring(package, web)
                except BaseException as caught:
                    error = caught
                self._news.put((package, error))

    def _bring(self, package: LockedPackage, web: Web) -> None:
        """One package, from the first origin that has it. Raises NotOffered when each says that it has none."""
        if self._from_pools(package):
            return
        failure: AslImageError | None = None
        for base in self._origins.uris(package.archive):
            try:
                self._from_uri(package, f"{base}/{quote(package.path, safe='/~')}", web)
            except NotOffered:
                continue
            except (CheckFailed, IoFailed) as error:
                failure = error
                if isinstance(error.__cause__, OSError):
                    break  # our own disk: another origin doesn't help
            else:
                return
        raise failure or NotOffered

    def _from_pools(self, package: LockedPackage) -> bool:
        """Copy it from a folder that was given: as a pool, or with all files side by side."""
        for pool in self._origins.pools:
            for path in (pool / package.path, pool / Path(package.path).name):
                if not path.is_file():
                    continue
                try:
                    self._store.add_verified(path, package.sha256, package.name, origin="folder")
                except CheckFailed as error:
                    self._warn(f"{error}; it is not used")
                    continue
                self._news.put(package.size)
                return True
        return False

    def _from_uri(self, package: LockedPackage, uri: str, web: Web) -> None:
        """One package from one place, with as many tries as there are pauses, and one more."""
        for pause in (*self._pauses_s, None):
            try:
                self._try(package, uri, web)
            except Unreachable as error:
                if pause is None or not error.again:
                    raise IoFailed(
                        f"{package.name}: {uri} can't be fetched: {error}",
                        hint="is the network up? What is here stays, and fetching goes on where it stopped",
                    ) from None
                self._pause(pause)
            else:
                return

    def _try(self, package: LockedPackage, uri: str, web: Web) -> None:
        """Go on with the partial file; when a resumed one turns out wrong, once from the beginning."""
        while True:
            try:
                with self._store.partial(package.sha256) as part:
                    if part is None:  # another process was faster
                        self._news.put(package.size)
                        return
                    resumed = _length(part) > 0
                    found = self._receive(package, uri, web, part)
                    if found == package.sha256:
                        self._store.finish(package.sha256, part, package.name, origin=package.archive)
                        return
                    self._news.put(-_length(part))
                    part.truncate(0)
            except Busy:
                self._pause(BUSY_POLL_S)
                continue
            except OSError as error:
                raise self._disk_error(error) from error
            if not resumed:
                raise CheckFailed(
                    f"{package.name}: {uri} sends other bytes than the lock names",
                    details=(f"expected sha256 {package.sha256}", f"received sha256 {found}"),
                    hint="the mirror or something on the way to it is broken or lies; try another with --mirror",
                )

    def _receive(self, package: LockedPackage, uri: str, web: Web, part: io.FileIO) -> str:
        """Append what is missing to `part`, never more than the locked size; return the SHA-256 of the whole."""
        digest, have = hashlib.sha256(), 0
        part.seek(0)
        while chunk := part.read(CHUNK_BYTES):
            digest.update(chunk)
            have += len(chunk)
        if have < package.size:
            with web.opened(uri, have) as opened:
                if opened.offset != have:  # the origin can't resume: from the beginning
                    part.seek(0)
                    part.truncate()
                    self._news.put(-have)
                    digest, have = hashlib.sha256(), 0
                while have <= package.size and (chunk := opened.read(READ_BYTES)):
                    self._heed_stop()
                    digest.update(chunk)
                    write_all(part, chunk)
                    have += len(chunk)
                    self._news.put(len(chunk))
        if have < package.size:
            raise Unreachable(f"the connection broke after {have} of {package.size} bytes", again=True)
        return digest.hexdigest()

    def _disk_error(self, error: OSError) -> IoFailed:
        missing = [package for package in self._wanted if not self._store.has(package.sha256)]
        return io_failed(error, self._store.root, bytes_to_fetch(missing, self._store))

    def _heed_stop(self) -> None:
        if self._stop.is_set():
            raise Aborted("stopped")

    def _pause(self, seconds: float) -> None:
        self._stop.wait(seconds)
        self._heed_stop()


def _length(part: io.FileIO) -> int:
    return part.seek(0, 2)
