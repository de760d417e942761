"""Which refusals stories tell, and which no story can, with why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

_ID = r"(?P<id>[A-Z][A-Z0-9]*(?:-[A-Z0-9]+)*)"
# What was refused, with a line of its own on stderr; what a person is told and asked again; a finding that failed; the
# same in an answer for programs.
_REFUSED = (
    re.compile(rf"^! asl-[a-z-]+: (?:[^ :]+: )?{_ID}: ", re.MULTILINE),
    re.compile(rf"^{_ID}: ", re.MULTILINE),
    re.compile(rf"^(?:! )? *(?:FAILED|WARNING) +{_ID}\b", re.MULTILINE),
    re.compile(rf'"check_id": "{_ID}",\n *"ok": false'),
)

# By the rule's check id. Each is held by the unit tests that its page names.
UNTOLD: Mapping[str, str] = {}


def refusals(stories: Mapping[str, str]) -> dict[str, list[str]]:
    """The stories that tell each refusal, by its check id."""
    found: dict[str, list[str]] = {}
    for name, text in stories.items():
        for check_id in sorted({match["id"] for each in _REFUSED for match in each.finditer(text)}):
            found.setdefault(check_id, []).append(name)
    return found


def problems(rules: Iterable[str], stories: Mapping[str, str], untold: Mapping[str, str]) -> Iterator[str]:
    """What is wrong: a rule that is refused in no story and is not excused, or is excused for nothing."""
    told, known = refusals(stories), set(rules)
    yield from (f"{each}: no story refuses it" for each in sorted(known - told.keys() - untold.keys()))
    yield from (f"{each}: is told, and excused" for each in sorted(untold.keys() & told.keys()))
    yield from (f"{each}: is excused, and no rule" for each in sorted(untold.keys() - known))
