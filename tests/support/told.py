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

_BUNDLES = "what reads it comes with the bundles"
_EXCHANGE = "what reads it comes with the exchange by sticks"
_LEVELS = "every door pairs what is signed with the key that may: it guards against a door that does not"
_OURS = "it judges what the program, a library or the medium has just made: only a fault of theirs brings it"
_CACHE = "a cache that is not as it must be is made anew, and nobody is refused"
_ELSEWHERE = "read by those who verify elsewhere; no verb takes this file"
_COUNTS_AS_ABSENT = "`domain check` reads it, and what it can't read counts as not there; others read it elsewhere"
_PROCESS = "said between two processes, neither of which is a person's"

# By the rule's check id, why no story can bring it about. Each is held by the unit tests that its page names.
UNTOLD: Mapping[str, str] = {
    **dict.fromkeys(
        (
            *("SOPS-BUNDLE-LEAF", "SOPS-BUNDLE-MANIFEST", "SOPS-BUNDLE-SCHEMA", "SOPS-BUNDLE-SIZE", "SOPS-BUNDLE-SUMS"),
            *("SOPS-BUNDLE-STATEMENT-SCHEMA", "SOPS-FILE-ENCRYPTED", "SOPS-FILE-METADATA", "SOPS-FILE-SCHEMA"),
            *("SOPS-FILE-TEXT", "SOPS-PRIVATE-KEY", "SOPS-RECIPIENTS", "SOPS-THRESHOLD", "SOPS-STATED-CONTENTS"),
            *("SOPS-STATED-FILE", "SOPS-STATED-HEADER", "SOPS-STATED-RECIPIENTS", "SOPS-STATED-VERSION"),
            *("TAR-CANONICAL", "TAR-FORM", "TAR-NAMES", "TAR-SIZE"),
        ),
        _BUNDLES,
    ),
    **dict.fromkeys(
        (
            *("USB-INPUTS-EQUAL", "USB-LIMITS", "USB-POLICY-HASH-EQUAL", "USB-PROGRAM-EQUAL", "USB-PROGRAM-SCHEMA"),
            *("USB-REPLAY", "USB-REQUEST-SCHEMA", "USB-REQUEST-TREE", "USB-RESPONSE-APPEND-ONLY", "USB-RESPONSE-FILES"),
            *("USB-RESPONSE-RECEIPT", "USB-RESPONSE-REQUEST", "USB-RESPONSE-SCHEMA", "USB-SIGNED-MANIFEST"),
        ),
        _EXCHANGE,
    ),
    **dict.fromkeys(
        (
            *("ROOT-SIGNS-ONLY", "DOMAIN-ROOT-SIGNS-ONLY", "LOG-SIGNS-ONLY", "X509-SIGNS-ONLY"),
            "PRINCIPAL-SIGNS-ONLY",
        ),
        _LEVELS,
    ),
    **dict.fromkeys(
        (
            *("LINT-FORM", "X509-READ-BACK", "X509-ALGORITHM", "SIGN-READ-BACK", "SHARE-COMBINATIONS", "OUR-FAULT"),
            *("SELFTEST-ED25519", "SELFTEST-RANDOM", "SELFTEST-SCRYPT", "SELFTEST-SHA256", "SELFTEST-SLIP39"),
            *("SELFTEST-AGE", "SELFTEST-JSON", "SELFTEST-TREE"),
        ),
        _OURS,
    ),
    **dict.fromkeys(("INDEX-CHECKSUM", "INDEX-FORM", "INDEX-ORDER", "SCRUB-SCHEMA"), _CACHE),
    **dict.fromkeys(
        (*("PER-INPUTS", "PER-PAYLOAD", "PER-RESERVED", "POLICY-BYTES"),),
        _ELSEWHERE,
    ),
    **dict.fromkeys(
        ("DOMAIN-VIEW-SCHEMA", "DRILL-PERSONS", "DRILL-RESULT", "DRILL-SCHEMA", "DRILL-SHARES"), _COUNTS_AS_ABSENT
    ),
    **dict.fromkeys(("ERRAND-SCHEMA", "READINGS-SCHEMA"), _PROCESS),
    "DOMAIN-TAKEN": "PATH-TAKEN is said before; only a race of two writers brings it",
    "KEY-LENGTH": "the members of every body and file say the length before, with their own id",
    "LEASE-GIVEN": "who has lost a lease breaks ADMISSION-FACTS before",
    "LOG-INTERRUPTED": "it is a note of `claim`, which then does not store (told in forged-claim)",
    "LOG-KEPT": "it is said where it holds; refusals are LOG-ROLLED-BACK, LOG-FORKED and LOG-HEAD-SIGNED",
    "LOG-REPLAYED": "it is said where it holds; what is wrong is refused by the rule that it breaks",
    "LOG-WRITE-FAILED": "a verb ends with its first failed write; it guards the writer itself",
    "REPLAY-KEPT": "a replay takes a sound domain, so DOMAIN-ARTIFACTS is said before",
}


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
