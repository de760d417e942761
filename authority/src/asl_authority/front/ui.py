"""Every word that the program says to a person, and every object that it says to a program.

The text is plain ASCII and at most 78 columns wide where we choose the words: it must be readable on a
serial line and on a console without a font. What comes from files and devices is escaped, so that a
name can't move the cursor.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from asl_authority import __version__, contract
from asl_authority.contract import ExitStatus
from asl_authority.errors import AuthorityError
from asl_authority.operations.status import Damaged, Status
from asl_authority.values.finding import Finding
from asl_authority.values.state import Seal

WIDTH = 78
_LABEL_WIDTH = 12
_REHEARSAL = (
    "**********************************************************************",
    "*  REHEARSAL. Nothing that is made here is real, and no real          *",
    "*  verifier will accept it. No store volume is opened.                *",
    "**********************************************************************",
)


def plain(text: str) -> str:
    """`text` with everything but printable ASCII escaped."""
    return "".join(c if c.isascii() and c.isprintable() else ascii(c)[1:-1] for c in text)


def json_object(program: str, status: ExitStatus, **members: object) -> str:
    """The one object of --json: who speaks, how it ended, and the answer; absent things are left out."""
    if taken := members.keys() & {"program", "version", "status"}:
        raise ValueError(f"{taken}: what every answer says may not be said otherwise")
    value = {"program": program, "version": __version__, "status": int(status), **members}
    return json.dumps(_without_none(value), indent=2) + "\n"


def rehearsal_banner() -> str:
    """What stands above everything that a rehearsal says."""
    return "\n".join((*_REHEARSAL, "")) + "\n"


def error_text(program: str, error: AuthorityError) -> str:
    """What, where, what now."""
    check_id = check_id_of(error)
    lines = [f"{program}: {f'{check_id}: ' if check_id else ''}{plain(str(error))}"]
    if error.hint:
        lines.append(f"  {plain(error.hint)}")
    return "\n".join(lines) + "\n"


def check_id_of(error: AuthorityError) -> str | None:
    """The rule that was broken, where one was."""
    return error.check_id or None


def findings_members(findings: Sequence[Finding]) -> list[dict[str, object]]:
    """Findings for --json."""
    return [dataclasses.asdict(finding) for finding in findings]


def finding_line(finding: Finding, no: str = "FAILED") -> str:
    """One check, its answer in words first; on lines of their own where the details are long."""
    head = f"{'ok    ' if finding.ok else no}  {finding.check_id}"
    detail = plain(finding.detail)
    if len(head) + 2 + len(detail) <= WIDTH:
        return f"{head}  {detail}\n"
    return "\n".join([head, *wrapped(detail, " " * 10)]) + "\n"


def wrapped(text: str, indent: str) -> list[str]:
    """`text` in lines of a console's width; a word that is longer, such as a key, stays whole."""
    import textwrap

    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def self_test_verdict(findings: Sequence[Finding]) -> str:
    """The last line of a self-test."""
    failed = [finding.check_id for finding in findings if not finding.ok]
    if failed:
        return f"The self-test FAILED: {', '.join(failed)}. Do not use this machine.\n"
    return f"All {len(findings)} checks passed.\n"


def status_text(status: Status) -> str:
    """What this machine is, with everything that is wrong first and last."""
    seal = status.gathered.seal
    lines: list[str] = [*_REHEARSAL, ""] if status.rehearsal else []
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
    volumes = status.gathered.volumes
    if volumes is None or isinstance(volumes, Damaged) or volumes.devices:
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


def _without_none(value: dict[str, Any]) -> dict[str, Any]:
    return {key: member for key, member in value.items() if member is not None}
