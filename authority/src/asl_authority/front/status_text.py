"""The words of `status`: what this machine is, with everything that is wrong first and last."""

from __future__ import annotations

import dataclasses

from asl_authority import contract
from asl_authority.contract import StoreHow
from asl_authority.front.ui import findings_members, plain, rehearsal_banner
from asl_authority.operations.status import Damaged, Status
from asl_authority.values.state import Opened, Seal

_LABEL_WIDTH = 12


def status_text(status: Status) -> str:
    """What this machine is, with everything that is wrong first and last."""
    seal = status.gathered.seal
    lines: list[str] = rehearsal_banner().splitlines() if status.rehearsal else []
    lines += _warnings(status)
    lines += _row("Image", _detail(status, "STATUS-IMAGE"))
    lines += _row("SHA-256", seal.image if isinstance(seal, Seal) else "unknown")
    lines += _row("Mode", _mode(seal))
    lines += _row("Medium", _medium(seal))
    lines += _layers(seal)
    lines += _row("Root", _detail(status, "STATUS-ROOT"))
    lines += _row("Network", _detail(status, "STATUS-NETWORK"))
    lines += _row("Store", *_store(status))
    lines += _row("Tools", *_tools(status))
    lines += _row("Self-test", "not run; run it with: self-test")
    if not status.ok:
        lines += ["", "NOT AS IT SHOULD BE: see the warnings above."]
    return "\n".join(lines) + "\n"


def status_members(status: Status) -> dict[str, object]:
    """`status` for --json."""
    gathered = status.gathered
    return {
        "ok": status.ok,
        "rehearsal": status.rehearsal,
        "image": _member(gathered.release),
        "seal": _member(gathered.seal),
        "root_read_only": _member(gathered.root_read_only),
        "interfaces": _member(gathered.interfaces),
        "store": _member(gathered.volumes),
        "opened": _member(gathered.opened),
        "tools": _member(gathered.tools),
        "self_test": "not run",
        "findings": findings_members(status.findings),
    }


def _warnings(status: Status) -> list[str]:
    lines = [f"WARNING {f.check_id}: {plain(f.detail)}" for f in status.findings if not f.ok]
    return [*lines, ""] if lines else []


def _row(label: str, *values: str) -> list[str]:
    first, *rest = values
    return [f"{label:<{_LABEL_WIDTH}}{first}", *(" " * _LABEL_WIDTH + value for value in rest)]


def _detail(status: Status, check_id: str) -> str:
    return plain(next(finding.detail for finding in status.findings if finding.check_id == check_id))


def _mode(seal: Seal | Damaged | None) -> str:
    if not isinstance(seal, Seal):
        return "unknown"
    return {contract.Mode.HOST: "authority host", contract.Mode.REHEARSAL: "REHEARSAL"}[seal.mode]


def _medium(seal: Seal | Damaged | None) -> str:
    if not isinstance(seal, Seal):
        return "unknown"
    where = "all layers are in memory" if seal.in_memory else "read while running: do not remove it"
    return f"{plain(seal.medium)}; {where}"


def _layers(seal: Seal | Damaged | None) -> list[str]:
    if not isinstance(seal, Seal):
        return _row("Layers", "unknown")
    # Not beside the label: a root hash and its name would not fit into a line.
    layers = [f"  {plain(layer.name):<9} {layer.root_hash}" for layer in seal.layers]
    return [*_row("Layers", f"{len(layers)}, lowest first, with their root hashes"), *layers]


def _store(status: Status) -> list[str]:
    detail = _detail(status, "STATUS-STORE")
    volumes, opened = status.gathered.volumes, status.gathered.opened
    in_memory = isinstance(opened, Opened) and opened.how is StoreHow.MEMORY
    if not in_memory and (volumes is None or isinstance(volumes, Damaged) or volumes.devices):
        return [detail]
    return [detail, "nothing that is made here outlives this start"]


def _tools(status: Status) -> list[str]:
    tools = status.gathered.tools
    if isinstance(tools, Damaged) or not tools:
        return [_detail(status, "STATUS-TOOLS")]
    return [f"{plain(tool.name)} {plain(tool.version)}{'' if tool.current else ' (not current)'}" for tool in tools]


def _member(value: object) -> object:
    if isinstance(value, Damaged):
        return {"damaged": value.reason}
    if isinstance(value, tuple):
        return [_member(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return value
