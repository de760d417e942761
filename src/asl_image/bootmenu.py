"""What the boot menu tells the kernel: every command line that choosing an entry of grub.cfg can give."""

from __future__ import annotations

import re
from dataclasses import dataclass

from asl_image.errors import CheckFailed

KERNEL, INITRD = "/asl/vmlinuz", "/asl/initrd"
SEAL = "asl.layer="
IMAGE = "asl.image="

# Set only by loopback.cfg, when another GRUB starts the image as a file; the path is that GRUB's.
OUTSIDE = "iso_words"


@dataclass(frozen=True)
class Start:
    """One way to start: the entry's title and the words for the kernel, in order."""

    title: str
    words: tuple[str, ...]

    def seals(self) -> tuple[str, ...]:
        """The words that hold a layer, bottom first."""
        return tuple(word for word in self.words if word.startswith(SEAL))


def read_menu(text: str) -> tuple[Start, ...]:
    """Every start that the menu offers; a variable counts with each value that it can have. Raises CheckFailed."""
    lines = [line.strip() for line in text.splitlines()]
    kernels = [line.split() for line in lines if re.match(r"(linux|kernel|chainloader|multiboot|boot)", line)]
    initrds = [line for line in lines if line.startswith("initrd")]
    if len(kernels) != 1 or kernels[0][:2] != ["linux", KERNEL] or initrds != [f"initrd {INITRD}"]:
        raise CheckFailed(f"the boot menu does not start {KERNEL} with {INITRD}, and nothing else, in one place")
    values: dict[str, set[str]] = {OUTSIDE: {""}}
    for name, value in re.findall(r'^\s*set (\w+)="([^"]*)"', text, re.MULTILINE):
        values.setdefault(name, set()).add(value)
    starts = []
    title = None
    for line in lines:
        if found := re.match(r'menuentry "([^"]*)"', line):
            title = found[1]
        elif re.match(r"start\b", line):
            if title is None:
                raise CheckFailed("the boot menu starts something outside of its entries")
            starts += [Start(title, words) for words in expand(kernels[0][2:], line.split()[1:], values)]
    if not starts:
        raise CheckFailed("the boot menu has no entry that starts anything")
    return tuple(starts)


def expand(template: list[str], arguments: list[str], values: dict[str, set[str]]) -> list[tuple[str, ...]]:
    """The command lines that a template with `$1` and `${name}` gives. Raises CheckFailed for what it doesn't know."""
    whole = [" ".join(word for word in template if not re.fullmatch(r"\$\d", word))]
    if sum(bool(re.fullmatch(r"\$\d", word)) for word in template) < len(arguments):
        raise CheckFailed("the boot menu gives more words than it hands on")
    whole = [f"{whole[0]} {' '.join(arguments)}"]
    for name in sorted(set(re.findall(r"\$\{(\w+)\}", whole[0]))):
        if name not in values:
            raise CheckFailed(f"the boot menu's ${{{name}}} is never set")
        whole = [line.replace(f"${{{name}}}", value) for line in whole for value in sorted(values[name])]
    if any("$" in line or '"' in line or "'" in line or "\\" in line for line in whole):
        raise CheckFailed("the boot menu builds a command line in a way that can't be followed")
    return [tuple(line.split()) for line in whole]
