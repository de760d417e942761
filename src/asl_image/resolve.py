"""Ask apt which packages a request means, and write down every byte of the answer.

apt runs in private folders with its own empty package database, against signed Release files; nothing of the host's
apt but its transport settings reaches it. What it verified is then read from the package lists.
"""

from __future__ import annotations

import glob
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from pathlib import Path

from asl_image.errors import AslImageError, CheckFailed, ConfigError, IoFailed, ProgramFailed, Refused, did_you_mean
from asl_image.lock import ArchiveName, LockedPackage, LockedSuite, iso_date
from asl_image.network import Network
from asl_image.origins import Origins, list_name
from asl_image.runner import Command, Runs
from asl_image.store import sha256_of

COMPONENT = "main"
INSTALLED = re.compile(r"^Inst (?P<name>[a-z0-9][a-z0-9+.-]+)(?::\S+)? \((?P<version>\S+) .*\[(?P<arch>[a-z0-9]+)\]\)")
WANTED_FIELDS = ("Package", "Version", "Architecture", "Essential", "Size", "SHA256", "Filename")
# What apt says when bytes or signatures are wrong, as opposed to not there.
LIES = re.compile(
    r"GPG error|NO_PUBKEY|BADSIG|EXPKEYSIG|REVKEYSIG|NODATA|is not signed"
    r"|[Ss]ignatures? (?:were invalid|couldn't be verified)"
    r"|Hash Sum mismatch|unexpected size|[Cc]learsigned file isn't valid|Sub-process /usr/bin/(?:gpgv|sqv) returned"
    r"|Release file for .* is (?:expired|not valid yet)|doesn't support|Invalid Release file"
    r"|Splitting up .* into data and signature failed"
)
MISSING_KEYRING_HINT = "apt install debian-archive-keyring"


@dataclass(frozen=True)
class Suite:
    """One suite of one archive, and the base URI that it is read from."""

    archive: ArchiveName
    name: str
    uri: str


@dataclass(frozen=True)
class Resolution:
    """What a request means today."""

    packages: tuple[LockedPackage, ...]
    suites: tuple[LockedSuite, ...]
    epoch: int
    keyring: str


@dataclass(frozen=True)
class Listed:
    """What a package list says of one package."""

    archive: ArchiveName
    fields: Mapping[str, str]


def suites_of(suite: str, origins: Origins) -> tuple[Suite, ...]:
    """The suite, its updates and its security suite, each at its first mirror."""
    return (
        Suite("debian", suite, origins.debian[0]),
        Suite("debian", f"{suite}-updates", origins.debian[0]),
        Suite("debian-security", f"{suite}-security", origins.security[0]),
    )


