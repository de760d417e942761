"""The root tree without what a build leaves lying about: logs, caches, backups, and the kernel (see kernel.py)."""

from __future__ import annotations

from dataclasses import dataclass

from asl_image import ownership, tree_writer
from asl_image.step import Site, Step

# Each with its reason; paths are globs below the root.
LITTER = (
    ("boot/*", "the kernel lies on the medium, beside the layers"),
    ("etc/.pwd.lock", "lock of passwd tools"),
    ("etc/*-", "backups of account files"),
    ("etc/apt", "the image has no package manager to configure"),
    ("etc/hostname", "set by an overlay"),
    ("etc/hosts", "set by an overlay"),
    ("etc/resolv.conf", "no resolver; mmdebstrap copies the host's"),
    ("etc/initramfs-tools", "the initramfs is our own"),
    ("initrd.img*", "links into an empty /boot"),
    ("vmlinuz*", "links into an empty /boot"),
    ("tmp/*", "a tmpfs at run time"),
    ("run/*", "a tmpfs at run time"),
    ("dev/*", "a devtmpfs at run time"),
    ("var/*", "a tmpfs at run time; what must stay was moved by a hook"),
    ("usr/share/man", "nobody reads manual pages on the host; they are in the documentation"),
    ("usr/share/locale", "messages are English"),
    ("usr/share/info", "no reader"),
    ("usr/share/lintian", "for package builders"),
    ("usr/share/bug", "for package builders"),
    ("usr/share/bash-completion/completions/apt*", "no package manager"),
    ("usr/lib/systemd/systemd-networkd*", "nothing talks here"),
    ("usr/lib/systemd/systemd-network-generator", "nothing talks here"),
    ("usr/lib/systemd/systemd-rfkill", "no radio to switch"),
    ("usr/lib/systemd/systemd-ssh-*", "nobody comes in"),
    ("usr/lib/systemd/system-generators/systemd-ssh-generator", "nobody comes in"),
    ("etc/ld.so.cache~", "backup"),
)


@dataclass(frozen=True)
class Clean(Step):
    """Removes litter, and sets the dates that accounts carry."""

    after: str
    epoch: int

    def name(self) -> str:
        return "clean"

    def needs(self) -> tuple[str, ...]:
        return (self.after,)

    def describe(self) -> tuple[str, ...]:
        return (
            *(f"builder: removes /{pattern} ({reason})" for pattern, reason in LITTER),
            "builder: keeps only copyright files under /usr/share/doc",
            "builder: sets the last password change of every account to the epoch's day",
        )

    def run(self, site: Site) -> None:
        with ownership.changing(site.work, f"generator {self.name()}"):
            self._clean(site)

    def _clean(self, site: Site) -> None:
        root = site.work / "root"
        for pattern, _ in LITTER:
            for path in sorted(root.glob(pattern), reverse=True):
                tree_writer.remove(path)
        self._thin_documentation(site)
        self._set_password_days(site)
        machine_id = root / "etc/machine-id"
        machine_id.write_bytes(b"")  # empty, not absent: systemd binds a new one over it at each boot
        machine_id.chmod(0o444)

    def _thin_documentation(self, site: Site) -> None:
        """Licences stay, also through links between packages' folders; the rest of /usr/share/doc goes."""
        for folder in (site.work / "root/usr/share/doc").iterdir():
            if folder.is_symlink():
                continue
            for path in folder.iterdir():
                if path.name != "copyright":
                    tree_writer.remove(path)

    def _set_password_days(self, site: Site) -> None:
        shadow = site.work / "root/etc/shadow"
        day = str(self.epoch // 86400)
        rows = [line.split(":") for line in shadow.read_text().splitlines()]
        shadow.write_text("".join(":".join([*row[:2], day if row[2] else "", *row[3:]]) + "\n" for row in rows))
