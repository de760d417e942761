"""What the kernel's command line says of the image: its identity, and how each layer is sealed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from asl_authority.errors import Malformed
from asl_authority.values.rules import Rule
from asl_authority.values.state import Layer

PAPER = "ENC-ASL-AUTH-HOST/1"

RULES = (
    Rule("CLAIM-SEAL", PAPER, "C", "Command line, record of the initramfs and medium name one image and its layers."),
)  # fmt: skip

AGAIN = "restart this machine from its medium"
_IMAGE = re.compile(r"asl\.image=([0-9a-f]{64})", re.ASCII)
_LAYER = re.compile(
    r"asl\.layer=([a-z0-9-]{1,15}),([1-9][0-9]{0,11}),([0-9a-f]{64}),((?:[0-9a-f]{2}){0,256})", re.ASCII
)
_VARIABLE = re.compile(r"\$\{(\w+)\}")
# What the boot menu's own variables may come to, or nothing; the loader that starts the menu adds a first word itself.
_MAY_BE = {"iso_words": r"asl\.iso=/\S+", "serial_words": r"console=\S+"}
_LOADER = r"(?: BOOT_IMAGE=\S+)?"


@dataclass(frozen=True)
class KernelWords:
    """The sealed words; layers as they are stacked, lowest first."""

    image: str
    layers: tuple[Layer, ...]


def read_kernel_words(line: str) -> KernelWords | None:
    """The words of a sealed image; None when the line has none. Raises Malformed for words that make no sense."""
    ours = [word for word in line.split() if word.startswith(("asl.image=", "asl.layer="))]
    if not ours:
        return None
    images = [found[1] for word in ours if (found := _IMAGE.fullmatch(word))]
    sealed = [found for word in ours if (found := _LAYER.fullmatch(word))]
    if len(images) != 1 or not sealed or 1 + len(sealed) != len(ours):
        words = "the kernel's command line does not name one image and its layers"
        raise Malformed(words, check_id="CLAIM-SEAL", hint=AGAIN)
    layers = tuple(Layer(each[1], each[3], each[4], int(each[2])) for each in sealed)
    if len({layer.name for layer in layers}) != len(layers):
        raise Malformed("the kernel's command line names a layer twice", check_id="CLAIM-SEAL", hint=AGAIN)
    return KernelWords(images[0], layers)


def is_start_of(line: str, template: str) -> bool:
    """Whether an entry of the boot menu (`template`, with the menu's `${…}`) gives this command line."""
    pattern = _LOADER
    for word in template.split():
        variable = _VARIABLE.fullmatch(word)
        if variable is None:
            pattern += f" {re.escape(word)}"
        elif variable[1] in _MAY_BE:
            pattern += f"(?: {_MAY_BE[variable[1]]})?"
        else:
            return False
    return re.fullmatch(pattern, "".join(f" {word}" for word in line.split())) is not None
