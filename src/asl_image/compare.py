"""What is different between two images, part by part, and for what known cause; pure, from facts gathered before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import partial

from asl_image.attribution import PACKAGE, RULES, UNEXPLAINED, Pair, Rule, cause_of, cause_of_name
from asl_image.facts import INITRAMFS, LAYER, Facts, package_sizes
from asl_image.inventory import Inventory, Item

FOLLOWS = "follows"  # from another difference, which is told too
WRITTEN_BY_PACKAGES = ("usr/lib/sysimage/dpkg/", "etc/ld.so.cache")  # no package owns them, every package changes them
NOT_LIKE = "content"  # two images of different content: nothing leaked


@dataclass(frozen=True)
class Difference:
    """One thing that differs. `before` and `after` are words for people; empty where it is not there at all."""

    part: str  # package, layer <name>, initramfs, command line, boot, medium, image
    name: str
    before: str
    after: str
    cause: str = UNEXPLAINED
    remedy: str = ""

    @property
    def change(self) -> str:
        """added, removed or changed."""
        return "added" if not self.before else "removed" if not self.after else "changed"


@dataclass(frozen=True)
class Comparison:
    """The whole answer; no difference means that the images are the same bytes."""

    differences: tuple[Difference, ...]
    sizes: Mapping[str, tuple[int, int]]  # by package, where they differ

    def causes(self) -> dict[str, int]:
        """How many differences have which cause, the most frequent first; those that only follow are left out."""
        counted = Counter(each.cause for each in self.differences if each.cause != FOLLOWS)
        return dict(sorted(counted.items(), key=lambda pair: (-pair[1], pair[0])))


def compare(a: Facts, b: Facts, rules: tuple[Rule, ...] = RULES) -> Comparison:
    """Every difference of two images, from the most telling to what only follows; the first rule names the cause."""
    if a.sha256 == b.sha256:
        return Comparison((), {})
    packages = tuple(_packages(a, b))
    changed = {each.name.partition(":")[0] for each in packages}
    trees = tuple(
        difference for name in dict.fromkeys([*a.trees, *b.trees]) for difference in _trees(name, a, b, changed, rules)
    )
    lines = tuple(_mappings("command line", _lines(a), _lines(b)))
    boot = tuple(_mappings("boot", a.boot, b.boot))
    found = (*packages, *trees, *lines, *boot, *_medium(a, b, trees), *_whole(a, b))
    before, after = package_sizes(a), package_sizes(b)
    names = sorted(before.keys() | after.keys())
    sizes = {name: (before.get(name, 0), after.get(name, 0)) for name in names}
    return Comparison(found, {name: both for name, both in sizes.items() if both[0] != both[1]})


def _packages(a: Facts, b: Facts) -> Iterator[Difference]:
    for each in _mappings("package", a.packages, b.packages):
        yield Difference("package", each.name, each.before, each.after, *PACKAGE)


def _mappings(part: str, a: Mapping[str, str], b: Mapping[str, str]) -> Iterator[Difference]:
    for name in sorted(a.keys() | b.keys()):
        before, after = a.get(name, ""), b.get(name, "")
        if before != after:
            yield Difference(part, name, before, after, FOLLOWS if part == "boot" else UNEXPLAINED)


def _lines(facts: Facts) -> dict[str, str]:
    """Every kernel command line without what names the image: seals and identity always follow."""
    lines: dict[str, str] = {}
    for start in facts.starts:
        words = [word for word in start.words if not word.startswith(("asl.layer=", "asl.image="))]
        number = sum(name.startswith(start.title) for name in lines)
        lines[start.title if not number else f"{start.title} [{number + 1}]"] = " ".join(words)
    return lines


def _trees(part: str, a: Facts, b: Facts, changed: set[str], rules: tuple[Rule, ...]) -> Iterator[Difference]:
    before, after = a.trees.get(part, Inventory()), b.trees.get(part, Inventory())
    title = part if part == INITRAMFS else f"layer {part}"
    if before is after:
        return
    for name in sorted(before.items.keys() | after.items.keys()):
        one, other = before.items.get(name), after.items.get(name)
        if one == other:
            continue
        package = bool(changed & {a.owners.get(name, ""), b.owners.get(name, "")})
        package |= bool(changed) and name.startswith(WRITTEN_BY_PACKAGES)
        if one is None or other is None:
            leak = None if changed else cause_of_name(name)  # of other packages, other names are to be expected
            cause = PACKAGE if package else leak or (NOT_LIKE, "")
            yield Difference(title, f"/{name}", words(one), words(other), *cause)
            continue
        pair = Pair(name, one, other, partial(_bytes, before, after, name), package)
        yield Difference(title, f"/{name}", *_aspects(one, other), *cause_of(pair, rules))
    if part == INITRAMFS and before.items == after.items and list(before.items) != list(after.items):
        yield Difference(title, "/", "one order of names", "another order", "order", "sort before writing")


def _bytes(before: Inventory, after: Inventory, name: str) -> tuple[bytes, bytes]:
    return before.read(name), after.read(name)


def words(item: Item | None) -> str:
    """An item in short: kind, mode, owner, size."""
    if item is None:
        return ""
    about = f"{item.kind} {item.mode:04o} {item.uid}:{item.gid}"
    return f"{about} {item.size} bytes" if item.kind == "file" else f"{about} {item.link}".rstrip()


def _aspects(one: Item, other: Item) -> tuple[str, str]:
    """What differs of two items, in words, and nothing else."""
    before: list[str] = []
    after: list[str] = []
    for each in fields(Item):
        left, right = getattr(one, each.name), getattr(other, each.name)
        if left == right:
            continue
        for said, value in ((before, left), (after, right)):
            shown = f"{value:04o}" if each.name == "mode" else value[:16] if each.name == "sha256" else value
            said.append(f"{each.name} {shown}")
    return ", ".join(before), ", ".join(after)


def _medium(a: Facts, b: Facts, trees: tuple[Difference, ...]) -> Iterator[Difference]:
    """Files of the ISO; a layer whose content is the same was packed by another tool, the rest follows."""
    unlike = {each.part for each in trees}
    packed = {LAYER.format(layer): f"layer {layer}" for layer in (*a.superblocks, *b.superblocks)}
    packed["asl/initrd"] = INITRAMFS
    for name in sorted(a.medium.keys() | b.medium.keys()):
        before, after = a.medium.get(name), b.medium.get(name)
        if before == after:
            continue
        cause, remedy = FOLLOWS, ""
        if name in packed and before and after and packed[name] not in unlike:
            cause, remedy = _packing(name, a, b)
        elif name == "asl/vmlinuz":
            cause, remedy = PACKAGE
        yield Difference("medium", f"/{name}", _file(before), _file(after), cause, remedy)


def _packing(name: str, a: Facts, b: Facts) -> tuple[str, str]:
    layer = name.removeprefix("asl/").removesuffix(".squashfs")
    one, other = a.superblocks.get(layer), b.superblocks.get(layer)
    if one is not None and other is not None and one.made != other.made:
        return "clock", "set SOURCE_DATE_EPOCH for the program that packs"
    return "tool", "the content is the same: it was packed by another version, or with other options"


def _file(about: tuple[int, str] | None) -> str:
    return f"{about[0]} bytes, sha256 {about[1][:16]}" if about else ""


def _whole(a: Facts, b: Facts) -> Iterator[Difference]:
    if a.label != b.label:
        yield Difference("image", "label", a.label, b.label, NOT_LIKE)
    if a.dates != b.dates:
        cause = "clock" if a.packages == b.packages else FOLLOWS
        yield Difference("image", "dates", date(a), date(b), cause, "set the volume's dates to the epoch")
    left, right = f"{a.size} bytes, sha256 {a.sha256[:16]}", f"{b.size} bytes, sha256 {b.sha256[:16]}"
    equal = a.medium == b.medium and a.boot == b.boot and a.dates == b.dates
    mastered = ("tool", "every file is the same: the ISO was mastered differently")
    yield Difference("image", "bytes", left, right, *(mastered if equal else (FOLLOWS, "")))


def date(facts: Facts) -> str:
    """The volume's dates, as they are written, without what is not set."""
    return facts.dates.decode("ascii", "replace").replace("\0", " ").strip() or "none"
