"""What may be otherwise around a second build, each with the name of the leak that it uncovers; pure data."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from asl_image.attribution import RULES, Pair, Rule
from asl_image.errors import ConfigError, did_you_mean
from asl_image.isolation import NOBODY

# Nine and a half years ahead: another year, month, day, weekday and hour, and before the end of 32-bit time.
CLOCK_OFFSET_S = 300_012_345
ORDER_SEED = 20_361_109
ZONE = "KIRI-14"  # 14 hours ahead of UTC, in a form that needs no table
LOCALE = "tr_TR.UTF-8"  # its letters have another order and another case
UMASK = 0o077
HOSTNAME = "asl-elsewhere"
SUBORDINATES = 65536  # numbers that an ordinary user has for the owners of files
MOST_COUNTED = 4096  # bytes; in longer files a lone digit means nothing


@dataclass(frozen=True)
class Variation:
    """One thing that can be otherwise: its name, the cause that it is called by in a comparison, and what is done."""

    name: str
    cause: str
    done: str


VARIATIONS: tuple[Variation, ...] = (
    Variation("time", "clock", "the clock is nine years ahead"),
    Variation("zone", "zone", "the time zone is 14 hours from UTC"),
    Variation("locale", "locale", "the language is Turkish"),
    Variation("umask", "umask", "new files are their owner's alone, the checkout's too"),
    Variation("hostname", "hostname", "the host has another name"),
    Variation("user", "user", "an ordinary user builds, with subordinate numbers"),
    Variation("cpus", "cpus", "there is one processor"),
    Variation("path", "path", "checkout and build folder lie elsewhere"),
    # before the file system, which changes the order too
    Variation("order", "order", "directories are listed in another order"),
    Variation("file-system", "file system", "the build folder lies on another file system"),
    Variation("cache", "cache", "nothing is taken from the cache, not even the tools"),
)
NAMES = tuple(variation.name for variation in VARIATIONS)
CAUSES = {variation.name: variation.cause for variation in VARIATIONS}


class Surroundings(BaseModel):
    """Everything around a build that is otherwise; what is left as it is has its default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    clock_offset_s: int = 0
    order_seed: int = 0
    environment: dict[str, str] = {}
    umask: int = 0o022
    hostname: str = ""
    user: int = 0
    first_subordinate: int = 0
    processor: int | None = None
    elsewhere: bool = False
    file_system: str = ""
    warm: bool = True


class Preloaded(BaseModel):
    """What a build is handed for the programs that it runs, beside their clean environment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    library: Path | None = None

    def for_builder(self) -> dict[str, str]:
        """Variables for the builder's own Python."""
        return {"LD_PRELOAD": str(self.library)} if self.library else {}

    def for_programs(self) -> dict[str, str]:
        """Variables for its programs: the builder is the first process there, and its root is seen in every chroot."""
        return {"LD_PRELOAD": f"/proc/1/root{self.library}"} if self.library else {}


def chosen(text: str) -> tuple[str, ...]:
    """The variations that a comma-separated list names, in our order; `all` is all. Raises ConfigError."""
    asked = {word.strip() for word in text.split(",") if word.strip()}
    unknown = sorted(asked - {*NAMES, "all"})
    if unknown or not asked:
        word = unknown[0] if unknown else ""
        raise ConfigError(
            f"--variations: no variation is called '{word}'{did_you_mean(word, NAMES)}",
            hint=f"known are {', '.join(NAMES)}, and all",
        )
    return NAMES if "all" in asked else tuple(name for name in NAMES if name in asked)


def surroundings(names: Iterable[str], *, processor: int, first_subordinate: int, file_system: str) -> Surroundings:
    """Surroundings in which just what is named is otherwise; the rest is what this host has to offer for it."""
    varied = set(names)
    environment = {"TZ": ZONE} if "zone" in varied else {}
    if "locale" in varied:
        environment |= {"LANG": LOCALE, "LC_ALL": LOCALE, "LANGUAGE": "tr"}
    return Surroundings(
        clock_offset_s=CLOCK_OFFSET_S if "time" in varied else 0,
        order_seed=ORDER_SEED if "order" in varied else 0,
        environment=environment,
        umask=UMASK if "umask" in varied else 0o022,
        hostname=HOSTNAME if "hostname" in varied else "",
        user=NOBODY if "user" in varied else 0,
        first_subordinate=first_subordinate if "user" in varied else 0,
        processor=processor if "cpus" in varied else None,
        elsewhere="path" in varied,
        file_system=file_system if "file-system" in varied else "",
        # What root has kept is of no use to somebody whose owners have other numbers.
        warm=not varied & {"cache", "user"},
    )


def rules_for(around: Surroundings, places: Iterable[Path], processors: int) -> tuple[Rule, ...]:
    """The known leaks, and before them those whose very words we know: they are in the second file only.

    `places` are paths that only the second build had; `processors` is how many the first one had.
    """
    magic = {"tmpfs": r"0?1021994", "btrfs": r"9123683e", "ext4": r"ef53"}
    words: dict[str, list[str]] = {
        "hostname": [re.escape(around.hostname)] if around.hostname else [],
        "zone": [r"KIRI", r"\+14:?00\b"] if "TZ" in around.environment else [],
        "locale": [r"\btr_TR\b"] if "LC_ALL" in around.environment else [],
        "umask": [rf"\b0*{around.umask:o}\b"] if around.umask == UMASK else [],
        "user": [rf"\b{number}\b" for number in (around.first_subordinate, around.user) if number],
        "file system": [rf"\b{around.file_system}\b", magic.get(around.file_system, r"(?!)")]
        if around.file_system
        else [],
        "path": [re.escape(str(place)) for place in places] if around.elsewhere else [],
    }
    known = [
        Rule(cause, REMEDIES[cause], brings(re.compile("|".join(patterns).encode())))
        for cause, patterns in words.items()
        if patterns
    ]
    if around.processor is not None and processors > 1:
        known.append(Rule("cpus", REMEDIES["cpus"], counts(processors)))
    return (*known, *RULES)


REMEDIES = {
    "hostname": "keep the host's name out",
    "zone": "set TZ=UTC for the program",
    "locale": "set LC_ALL=C.UTF-8 for the program",
    "umask": "set the umask before, or the mode after",
    "user": "keep out who builds; owners are numbers of the image",
    "file system": "keep out what the file system says of itself",
    "path": "build at a fixed place, or map prefixes",
    "cpus": "fix the number of threads",
}


def brings(pattern: re.Pattern[bytes]) -> Callable[[Pair], bool]:
    """A rule for files where the second has what the first has not."""

    def applies(pair: Pair) -> bool:
        if not pair.readable():
            return False
        before, after = pair.read()
        return bool(pattern.search(after)) and not pattern.search(before)

    return applies


def counts(processors: int) -> Callable[[Pair], bool]:
    """A rule for short files that are the same when the number of processors is put for 1."""
    pattern = re.compile(rf"\b{processors}\b".encode())

    def applies(pair: Pair) -> bool:
        if not pair.readable(MOST_COUNTED):
            return False
        before, after = pair.read()
        return before != after and pattern.sub(b"1", before) == after

    return applies
