"""What the boot menu tells the kernel is known in full, or the menu is refused."""

from __future__ import annotations

import pytest

from asl_image.bootmenu import read_menu
from asl_image.errors import CheckFailed

MENU = """
set serial=""
if serial --unit=0; then
  set serial="console=ttyS0"
fi
function start {
  linux /asl/vmlinuz quiet asl.layer=base,1,a,b ${iso_words} $1 $2
  initrd /asl/initrd
}
menuentry "Host" --hotkey=h {
  start asl.mode=host
}
menuentry "Check" {
  start asl.mode=check ${serial}
}
"""


def test_every_value_of_a_variable_gives_a_start_of_its_own() -> None:
    assert [(start.title, start.words[2:]) for start in read_menu(MENU)] == [
        ("Host", ("asl.mode=host",)),
        ("Check", ("asl.mode=check",)),
        ("Check", ("asl.mode=check", "console=ttyS0")),
    ]
    assert read_menu(MENU)[0].seals() == ("asl.layer=base,1,a,b",)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("linux /asl/vmlinuz", "linux /other", "in one place"),
        ("  initrd /asl/initrd", "  initrd /asl/initrd /asl/more", "in one place"),
        ("  start asl.mode=host", "  linux /asl/vmlinuz init=/bin/sh", "in one place"),
        ("  start asl.mode=host", "  chainloader /x", "in one place"),
        ("${serial}", "${unknown}", "never set"),
        ("asl.mode=host", "a b c", "more words than it hands on"),
        ("asl.mode=host", "$(x)", "can't be followed"),
        ('menuentry "Host" --hotkey=h {', "", "outside of its entries"),
        ("  start ", "  begin ", "no entry"),
    ],
)
def test_a_menu_that_does_something_else_is_refused(old: str, new: str, said: str) -> None:
    with pytest.raises(CheckFailed, match=said):
        read_menu(MENU.replace(old, new))
