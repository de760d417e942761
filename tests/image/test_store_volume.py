"""What root makes of the volumes that there are at start: one is checked and opened, everything else is left alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.tree import tree_host

pytestmark = pytest.mark.image

VOLUME = "/tmp/vol"  # noqa: S108 - in the tree, whose /tmp is its own
EXT4 = "truncate -s 4M $vol; mke2fs -q -t ext4 -L asl-store $vol"
MOUNTED = f"mount -t ext4 -o nodev,nosuid,noexec,nosymfollow {VOLUME} /asl-auth-host"
VIEW = (
    "mount --bind /asl-auth-host /run/asl/view",
    "mount -o remount,bind,ro,nodev,nosuid,noexec,nosymfollow /run/asl/view",
)
# The script in the tree as it is, with real file systems in files. Only mounts are made up: a loop device would take
# the host's root. A volume "is mounted" as memory, so that what is done in it can be seen.
AROUND = """
vol=/tmp/vol
mkdir -p /tmp/fakes /run/asl/layers/tools/asl-auth-host/tools
printf '{"image":"x","mode":"MODE"}\\n' >/run/asl/seal.json
printf '{"devices": [%s], "label": "asl-store"}\\n' 'DEVICES' >/run/asl/volumes.json
cat >/tmp/fakes/mount <<'END'
#!/bin/bash
echo "mount $*" >>/tmp/log
[[ $* != *' /asl-auth-host' ]] && exit
/usr/bin/mount -t tmpfs tmpfs /asl-auth-host
[ ! -e /tmp/odd ] || ln -s /etc /asl-auth-host/domains
END
cat >/tmp/fakes/umount <<'END'
#!/bin/bash
echo "umount $*" >>/tmp/log
/usr/bin/umount "${@: -1}"
END
cat >/tmp/fakes/chown <<'END'
#!/bin/bash
echo "chown $*" >>/tmp/log
END
chmod 755 /tmp/fakes/*
{ BEFORE
} >/dev/null 2>&1
PATH=/tmp/fakes:$PATH /usr/lib/asl/open-store >/dev/null 2>/tmp/err
echo "ended $?" >>/tmp/log
AFTER
cat /run/asl/store.json /tmp/log
"""


@dataclass(frozen=True)
class Opened:
    """What the script said it did, and the mounts that it asked for."""

    state: dict[str, str]
    log: tuple[str, ...]


@pytest.fixture(autouse=True)
def _authority(manifest: Mapping[str, Any]) -> None:
    if not any(tool["name"] == "asl-auth-host" for tool in manifest["tools"]):
        pytest.skip("not an authority image")


def script(devices: str = f'"{VOLUME}"', before: str = ":", mode: str = "host", after: str = ":") -> str:
    """All that is run in the tree."""
    filled = {"MODE": mode, "DEVICES": devices, "BEFORE": before, "AFTER": after}
    text = AROUND
    for name, value in filled.items():
        text = text.replace(name, value)
    return text


def opened(tree: Path, **given: str) -> Opened:
    """What becomes of it."""
    first, *rest = tree_host(tree).check_output(script(**given)).splitlines()
    return Opened(json.loads(first), tuple(rest))


def test_without_a_volume_nothing_is_mounted_but_the_view(tree: Path) -> None:
    found = opened(tree, devices="")

    assert found.state == {"device": "", "how": "none", "why": ""}
    assert found.log == (*VIEW, "ended 0")


def test_two_volumes_are_both_named_and_neither_is_touched(tree: Path) -> None:
    found = opened(tree, devices=f'"{VOLUME}", "{VOLUME}2"', before=EXT4)

    assert found.state == {"device": "", "how": "several", "why": f"{VOLUME} {VOLUME}2"}
    assert found.log == (*VIEW, "ended 0")


def test_the_one_volume_is_mounted_once_and_the_sealed_tools_lie_over_it(tree: Path) -> None:
    found = opened(tree, before=EXT4, after="stat -c %a /asl-auth-host >>/tmp/log")

    assert found.state == {"device": VOLUME, "how": "open", "why": ""}
    assert found.log == (
        MOUNTED,
        "chown authority:operator /asl-auth-host",
        "mount --bind /run/asl/layers/tools/asl-auth-host/tools /asl-auth-host/tools",
        *VIEW,
        "ended 0",
        "2755",
    )


def test_a_rehearsal_looks_at_no_volume(tree: Path) -> None:
    found = opened(tree, before=EXT4, mode="rehearsal")

    assert found.state["how"] == "memory"
    assert (
        found.log[0]
        == "mount -t tmpfs -o nodev,nosuid,noexec,nosymfollow,size=25%,mode=0755 asl-rehearsal /asl-auth-host"
    )
    assert [line for line in found.log if VOLUME in line] == []


def test_a_journal_that_a_power_cut_left_is_played_back(tree: Path) -> None:
    cut = f"{EXT4}; debugfs -w -R 'feature needs_recovery' $vol; dumpe2fs -h $vol >/tmp/was"
    count = "dumpe2fs -h $vol >/tmp/is 2>&1; for at in was is; do grep -c needs_recovery /tmp/$at >>/tmp/log; done"
    found = opened(tree, before=cut, after=count)

    assert found.state["how"] == "open"
    assert found.log[-2:] == ("1", "0")


@pytest.mark.parametrize(
    ("before", "why"),
    [
        (f"{EXT4}; dd if=/dev/zero of=$vol bs=1024 seek=5 count=400 conv=notrunc", "its file system (ext4) is damaged"),
        ("truncate -s 4M $vol; mke2fs -q -t ext2 -L asl-store $vol", "none that a store may have (ext2)"),
        ("truncate -s 4M $vol; mkfs.vfat -n asl-store $vol", "none that a store may have (vfat)"),
        ("truncate -s 4M $vol; printf 'LUKS\\xba\\xbe\\0\\1' | dd of=$vol conv=notrunc", "it is encrypted"),
        ("truncate -s 4M $vol", "none that a store may have ()"),
    ],
)
def test_what_is_no_sound_volume_is_not_opened_and_not_changed(tree: Path, before: str, why: str) -> None:
    same = "sha256sum $vol | cmp - /tmp/sum && echo same >>/tmp/log"
    found = opened(tree, before=f"{before}; sha256sum $vol >/tmp/sum", after=same)

    assert (found.state["how"], found.state["device"]) == ("refused", VOLUME)
    assert why in found.state["why"]
    assert found.log == (*VIEW, "ended 0", "same")


def test_a_volume_whose_names_lead_elsewhere_is_given_back(tree: Path) -> None:
    found = opened(tree, before=f"{EXT4}; touch /tmp/odd")

    assert found.state == {"device": VOLUME, "how": "refused", "why": "its domains is no directory"}
    assert found.log == (MOUNTED, "umount /asl-auth-host", *VIEW, "ended 0")


def test_where_nobody_has_looked_for_volumes_it_looks_itself(tree: Path) -> None:
    found = opened(
        tree, before="rm /run/asl/volumes.json", after="[ -r /run/asl/volumes.json ] && echo seen >>/tmp/log"
    )

    assert found.state["how"] == "none"
    assert found.log == (*VIEW, "ended 0", "seen")


def test_where_nobody_can_look_the_unit_fails(tree: Path) -> None:
    blind = "rm /run/asl/volumes.json; printf '#!/bin/bash\nexit 4\n' >/tmp/fakes/blkid; chmod 755 /tmp/fakes/blkid"
    found = tree_host(tree).run(script(before=blind))

    assert "ended 1" in found.stdout
    assert "how" not in found.stdout
