"""Stands in for root's helper that opens sticks: the same socket and words, and a memory of what is plugged in."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Sequence
from pathlib import Path

from asl_authority import contract
from asl_authority.values.canonical import canonical_bytes

KINDS = {"vfat": False, "exfat": False, "iso9660": True, "udf": True}
# One with this label can't be mounted.
BROKEN = "BROKEN"


class StickHelper:
    """Answers at the machine's socket (its path is short when `machine` is relative) until it is closed.

    A stick is said as `sdb1=vfat:KEYS`: device, file system, label.
    """

    def __init__(self, machine: Path, sticks: Sequence[str]) -> None:
        self._at = machine / contract.STICK_SOCKET.relative_to("/")
        self._sticks: dict[str, dict[str, object]] = {}
        for each in sticks:
            device, said = each.split("=")
            kind, label = said.split(":")
            why = "" if kind in KINDS else f"its file system is {kind}; a stick has vfat or exfat"
            self._sticks[device] = {
                "device": device,
                "kind": kind,
                "label": label,
                "place": "",
                "size": 64 << 20,
                "why": why,
                "read_only": KINDS.get(kind, True),
            }
        self._store = machine / contract.STORE_STATE.relative_to("/")
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._line.bind(str(self._at))
        self._line.listen(4)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer no more."""
        self._line.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._line.close()
        self._at.unlink()

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self._line.accept()
            except OSError:
                return
            with caller:
                word, _, device = caller.recv(64).decode().strip().partition(" ")
                why = self._do(word, device)
                caller.sendall(
                    canonical_bytes({"type": "asl.sticks/1", "sticks": list(self._sticks.values()), "why": why})
                )

    def _do(self, word: str, device: str) -> str:
        if word == "store":
            self._store.write_text(json.dumps({"how": "none", "device": "", "why": ""}))
        if word in ("open", "close"):
            stick = self._sticks[device]
            if stick["label"] == BROKEN:
                return f"its file system ({stick['kind']}) could not be mounted: is it damaged?"
            stick["place"] = f"{contract.STICKS}/{stick['label']}" if word == "open" else ""
        return ""