class Resolver:
    """A private apt that has fetched and verified the package lists. Made by `open_resolver`."""

    def __init__(self, runner: Runs, network: Network, config: Path, keyring: str) -> None:
        self._runner = runner
        self._private = network.proxies()
        self._config = config
        self._keyring = keyring
        self._listed: dict[tuple[str, str, str], Listed] = {}
        self._names: set[str] = set()
        self._always: set[str] = set()
        self.suites: tuple[LockedSuite, ...] = ()
        self.epoch = 0

    def update(self, suites: Sequence[Suite]) -> None:
        """Fetch and verify. Raises IoFailed for a mirror that is down, CheckFailed for one that lies."""
        try:
            self._runner.run(self._command("apt-get", "update", "--error-on=any"))
        except ProgramFailed as error:
            raise update_error(error) from error
        found: list[tuple[LockedSuite, int]] = []
        for suite in suites:
            lists, release = self._files_of(suite)
            date = release_date(release)
            found.append((locked_suite(suite, date, sha256_of(release)), date))
            if lists is not None:
                self._read_list(suite.archive, lists)
        if not self._names:
            raise IoFailed(f"{suites[0].uri}: {suites[0].name} has no packages in {COMPONENT}")
        self.suites = tuple(suite for suite, _ in found)
        self.epoch = max(date for _, date in found)

    def resolve(self, names: Iterable[str]) -> Resolution:
        """Essential packages, `names`, and what they depend on; never what they recommend.

        Raises ConfigError for a name that the archive does not have, Refused with apt's explanation when the
        packages can't be installed together.
        """
        wanted = sorted({*names})
        unknown = [name for name in wanted if name not in self._names]
        if unknown:
            raise ConfigError(
                "the archive has no such package",
                details=tuple(f"{name}{did_you_mean(name, self._names)}" for name in unknown),
            )
        everything = sorted({*wanted, *self._always})
        said = self._config.with_name("simulated")
        argv = ("apt-get", "--simulate", "--no-install-recommends", "install", *everything)
        try:
            self._runner.run(replace(self._command(*argv), stdout=said))
        except ProgramFailed as error:
            # apt explains on stdout and complains on stderr.
            explained = said.read_text(encoding="utf-8", errors="replace").partition("unmet dependencies:\n")[2]
            raise Refused(
                "the packages can't be installed together; apt explains",
                details=(*(line.strip() for line in explained.splitlines()), *error.details),
                hint=error.hint,
            ) from error
        simulated = said.read_text(encoding="utf-8")
        chosen = [match for match in map(INSTALLED.match, simulated.splitlines()) if match]
        packages = [self._locked(match["name"], match["version"], match["arch"]) for match in chosen]
        return Resolution(tuple(sorted(packages, key=lambda each: each.name)), self.suites, self.epoch, self._keyring)

    def _command(self, *argv: str) -> Command:
        return Command(argv, env={"APT_CONFIG": str(self._config)}, private=self._private)

    def _files_of(self, suite: Suite) -> tuple[Path | None, Path]:
        """The verified package list and Release file of a suite, where apt keeps them. It keeps no empty list."""
        folder = self._config.parent / "lists"
        stem = list_name(f"{suite.uri}/dists/{suite.name}")
        releases = (folder / f"{stem}_{kind}" for kind in ("InRelease", "Release"))
        release = next((path for path in releases if path.is_file()), None)
        if release is None:
            raise IoFailed(f"{suite.uri}: apt fetched no Release file of {suite.name}")
        lists = sorted(folder.glob(f"{glob.escape(stem)}_{COMPONENT}_binary-*_Packages*"))
        return (lists[0] if lists else None), release

    def _read_list(self, archive: ArchiveName, lists: Path) -> None:
        text = self._runner.read(self._command("/usr/lib/apt/apt-helper", "cat-file", str(lists)))
        for fields in read_package_list(text):
            name = fields["Package"]
            self._names.add(name)
            # Not what has the priority `required`: apt is among that, and no package manager goes into an image.
            if fields.get("Essential") == "yes":
                self._always.add(name)
            self._listed.setdefault((name, fields["Version"], fields["Architecture"]), Listed(archive, fields))

    def _locked(self, name: str, version: str, arch: str) -> LockedPackage:
        listed = self._listed.get((name, version, arch))
        if listed is None:
            raise CheckFailed(f"{name} {version} ({arch}): apt chose it, but no verified package list has it")
        fields = listed.fields
        return LockedPackage(
            name=name,
            version=version,
            arch=arch,
            archive=listed.archive,
            size=int(fields["Size"]),
            sha256=fields["SHA256"],
            path=fields["Filename"].removeprefix("./"),
        )


@contextmanager
def open_resolver(
    runner: Runs,
    network: Network,
    origins: Origins,
    keyring: Path,
    *,
    suite: str,
    architecture: str,
    scratch: Path,
) -> Iterator[Resolver]:
    """A resolver with fresh, verified lists; its private folders lie in `scratch` and are gone afterwards.

    Raises Refused when there is no keyring, else as `Resolver.update`.
    """
    if not keyring.is_file():
        raise Refused(f"{keyring}: no keyring to verify Debian's Release files with", hint=MISSING_KEYRING_HINT)
    suites = suites_of(suite, origins)
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch, prefix="apt-") as folder:
        at = Path(folder).resolve()
        config = write_apt_folder(at, suites, network, keyring.resolve(), architecture, origins.expired)
        resolver = Resolver(runner, network, config, sha256_of(keyring))
        resolver.update(suites)
        yield resolver


