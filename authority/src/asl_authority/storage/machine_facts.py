"""Read what a running machine shows of itself to anybody: its kernel, devices, mounts and installed tools."""

from __future__ import annotations

import hashlib
import re
import stat
from pathlib import Path, PurePosixPath

from asl_authority import contract
from asl_authority.errors import IoFailed, Malformed
from asl_authority.storage.paths import inside
from asl_authority.storage.surroundings import VERSIONED, load_interfaces
from asl_authority.values.environment import Interface, Mount, Register, Tool
from asl_authority.values.reference import PROGRAMS

_CMDLINE = PurePosixPath("/proc/cmdline")
_RELEASE = PurePosixPath("/proc/sys/kernel/osrelease")
_PROCESSOR = PurePosixPath("/proc/cpuinfo")
_MOUNTS = PurePosixPath("/proc/self/mountinfo")
_NET = PurePosixPath("/sys/class/net")
_RANDOM = PurePosixPath("/sys/class/misc/hw_random/rng_available")
_EFI = PurePosixPath("/sys/firmware/efi")
_SECURE_BOOT = _EFI / "efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
_TPM = PurePosixPath("/sys/class/tpm/tpm0")
_REGISTERS = _TPM / "pcr-sha256"
_PACKAGES = PurePosixPath("/usr/lib/sysimage/dpkg/status")
_ESCAPE = re.compile(r"\\([0-7]{3})")
_MOST = 1 << 20
_MOST_PACKAGES = 64 << 20
_LONGEST_OPTION = 200
CHUNK = 1 << 20


