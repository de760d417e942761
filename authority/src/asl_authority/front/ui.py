"""Every word that the program says to a person, and every object that it says to a program.

The text is plain ASCII and at most 78 columns wide where we choose the words: it must be readable on a
serial line and on a console without a font. What comes from files and devices is escaped, so that a
name can't move the cursor.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from asl_authority import __version__
from asl_authority.contract import ExitStatus
from asl_authority.errors import AuthorityError, UsageError
from asl_authority.values.finding import Finding

WIDTH = 78
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


def error_text(program: str, error: AuthorityError, asked: str) -> str:
    """What, where, what now; `asked` is the program and, where it was understood, the verb."""
    line = f"{program}: {check_id_of(error)}: {plain(str(error))}"
    return "\n".join((line, *wrapped(plain(hint_of(error, asked)), "  "))) + "\n"


def check_id_of(error: AuthorityError) -> str:
    """The rule that was broken."""
    return error.check_id or error.general_id


def hint_of(error: AuthorityError, asked: str) -> str:
    """What to do now: what the one who refuses says, or what is said of the rule, or of an end like this."""
    if error.hint:
        return error.hint
    if isinstance(error, UsageError) and not error.check_id:
        return f"see: {asked} --help"
    from asl_authority.operations.own_rules import what_now

    return what_now(error)


def findings_members(findings: Sequence[Finding]) -> list[dict[str, object]]:
    """Findings for --json."""
    return [{"check_id": each.check_id, "ok": each.ok, "detail": each.detail} for each in findings]


def finding_line(finding: Finding, no: str = "FAILED") -> str:
    """One check, its answer in words first; on lines of their own where the details are long."""
    head = f"{'ok    ' if finding.ok else no}  {finding.check_id}"
    detail = plain(finding.detail)
    if len(head) + 2 + len(detail) <= WIDTH:
        return f"{head}  {detail}\n"
    return "\n".join([head, *wrapped(detail, " " * 10)]) + "\n"


def verdict_text(what: str, findings: Sequence[Finding]) -> str:
    """Every finding, and what follows."""
    failed = tuple(dict.fromkeys(finding.check_id for finding in findings if not finding.ok))
    end = f"NOT VALID: {what}: {', '.join(failed)}\n{explained(failed)}" if failed else f"valid: {what}\n"
    return "".join(finding_line(finding) for finding in findings) + end


def explained(failed: Sequence[str]) -> str:
    """What to do now, after checks that say no."""
    return "".join(
        f"{line}\n" for line in wrapped(f"rely on nothing of it; what a rule says: explain {failed[0]}", "  ")
    )


def wrapped(text: str, indent: str) -> list[str]:
    """`text` in lines of a console's width; a word that is longer, such as a key, stays whole."""
    lines = [""]  # textwrap does the same and more, and takes as long to load as all that is said here
    for word in text.split():
        if lines[-1] and len(indent) + len(lines[-1]) + 1 + len(word) > WIDTH:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return [f"{indent}{line}" for line in lines if line]


def self_test_verdict(findings: Sequence[Finding]) -> str:
    """The last line of a self-test."""
    failed = [finding.check_id for finding in findings if not finding.ok]
    if failed:
        return f"The self-test FAILED: {', '.join(failed)}. Do not use this machine.\n"
    return f"All {len(findings)} checks passed.\n"


def _without_none(value: dict[str, Any]) -> dict[str, Any]:
    return {key: member for key, member in value.items() if member is not None}
