"""The modes of an authority host (ASL/AUTH-HOST/1), and which of them a configuration's own mode lets run.

Apart from what else a configuration says, since every start of the program knows these names.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class ProfileMode(StrEnum):
    """What is being done on the host."""

    GENESIS = "GENESIS"
    RESCUE = "RESCUE"
    ADMISSION = "ADMISSION"
    MAINTENANCE = "MAINTENANCE"


class ConfigMode(StrEnum):
    """`host.mode` of a configuration."""

    RESCUE = "rescue"
    ADMISSION = "admission"
    NORMAL = "normal"


# The first of each is the one that it starts in; a genesis takes a verb that says so. Reading is part of all.
LETS: Mapping[ConfigMode, tuple[ProfileMode, ...]] = {
    ConfigMode.RESCUE: (ProfileMode.RESCUE,),
    ConfigMode.ADMISSION: (ProfileMode.ADMISSION,),
    ConfigMode.NORMAL: (ProfileMode.MAINTENANCE, ProfileMode.GENESIS),
}
