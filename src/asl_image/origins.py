"""Where packages come from: the mirrors of the build host's own apt, or what a person gives instead.

A lock names no host, and neither does this project. An `Origins` is made once, at the front, and handed down.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from asl_image.deb import Stanza, read_stanzas
from asl_image.errors import ConfigError, IoFailed, Refused
from asl_image.lock import ArchiveName

# Names that Debian has given to its suites: they tell its mirrors apart where the host has no package lists (a
# container, say). A wrong guess is harmless: what comes from a mirror is believed for Debian's signature alone.
STABLE = ("stable", "oldstable", "oldoldstable", "buster", "bullseye", "bookworm", "trixie", "forky", "duke")
DEBIAN_SUITES = frozenset({*STABLE, "testing", "unstable", "sid"})
SECURITY = re.compile(r"-security$|/updates$")
SCHEMES = frozenset({"http", "https", "file"})
ONE_LINE = re.compile(r"^deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+\S")


@dataclass(frozen=True)
class Origins:
    """Base URIs of the two archives, in the order they are tried; `pools` are folders that are asked before them.

    `expired` allows Release files whose Valid-Until has passed: a snapshot service serves nothing else.
    """

    debian: tuple[str, ...]
    security: tuple[str, ...]
    pools: tuple[Path, ...] = ()
    expired: bool = False

    def uris(self, archive: ArchiveName) -> tuple[str, ...]:
        """The base URIs of one archive, without a slash at the end."""
        return self.debian if archive == "debian" else self.security


@dataclass(frozen=True)
class Wishes:
    """What a person said about origins: options of the command line, or the environment. Read at the front."""

    mirror: str | None = None
    security_mirror: str | None = None
    snapshot: str | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Wishes:
        """ASL_IMAGE_MIRROR, ASL_IMAGE_SECURITY_MIRROR and ASL_IMAGE_SNAPSHOT; empty counts as not set."""
        return cls(
            mirror=environ.get("ASL_IMAGE_MIRROR") or None,
            security_mirror=environ.get("ASL_IMAGE_SECURITY_MIRROR") or None,
            snapshot=environ.get("ASL_IMAGE_SNAPSHOT") or None,
        )

    def say_something(self) -> bool:
        """True when a mirror is named at all."""
        return any((self.mirror, self.security_mirror, self.snapshot))


def find_origins(wishes: Sequence[Wishes], etc_apt: Path, lists: Path, pools: tuple[Path, ...] = ()) -> Origins:
    """The first of `wishes` that names a mirror wins (option, environment, user's configuration), else the host's apt.

    Raises ConfigError for a mirror that can't be used, Refused when nothing is given and the host's apt knows no
    Debian. `etc_apt` and `lists` are the host's /etc/apt and /var/lib/apt/lists.
    """
    for wish in wishes:
        if wish.say_something():
            return given_origins(wish, pools)
    debian, security = host_mirrors(etc_apt, lists)
    if not debian or not security:
        what = "Debian mirror" if not debian else "mirror of Debian's security archive"
        raise Refused(
            f"the apt of this host knows no {what}, and none was given",
            details=(f"looked in {etc_apt}",),
            hint="give one: --mirror URI --security-mirror URI, or --snapshot 'URI with {archive}'",
        )
    return Origins(debian, security, pools)


def given_origins(wishes: Wishes, pools: tuple[Path, ...]) -> Origins:
    """The origins that a person named. A URI may hold `{archive}`, which stands for debian and debian-security."""
    if wishes.snapshot is not None:
        if wishes.mirror or wishes.security_mirror:
            raise ConfigError("give either a snapshot service or mirrors, not both")
        if "{archive}" not in wishes.snapshot:
            raise ConfigError(
                f"{wishes.snapshot}: the URI of a snapshot service holds {{archive}} where the archive's name goes"
            )
        debian, security = both_archives(wishes.snapshot)
    elif wishes.mirror is not None and "{archive}" in wishes.mirror and wishes.security_mirror is None:
        debian, security = both_archives(wishes.mirror)
    elif wishes.mirror is None or wishes.security_mirror is None:
        raise ConfigError(
            "a mirror of only one archive was given",
            hint="give both: --mirror URI --security-mirror URI (or one URI with {archive} in it)",
        )
    else:
        debian, security = wishes.mirror, wishes.security_mirror
    return Origins((base_uri(debian),), (base_uri(security),), pools, expired=wishes.snapshot is not None)


def both_archives(template: str) -> tuple[str, str]:
    """The two URIs that a template stands for."""
    return template.replace("{archive}", "debian"), template.replace("{archive}", "debian-security")


def base_uri(text: str) -> str:
    """A base URI without the slash at its end; an absolute path becomes a file URI. Raises ConfigError."""
    if text.startswith("/"):
        return Path(text).as_uri()
    parts = urlsplit(text)
    if parts.scheme not in SCHEMES or (parts.scheme != "file" and not parts.hostname):
        raise ConfigError(f"{text}: not a mirror; say http://…, https://…, file:///… or an absolute path")
    if re.search(r"\s|[\[\]]", text):
        raise ConfigError(f"{text!r}: a mirror has no blanks or brackets")
    return text.rstrip("/")


# --- the host's apt ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """One line of apt's sources: a base URI and a suite."""

    uri: str
    suite: str


def host_mirrors(etc_apt: Path, lists: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Base URIs of Debian's main and security archives in the order of the host's sources, each once."""
    debian: dict[str, None] = {}
    security: dict[str, None] = {}
    for source in read_sources(etc_apt):
        for uri in expanded(source.uri):
            if urlsplit(uri).scheme in SCHEMES and is_debian(Source(uri, source.suite), lists):
                (security if SECURITY.search(source.suite) else debian)[uri.rstrip("/")] = None
    return tuple(debian), tuple(security)


def read_sources(etc_apt: Path) -> Iterator[Source]:
    """The binary sources that are switched on, from sources.list and sources.list.d, in apt's order."""
    parts = etc_apt / "sources.list.d"
    files = [etc_apt / "sources.list", *(sorted(parts.iterdir()) if parts.is_dir() else ())]
    for path in files:
        if path.suffix not in (".list", ".sources") or not path.is_file():
            continue
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise IoFailed(f"{path}: can't be read: {error.strerror}") from error
        yield from one_line_sources(text) if path.suffix == ".list" else deb822_sources(text, path)


def one_line_sources(text: str) -> Iterator[Source]:
    """`deb [options] URI suite component …`, one a line."""
    for line in text.splitlines():
        match = ONE_LINE.match(line.strip())
        if match is not None and not match["suite"].endswith("/"):
            yield Source(match["uri"], match["suite"])


def deb822_sources(text: str, path: Path) -> Iterator[Source]:
    """Paragraphs with Types, URIs and Suites."""
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    try:
        stanzas: list[Stanza] = list(read_stanzas(lines))
    except ValueError as error:
        raise ConfigError(f"{path}: not a file of apt sources: {error}") from error
    for stanza in stanzas:
        fields = {key.lower(): value for key, value in stanza.items()}
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").strip().lower() in (
            "no",
            "false",
        ):
            continue
        for uri in fields.get("uris", "").split():
            yield from (Source(uri, suite) for suite in fields.get("suites", "").split() if not suite.endswith("/"))


def expanded(uri: str) -> Iterable[str]:
    """The URI itself, or the ones in a local list of mirrors (mirror+file:, as Debian's cloud images have it)."""
    if not uri.startswith("mirror+file:"):
        return (uri,)
    try:
        lines = Path(urlsplit(uri).path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ()
    return tuple(line.split()[0] for line in lines if line.strip() and not line.startswith("#"))


def is_debian(source: Source, lists: Path) -> bool:
    """What the Release file that the host has of it says; without one, the name of the suite."""
    stem = list_name(f"{source.uri.rstrip('/')}/dists/{source.suite}")
    for name in (f"{stem}_InRelease", f"{stem}_Release"):
        try:
            head = (lists / name).read_text(encoding="utf-8", errors="replace")[:4096]
        except OSError:
            continue
        return re.search(r"^Origin: Debian$", head, re.MULTILINE) is not None
    return re.sub(r"(-updates|-security|-backports|/updates)$", "", source.suite) in DEBIAN_SUITES


def list_name(uri: str) -> str:
    """The file name that apt makes of a URI: no scheme, no user, slashes as underscores."""
    parts = urlsplit(uri)
    host = parts.netloc.rpartition("@")[2]
    plain = re.sub(r"[\\|{}\[\]<>\"^~_=!@#$%&*]", lambda found: f"%{ord(found[0]):02x}", f"{host}{parts.path}")
    return plain.replace("/", "_")