def write_apt_folder(
    at: Path, suites: Sequence[Suite], network: Network, keyring: Path, architecture: str, expired: bool
) -> Path:
    """Lay out the private folders of an apt and return its configuration file."""
    for folder in ("lists/partial", "cache/archives/partial", "empty"):
        (at / folder).mkdir(parents=True)
    (at / "status").touch()
    (at / "sources.list").write_text(
        "".join(
            f"deb [arch={architecture} signed-by={keyring}] {suite.uri} {suite.name} {COMPONENT}\n" for suite in suites
        )
    )
    settings = [
        *network.apt,
        *((("Acquire::Check-Valid-Until", "false"),) if expired else ()),
        # The host's own configuration may hold hooks and preferences: none of it is read.
        ("Dir::Etc::main", "/dev/null"),
        ("Dir::Etc::parts", f"{at}/empty"),
        ("Dir::Etc::sourcelist", f"{at}/sources.list"),
        ("Dir::Etc::sourceparts", f"{at}/empty"),
        ("Dir::Etc::preferences", "/dev/null"),
        ("Dir::Etc::preferencesparts", f"{at}/empty"),
        ("Dir::Etc::trusted", "/dev/null"),
        ("Dir::Etc::trustedparts", f"{at}/empty"),
        ("Dir::State", str(at)),
        ("Dir::State::lists", f"{at}/lists"),
        ("Dir::State::status", f"{at}/status"),
        ("Dir::State::extended_states", f"{at}/extended_states"),
        ("Dir::Cache", f"{at}/cache"),
        ("Dir::Log", str(at)),
        ("APT::Architecture", architecture),
        ("APT::Install-Recommends", "false"),
        ("APT::Install-Suggests", "false"),
        ("APT::Get::AllowUnauthenticated", "false"),
        ("Acquire::AllowInsecureRepositories", "false"),
        ("Acquire::AllowWeakRepositories", "false"),
        ("Acquire::Languages", "none"),
        # As root apt would switch to a user who can't reach these folders.
        ("APT::Sandbox::User", "root"),
    ]
    config = at / "apt.conf"
    config.write_text(
        "#clear APT::Architectures;\n"
        + "".join(f'{key} "{value}";\n' for key, value in settings)
        + f'APT::Architectures {{ "{architecture}"; }};\n'
    )
    return config


def update_error(error: ProgramFailed) -> AslImageError:
    """A mirror that lies, or one that is down: apt's words tell."""
    said = tuple(line for line in error.details if line.startswith(("E:", "W:", "Err:", "  ")))
    if any(LIES.search(line) for line in error.details):
        return CheckFailed(
            "a mirror's files are not what Debian signed",
            details=said,
            hint="try another mirror (--mirror, --security-mirror); if that says the same, update the keyring",
        )
    return IoFailed(
        "the package lists can't be fetched",
        details=said,
        hint="is the network up? Another mirror can be given with --mirror and --security-mirror",
    )


def locked_suite(suite: Suite, date: int, sha256: str) -> LockedSuite:
    return LockedSuite(archive=suite.archive, suite=suite.name, date=iso_date(date), sha256=sha256)


def release_date(release: Path) -> int:
    """The Date of a Release file, in seconds since 1970. Raises CheckFailed when it has none."""
    match = re.search(r"^Date: (.+)$", release.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    if match is None:
        raise CheckFailed(f"{release.name}: the Release file has no Date")
    try:
        return int(parsedate_to_datetime(match[1].replace("UTC", "+0000")).timestamp())
    except ValueError:
        raise CheckFailed(f"{release.name}: the Release file's Date is not one: {match[1]}") from None


def read_package_list(text: str) -> Iterator[dict[str, str]]:
    """The fields that matter of each paragraph of a Packages file; a general reader takes five times as long."""
    for paragraph in text.split("\n\n"):
        fields: dict[str, str] = {}
        for line in paragraph.split("\n"):
            key, colon, value = line.partition(": ")
            if colon and key in WANTED_FIELDS:
                fields[key] = value
        if "Package" in fields:
            yield fields
