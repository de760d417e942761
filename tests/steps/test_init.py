"""The sealed /init: it compiles without a warning, and its pure parts (words, hashes, uevents) do what they say."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "src/asl_image/initramfs"
PROBE = Path(__file__).with_name("init_probe.c")
FLAGS = ("-std=c11", "-D_GNU_SOURCE", "-O2", "-static", "-Wall", "-Wextra", "-Werror", "-Wno-format-truncation")

IMAGE = "a" * 64
ROOT = "b" * 64
SALT = "c" * 64
BASE, TOOLS, OVERLAY = (
    f"asl.layer={name},{blocks},{ROOT},{SALT}" for name, blocks in (("base", 10), ("tools", 2), ("overlay", 1))
)
LAYERS = f"{BASE} {TOOLS} {OVERLAY}"
GOOD = f"BOOT_IMAGE=/asl/vmlinuz asl.image={IMAGE} {LAYERS} asl.mode=host"
PERMITTED = (
    "BOOT_IMAGE=*\nasl.image=*\nasl.layer=*\nasl.mode=host\nasl.mode=check\nasl.ram=*\nasl.iso=*\nasl.wait=*\nquiet\n"
)

Ask = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture(scope="module")
def compiler() -> str:
    for name in ("musl-gcc", "cc"):
        if shutil.which(name):
            return name
    if os.environ.get("CI") == "true":
        pytest.fail("neither musl-gcc nor cc is installed")
    pytest.skip("neither musl-gcc nor cc is installed")


@pytest.fixture(scope="module")
def ask(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> Ask:
    probe = tmp_path_factory.mktemp("init") / "probe"
    sources = sorted(str(path) for path in SOURCES.glob("*.c") if path.name != "init.c")
    subprocess.run([compiler, *FLAGS, f"-I{SOURCES}", "-o", str(probe), str(PROBE), *sources], check=True, timeout=120)

    def run(*words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([str(probe), *words], input=stdin, capture_output=True, check=False, timeout=60)

    return run


def test_init_compiles_without_a_warning_and_twice_to_the_same_bytes(compiler: str, tmp_path: Path) -> None:
    made = []
    for name in ("first", "second"):
        out = tmp_path / name
        sources = sorted(str(path) for path in SOURCES.glob("*.c"))
        subprocess.run(
            [compiler, *FLAGS, "-s", "-Wl,--build-id=none", "-o", str(out), *sources], check=True, timeout=120
        )
        made.append(out.read_bytes())

    assert made[0] == made[1]
    assert str(tmp_path).encode() not in made[0]
    assert b"/bin/sh" not in made[0]


def test_a_good_command_line_is_understood(ask: Ask) -> None:
    said = ask("words", f"{GOOD} asl.ram=2048 asl.wait=5 asl.iso=/boot/a.iso quiet", PERMITTED)

    assert said.stdout.decode() == (
        f"host {IMAGE} ram=2048 wait=5 iso=/boot/a.iso\n"
        f"base 10 {ROOT} {SALT}\ntools 2 {ROOT} {SALT}\noverlay 1 {ROOT} {SALT}\n"
    )


def test_without_other_words_nothing_is_copied_and_the_medium_has_a_minute(ask: Ask) -> None:
    assert b"ram=0 wait=60 iso=\n" in ask("words", GOOD, PERMITTED).stdout


@pytest.mark.parametrize(
    "word",
    [
        "init=/bin/sh", "rdinit=/bin/sh", "break=premount", "systemd.debug_shell", "systemd.unit=rescue.target",
        "rescue", "emergency", "single", "1", "s", "S", "--", "-s", "quiet=1", "quie", "Quiet", "asl.mode=shell",
        "asl.unknown=1", "*",
    ],
)  # fmt: skip
def test_a_word_that_nobody_listed_is_refused_by_name(ask: Ask, word: str) -> None:
    said = ask("words", f"{GOOD} {word}", PERMITTED)

    assert said.returncode == 3
    assert said.stdout.decode() == f"refused: the kernel command-line word '{word}' is not permitted\n"


@pytest.mark.parametrize("text", ['asl.iso="/a b"', "quiet'", "qui\\et"])
def test_quotation_marks_and_backslashes_are_refused(ask: Ask, text: str) -> None:
    assert b"quotation mark" in ask("words", f"{GOOD} {text}", PERMITTED).stdout


@pytest.mark.parametrize("value", ["a;b", "a=b", "a$b", "a~b", "ä", "a\x01b"])
def test_a_value_with_a_strange_character_is_refused(ask: Ask, value: str) -> None:
    assert b"is not permitted" in ask("words", f"{GOOD} BOOT_IMAGE={value}", PERMITTED).stdout


@pytest.mark.parametrize(
    "word",
    [
        f"asl.image={IMAGE}", "asl.image=abc", "asl.mode=host", "asl.ram=-1", "asl.ram=", "asl.ram=07", "asl.ram=2G",
        "asl.wait=4000", "asl.iso=a.iso", "asl.iso=/../a.iso",
    ],
)  # fmt: skip
def test_a_permitted_word_that_makes_no_sense_is_refused(ask: Ask, word: str) -> None:
    said = ask("words", f"{GOOD} {word}", PERMITTED)

    assert said.returncode == 3
    assert b"makes no sense" in said.stdout


@pytest.mark.parametrize(
    "layer",
    [
        f"overlay,0,{ROOT},{SALT}", f"overlay,1,{ROOT}", f"overlay,1,{ROOT},{SALT},1", f"overlay,1,{ROOT[1:]},{SALT}",
        f"overlay,1,{ROOT.upper()},{SALT}", f"overlay,1,{ROOT},{SALT[1:]}", "overlay",
    ],
)  # fmt: skip
def test_a_layer_whose_seal_makes_no_sense_is_refused(ask: Ask, layer: str) -> None:
    said = ask("words", f"asl.image={IMAGE} {BASE} {TOOLS} asl.layer={layer}", PERMITTED)

    assert said.returncode == 3
    assert f"'asl.layer={layer}'"[:80] in said.stdout.decode()
    assert b"makes no sense" in said.stdout


@pytest.mark.parametrize(
    ("layers", "wrong"),
    [
        ([TOOLS, BASE, OVERLAY], TOOLS), ([BASE, OVERLAY, TOOLS], OVERLAY), ([BASE, BASE, TOOLS, OVERLAY], BASE),
        ([BASE, TOOLS, OVERLAY, OVERLAY], OVERLAY), ([BASE, TOOLS, "asl.layer=over"], "asl.layer=over"),
        ([BASE, TOOLS, "asl.layer=overlay2,1"], "asl.layer=overlay2,1"), (["asl.layer="], "asl.layer="),
        ([BASE, TOOLS, OVERLAY, "asl.layer=extra,1"], "asl.layer=extra,1"),
    ],
)  # fmt: skip
def test_an_extra_layer_or_one_in_another_place_is_refused_by_name(ask: Ask, layers: list[str], wrong: str) -> None:
    said = ask("words", f"asl.image={IMAGE} {' '.join(layers)}", PERMITTED)

    assert said.returncode == 3
    assert f"in this order; '{wrong[:80]}' is not the next one\n" in said.stdout.decode()


@pytest.mark.parametrize(("layers", "missing"), [(BASE, "tools"), (f"{BASE} {TOOLS}", "overlay")])
def test_a_layer_that_is_missing_is_named(ask: Ask, layers: str, missing: str) -> None:
    said = ask("words", f"asl.image={IMAGE} {layers}", PERMITTED)

    assert said.stdout.decode() == f"refused: layer {missing} is missing on the kernel's command line\n"


@pytest.mark.parametrize("cmdline", ["", "quiet", LAYERS, f"asl.image={IMAGE}"])
def test_a_command_line_that_does_not_say_what_to_start_is_refused(ask: Ask, cmdline: str) -> None:
    assert b"does not say which image to start" in ask("words", cmdline, PERMITTED).stdout


def test_a_word_as_long_as_a_line_is_refused_whole(ask: Ask) -> None:
    assert ask("words", f"{GOOD} BOOT_IMAGE={'a' * 600}", PERMITTED).returncode == 3


def test_a_star_alone_permits_nothing(ask: Ask) -> None:
    assert ask("words", f"{GOOD} anything", PERMITTED + "*\n").returncode == 3


@pytest.mark.parametrize("size", [0, 1, 3, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1000, 65537])
@pytest.mark.parametrize("step", ["whole", "small"])
def test_sha256_agrees_with_another_implementation(ask: Ask, size: int, step: str) -> None:
    data = bytes(i * 7 % 251 for i in range(size))

    assert ask("sha256", step, stdin=data).stdout.decode().strip() == hashlib.sha256(data).hexdigest()


def test_a_list_of_sums_is_read_to_its_end(ask: Ask) -> None:
    said = ask("sums", f"{IMAGE}  base.squashfs\n{ROOT} *sub/initrd\n")

    assert said.stdout == b"base.squashfs aaaa\nsub/initrd bbbb\nend\n"


@pytest.mark.parametrize(
    "line",
    [
        f"{IMAGE}  a",
        f"{IMAGE} a\n",
        f"{IMAGE[1:]}  a\n",
        f"{IMAGE}  /a\n",
        f"{IMAGE}  ../a\n",
        f"{IMAGE}  a/../b\n",
        "\n",
    ],
)
def test_a_malformed_list_of_sums_is_noticed(ask: Ask, line: str) -> None:
    assert ask("sums", line).stdout.endswith(b"malformed\n")


def test_a_damaged_block_is_read_from_the_kernels_message(ask: Ask) -> None:
    message = b"\0".join(
        (b"change@/devices/virtual/block/dm-1", b"ACTION=change", b"SUBSYSTEM=block", b"DM_VERITY_ERR_BLOCK_NR=1,77")
    )

    assert ask("uevent", stdin=message + b"\0DEVNAME=dm-1\0").stdout == b"change block dm-1 1 77\n"
    assert (
        ask("uevent", stdin=b"remove@/x\0ACTION=remove\0SUBSYSTEM=block\0DEVNAME=sda\0").stdout
        == b"remove block sda -1 0\n"
    )
    assert ask("uevent", stdin=b"").stdout == b"   -1 0\n"
