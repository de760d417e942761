"""Why two builds differ: a table of the leaks that are known, each recognised by a rule and named with its remedy.

A rule sees one name in two trees. The first that applies names the cause; where none does, nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from asl_image.inventory import Item

MOST_BYTES = 4 << 20  # larger files are not looked into

UNEXPLAINED = "unexplained"
PACKAGE = ("package", "the locks name other versions: compare them first")
DATE = re.compile(
    rb"\d{4}-\d\d-\d\d([T _]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|[+-]\d\d:?\d\d)?)?"
    rb"|(Mon|Tue|Wed|Thu|Fri|Sat|Sun),? [ \d]?\d? ?(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[ \d:A-Z+]*\d{4}"
    rb"( \d\d:\d\d:\d\d [+-]\d{4})?"
    rb"|\d\d:\d\d:\d\d|(?<!\d)(1[5-9]|2[0-3])\d{8}(?!\d)"
)
BUILD_PATH = re.compile(rb"/(tmp|var/tmp|home|root|work|build|builds|mnt|media|workspace|srv)/[\w./+@~-]+")
UUID = re.compile(rb"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")


@dataclass(frozen=True)
class Pair:
    """One name in two trees, and how to read its bytes there. `package` says that its package has another version."""

    name: str
    before: Item
    after: Item
    read: Callable[[], tuple[bytes, bytes]]
    package: bool = False

    def only(self, *fields: str) -> bool:
        """Whether they differ in these respects, one or several, and in no other."""
        equal = {name: getattr(self.before, name) for name in fields}
        return self.before != self.after and replace(self.after, **equal) == self.before

    def readable(self, most: int = MOST_BYTES) -> bool:
        """Whether both are files of different bytes, and small enough to be looked into."""
        files = self.before.kind == self.after.kind == "file"
        return files and self.before.sha256 != self.after.sha256 and max(self.before.size, self.after.size) <= most

    def alike(self, change: Callable[[bytes], bytes]) -> bool:
        """Whether the bytes differ, and no longer do after `change`."""
        if not self.readable():
            return False
        before, after = self.read()
        return change(before) == change(after)


@dataclass(frozen=True)
class Rule:
    """A known leak: its name, what helps against it, and how it is recognised."""

    cause: str
    remedy: str
    applies: Callable[[Pair], bool]


def same_lines(data: bytes) -> bytes:
    """The lines, and within each the words, whatever their order."""
    lines = (b" ".join(sorted(line.split())) for line in data.splitlines())
    return b"\n".join(sorted(lines))


def without_day(data: bytes) -> bytes:
    """A shadow file without the days of the last password change."""
    rows = (line.split(b":") for line in data.splitlines())
    return b"\n".join(b":".join((*row[:2], *row[3:])) for row in rows)


def password_day(pair: Pair) -> bool:
    """Only the days of a shadow file differ."""
    return pair.name in ("etc/shadow", "etc/shadow-") and pair.alike(without_day)


def without_gzip_time(data: bytes) -> bytes:
    """A gzip file without the time in its head."""
    return data[:4] + data[8:] if data[:2] == b"\x1f\x8b" else data


def differ_by_umask(pair: Pair) -> bool:
    """Only what a umask takes away differs: the rights of group and others."""
    return pair.only("mode", "mtime") and not (pair.before.mode ^ pair.after.mode) & ~0o077


def linked_otherwise(pair: Pair) -> bool:
    """A hard link here is a file of its own there, or a link to another name."""
    return "hardlink" in (pair.before.kind, pair.after.kind) and pair.only("kind", "link", "size", "mtime")


def without(pattern: re.Pattern[bytes]) -> Callable[[Pair], bool]:
    """A rule for files that are the same but for what the pattern finds."""
    return lambda pair: pair.alike(lambda data: pattern.sub(b"", data))


# Names of which it is known that they are never the same twice; their being in one tree only tells as much.
BY_NAME: tuple[tuple[str, str, re.Pattern[str]], ...] = tuple(
    (cause, remedy, re.compile(pattern))
    for cause, remedy, pattern in (
        ("byte code", "remove __pycache__, or compile with unchecked hashes", r"\.py[co]$|(^|/)__pycache__$"),
        ("ldconfig", "remove aux-cache: it has inode numbers and times", r"(^|/)ldconfig/aux-cache$"),
        ("machine id", "leave /etc/machine-id empty", r"(^|/)machine-id$"),
        ("random", "remove seeds and host keys; they are made at boot", r"random-seed$|ssh_host_\w+_key(\.pub)?$"),
        ("log", "remove logs in the clean step", r"^var/log/|\.log$"),
        ("cache", "remove caches in the clean step", r"^var/cache/|icon-theme\.cache$|\.uuid$|pkgcache\.bin$"),
        ("backup", "remove backups in the clean step", r"^etc/(passwd|group|g?shadow|sub[ug]id)-$|-old$|~$"),
    )
)

RULES: tuple[Rule, ...] = (
    # by what differs
    Rule("clock", "have the one writer set the time", lambda pair: pair.only("mtime")),
    Rule("umask", "set modes in overlay.yaml, or the umask before", differ_by_umask),
    Rule("user", "set owners in overlay.yaml, as numbers", lambda pair: pair.only("uid", "gid", "mtime")),
    Rule("host file system", "let only listed attributes through", lambda pair: pair.only("xattrs", "mtime")),
    Rule("hard link", "write hard links in one form", linked_otherwise),
    # by what is in it
    Rule("clock", "set the accounts' last password change to the epoch's day", password_day),
    Rule("clock", "compress with `gzip -n`", lambda pair: pair.alike(without_gzip_time)),
    Rule("order", "sort before writing", lambda pair: pair.alike(same_lines)),
    Rule("clock", "pass SOURCE_DATE_EPOCH on", without(DATE)),
    Rule("path", "build at a fixed place, or map prefixes", without(BUILD_PATH)),
    Rule("random", "derive identifiers from names", without(UUID)),
)


def cause_of(pair: Pair, rules: tuple[Rule, ...] = RULES) -> tuple[str, str]:
    """The name of the cause and what helps; UNEXPLAINED and nothing when no rule applies."""
    if pair.package:
        return PACKAGE
    known = cause_of_name(pair.name)
    return known or next(((rule.cause, rule.remedy) for rule in rules if rule.applies(pair)), (UNEXPLAINED, ""))


def cause_of_name(name: str) -> tuple[str, str] | None:
    """The cause that a name alone tells, for what is in one tree only."""
    return next(((cause, remedy) for cause, remedy, pattern in BY_NAME if pattern.search(name)), None)
