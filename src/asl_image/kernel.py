"""What the kernel's module folder says: dependencies, aliases, and which modules could make a net device."""

from __future__ import annotations

import lzma
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

# Whatever calls one of these can bring a network interface into being. The folder a module lies in
# says nothing: firewire-net, mptlan, u_ether, usb_f_* and ksmbd lie elsewhere than drivers/net.
NET_DEVICE_SYMBOLS = frozenset(
    {
        "alloc_etherdev_mqs",
        "alloc_netdev_mqs",
        "cfg80211_register_netdevice",
        "devm_alloc_etherdev_mqs",
        "devm_register_netdev",
        "ieee80211_register_hw",
        "register_netdev",
        "register_netdevice",
        "rtnl_link_register",
        "wiphy_register",
    }
)


def module_name(path: str) -> str:
    """`kernel/drivers/ata/ata_piix.ko.xz` → `ata_piix`; dashes are underscores, as the kernel has it."""
    return path.rsplit("/", 1)[-1].split(".ko", 1)[0].replace("-", "_")


@dataclass(frozen=True)
class ModuleFolder:
    """/lib/modules/<version>: `dependencies` maps each module path to all it needs, nearest first."""

    version: str
    at: Path
    dependencies: Mapping[str, tuple[str, ...]]

    @classmethod
    def read(cls, root: Path) -> ModuleFolder:
        """The one module folder of a root tree. Raises ValueError when there is none or more than one."""
        folders = sorted((root / "usr/lib/modules").glob("*/modules.dep"))
        if len(folders) != 1:
            raise ValueError(f"one kernel is expected in the root tree, {len(folders)} are there")
        at = folders[0].parent
        dependencies = {}
        for line in folders[0].read_text().splitlines():
            path, _, needed = line.partition(":")
            dependencies[path] = tuple(needed.split())
        return cls(at.name, at, dependencies)

    def select(self, wanted: Iterable[str]) -> tuple[set[str], set[str]]:
        """The module paths that `wanted` (folders ending in "/", or names) picks, and the words that pick nothing."""
        chosen: set[str] = set()
        idle: set[str] = set()
        by_name = {module_name(path): path for path in self.dependencies}
        for word in wanted:
            if word.endswith("/"):
                found = {path for path in self.dependencies if path.startswith(f"kernel/{word}")}
            else:
                path = by_name.get(word.replace("-", "_"))
                found = {path} if path else set()
            chosen |= found
            if not found and module_name(word) not in self.builtin():
                idle.add(word)
        return chosen, idle

    def builtin(self) -> set[str]:
        """Names of what is part of the kernel itself."""
        return {module_name(line) for line in (self.at / "modules.builtin").read_text().splitlines()}

    def closure(self, chosen: Iterable[str]) -> set[str]:
        """`chosen` and everything that it needs."""
        whole = set(chosen)
        for path in chosen:
            whole.update(self.dependencies[path])
        return whole

    def load_order(self, chosen: Iterable[str]) -> list[str]:
        """`chosen` in the order given, each after what it needs."""
        order: list[str] = []
        for path in chosen:
            # modules.dep lists what is needed nearest first, so the farthest must be loaded first
            for needed in (*reversed(self.dependencies[path]), path):
                if needed not in order:
                    order.append(needed)
        return order

    def aliases(self) -> dict[str, list[str]]:
        """Module name → the patterns of device ids that it serves, in the file's order."""
        served: dict[str, list[str]] = {}
        for line in (self.at / "modules.alias").read_text().splitlines():
            words = line.split()
            if len(words) == 3 and words[0] == "alias":
                served.setdefault(words[2].replace("-", "_"), []).append(words[1])
        return served

    def makes_net_device(self, path: str) -> bool:
        """Whether the module uses a symbol that registers a network interface."""
        return bool(NET_DEVICE_SYMBOLS & undefined_symbols(read_module(self.at / path)))


def read_module(path: Path) -> bytes:
    """A module's ELF bytes, unpacked."""
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def undefined_symbols(elf: bytes) -> set[str]:
    """Names that an ELF64 little-endian relocatable object wants from elsewhere. Raises ValueError."""
    if elf[:6] != b"\x7fELF\x02\x01":
        raise ValueError("not a 64-bit little-endian ELF file")
    section_offset = struct.unpack_from("<Q", elf, 0x28)[0]
    entry_size, count = struct.unpack_from("<HH", elf, 0x3A)
    sections = [struct.unpack_from("<IIQQQQIIQQ", elf, section_offset + entry_size * at) for at in range(count)]
    names: set[str] = set()
    for section in sections:
        if section[1] != 2:  # SHT_SYMTAB
            continue
        strings = sections[section[6]][4]
        for at in range(section[4], section[4] + section[5], 24):
            name_at, _, _, home = struct.unpack_from("<IBBH", elf, at)
            if home == 0 and name_at:  # SHN_UNDEF
                start = strings + name_at
                names.add(elf[start : elf.index(b"\0", start)].decode())
    return names