def load_text(root: Path, path: PurePosixPath, most: int = _MOST) -> str | None:
    """A small file's text without the newline at its end; None where there is none. Raises Malformed, IoFailed."""
    try:
        with inside(root, path).open("rb") as file:
            data = file.read(most + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise IoFailed(f"{path}: {error.strerror}") from None
    if len(data) > most:
        raise Malformed(f"{path}: longer than {most} bytes", check_id="PATH-SIZE")
    return data.decode("utf-8", "replace").rstrip("\n")


def load_cmdline(root: Path) -> str | None:
    """The kernel's command line, letter for letter. Raises IoFailed."""
    text = load_text(root, _CMDLINE)
    return None if text is None else text.strip()


def load_kernel_release(root: Path) -> str | None:
    """Which kernel runs. Raises IoFailed."""
    return load_text(root, _RELEASE)


def load_secure_boot(root: Path) -> bool | None:
    """Whether firmware says that Secure Boot is on; a machine without UEFI has none. None: can't be told.

    Raises IoFailed.
    """
    if not inside(root, _EFI).is_dir():
        return False
    try:
        data = inside(root, _SECURE_BOOT).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise IoFailed(f"{_SECURE_BOOT}: {error.strerror}") from None
    return len(data) == 5 and data[4] == 1  # four bytes of attributes come first


def load_tpm(root: Path) -> tuple[Register, ...] | None:
    """The SHA-256 registers of the first TPM, none when the kernel shows none of them; None without a TPM.

    Raises IoFailed.
    """
    if not inside(root, _TPM).is_dir():
        return None
    found = []
    for index in range(24):
        text = load_text(root, _REGISTERS / str(index), 128)
        if text is not None:
            found.append(Register(index, text.strip().lower()))
    return tuple(found)


def load_random_sources(root: Path) -> tuple[str, ...]:
    """What feeds the kernel's random pool beside the machine's own noise, sorted. Raises IoFailed."""
    found = {f"device:{name}" for name in (load_text(root, _RANDOM) or "").split()}
    flags = (load_text(root, _PROCESSOR, 16 << 20) or "").split()
    return tuple(sorted(found | {f"processor:{name}" for name in ("rdrand", "rdseed") if name in flags}))


def load_interface_states(root: Path) -> tuple[Interface, ...] | None:
    """Every network interface with its state, sorted; None when the kernel shows no list. Raises IoFailed."""
    names = load_interfaces(root)
    if names is None:
        return None
    return tuple(Interface(name, load_text(root, _NET / name / "operstate", 64) or "unknown") for name in names)


def load_mounts(root: Path) -> tuple[Mount, ...] | None:
    """Every mounted file system that can be seen, sorted by place; None without a list. Raises IoFailed."""
    text = load_text(root, _MOUNTS)
    if text is None:
        return None
    # The last mount over the same place is the one that is seen.
    found = {mount.path: mount for line in text.splitlines() if (mount := _mount(line)) is not None}
    return tuple(found[path] for path in sorted(found))


def load_tool_files(root: Path) -> tuple[Tool, ...]:
    """Every file of every installed tool, and the programs of Debian that we rely on, sorted. Raises IoFailed."""
    found = []
    versions = inside(root, contract.TOOL_VERSIONS)
    try:
        folders = sorted(each.name for each in versions.iterdir()) if versions.is_dir() else []
        for folder in folders:
            known = VERSIONED.fullmatch(folder)
            names = sorted(each.name for each in (versions / folder).iterdir()) if known else []
            at = contract.TOOL_VERSIONS / folder
            found += [_tool(root, at / name, known["version"]) for name in names if known]
    except OSError as error:
        raise IoFailed(f"{contract.TOOL_VERSIONS}: {error.strerror}") from None
    packages = _versions(root)
    found += [
        _tool(root, PurePosixPath(path), packages[package])
        for path, package in PROGRAMS.items()
        if package in packages and inside(root, PurePosixPath(path)).is_file()
    ]
    return tuple(sorted(found, key=lambda tool: tool.path.encode()))


def load_digest(root: Path, path: PurePosixPath) -> str | None:
    """SHA-256 of a file, read piece by piece; None where there is none. Raises IoFailed."""
    try:
        place = inside(root, path)
        if not stat.S_ISREG(place.stat().st_mode):  # opening a FIFO would wait for ever
            raise IoFailed(f"{path}: not a regular file", check_id="PATH-REGULAR")
        whole = hashlib.sha256()
        with place.open("rb") as file:
            while chunk := file.read(CHUNK):
                whole.update(chunk)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise IoFailed(f"{path}: {error.strerror}") from None
    return whole.hexdigest()


def _tool(root: Path, path: PurePosixPath, version: str) -> Tool:
    digest = load_digest(root, path)
    if digest is None:
        raise IoFailed(f"{path}: it was there a moment ago")
    return Tool(str(path), digest, version)


def _versions(root: Path) -> dict[str, str]:
    """Package → version, by Debian's own records, of the packages that we rely on."""
    found: dict[str, str] = {}
    wanted = set(PROGRAMS.values())
    for paragraph in (load_text(root, _PACKAGES, _MOST_PACKAGES) or "").split("\n\n"):
        lines = dict(line.split(": ", 1) for line in paragraph.splitlines() if re.match(r"[A-Z][A-Za-z-]*: ", line))
        if lines.get("Package") in wanted and "Version" in lines:
            found[lines["Package"]] = lines["Version"]
    return found


def _mount(line: str) -> Mount | None:
    # proc_pid_mountinfo(5): number, parent, device, root, place, options, tags, a dash, type, source, options.
    mount, dash, filesystem = line.partition(" - ")
    fields, rest = mount.split(" "), filesystem.split(" ")
    if not dash or len(fields) < 6 or len(rest) < 3:
        return None
    options = {_short(each) for each in (*fields[5].split(","), *rest[-1].split(",")) if each}
    if "ro" in options:
        options.discard("rw")  # one of the two is the mount's, the other the file system's
    return Mount(_unescaped(fields[4]), rest[0], tuple(sorted(options)))


def _short(option: str) -> str:
    """An option, or its name and digest where it is longer than a claim takes."""
    if len(option) <= _LONGEST_OPTION:
        return option
    return f"{option.partition('=')[0][:64]}=sha256:{hashlib.sha256(option.encode('utf-8', 'replace')).hexdigest()}"


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 8)), text)
