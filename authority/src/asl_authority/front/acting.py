"""The verbs that do something in a domain that is there: judged, shown, confirmed, carried out, and answered for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asl_authority.front.given import REHEARSAL
from asl_authority.front.kept import KEEPING, KEPT
from asl_authority.front.verb import DRY_RUN, Answer, Argument, Call

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from asl_authority.operations.act import Act, Done, Standing
    from asl_authority.operations.gate import Gate
    from asl_authority.operations.unlock import AtRest
    from asl_authority.values.ed25519 import SecretKey
    from asl_authority.values.policy import DomainPolicy

DOMAIN = Argument(("DOMAIN",), "the domain's id; `host` is the host's own", "DOMAIN", required=True)
ACTING = (*KEEPING, REHEARSAL, DRY_RUN)
DOES = (
    " Refused with 4 without an environment claim of this start that is VERIFIED (see `claim`); where the domain's "
    "last claim does not cover its head, a new one is pinned first. What will be done is shown and confirmed by two "
    "words of its digest, then one passphrase opens the domain's keys. A receipt is left, and all of the domain is "
    "read back and checked."
)
ACTS = DOES + KEPT


def gate_of(call: Call) -> Gate:
    """The gate of this machine. Raises Refused when it is shut."""
    from asl_authority.front.reading import is_rehearsal
    from asl_authority.operations.boot_claim import boot_gate
    from asl_authority.operations.gate import rehearsal_gate

    return rehearsal_gate() if is_rehearsal(call) else boot_gate(call.machine, call.root)


def standing_of(call: Call, domain_id: str) -> Standing:
    """The domain before the operation, held to every rule. Raises Refused when there is none, Damaged, IoFailed."""
    from asl_authority.operations.act import expect_sound
    from asl_authority.operations.reading import only_reading

    standing = looked_at(call, domain_id)
    with only_reading():
        expect_sound(standing.report, domain_id)
    return standing


def looked_at(call: Call, domain_id: str) -> Standing:
    """The domain with all that was found of it, which may be that it breaks a rule. Raises as `standing_of`."""
    from asl_authority.front.reading import is_rehearsal
    from asl_authority.front.store import checked_host
    from asl_authority.operations.act import Standing
    from asl_authority.operations.domain_check import check_domain
    from asl_authority.operations.reading import HOST, find_domain, only_reading
    from asl_authority.storage.disk import HostDisk
    from asl_authority.storage.layout import StorePaths

    disk, store, rehearsal = HostDisk(), StorePaths(call.root), is_rehearsal(call)
    with only_reading():
        source = find_domain(disk, call.root, domain_id, rehearsal=rehearsal)
        trusted = None if domain_id == HOST else checked_host(call, disk, rehearsal=rehearsal)
        report = check_domain(disk, store, source.paths, domain_id, trusted=trusted, rehearsal=rehearsal)
    return Standing(source, store, report, trusted)


def nothing_more() -> None:
    """Opens no other key."""


def nothing_else(_: Mapping[str, SecretKey]) -> None:
    """Does nothing with keys but what the operation does."""


def act(
    call: Call,
    gate: Gate,
    standing: Standing,
    asked: Act,
    *,
    unlock: Callable[[], None] = nothing_more,
    opened: Callable[[Mapping[str, SecretKey]], None] = nothing_else,
    going_back: bool = False,
    policy: DomainPolicy | None = None,
) -> Answer:
    """Show, have it confirmed, open the keys, do it, and keep the new head on the stick.

    `unlock` opens what lies elsewhere, after the confirmation; `opened` gets the keys, before anything is done. Who is
    `going_back` to an older backup has looked at the last head already. `policy` is the one that comes into force with
    it, when it is another.
    """
    from asl_authority.front import ui
    from asl_authority.front.kept import kept_after
    from asl_authority.front.signing import protect
    from asl_authority.operations.act import carry_out
    from asl_authority.operations.confirm import confirm, digest_text
    from asl_authority.operations.reading import only_reading

    expect_allowed(call, standing, asked, going_back=going_back, policy=policy)
    head = ui.rehearsal_banner() if standing.rehearsal else ""
    shown = head + "".join(f"{ui.plain(line)}\n" for line in asked.lines)
    if call.dry_run:
        text = f"{shown}SHA-256 of what would be done\n{digest_text(asked.digest)}Nothing was done.\n"
        return Answer(text, _planned(standing, asked, gate))
    protect(call)
    call.terminal.say(shown)
    confirm(call.terminal, f"To be done in {standing.domain_id}: {asked.what}", asked.digest)
    unlock()
    keys = _unlocked(call, standing, asked)
    opened(keys)
    with only_reading():
        done = carry_out(standing, asked, gate, keys)
    return kept_after(call, standing.source, _answer(asked, done))


def expect_allowed(
    call: Call, standing: Standing, asked: Act, *, going_back: bool = False, policy: DomainPolicy | None = None
) -> None:
    """All that is asked before a person is: whether this may be done here, now, and could be written and kept.

    A dry run is not asked for the latter, for it writes nothing. Raises Refused, Busy, ConfigError, IoFailed.
    """
    from asl_authority.front.configuration import expect_sealed_policy
    from asl_authority.front.kept import expect_keeps, expect_known
    from asl_authority.front.modes import expect_operation
    from asl_authority.operations.act import expect_may_act
    from asl_authority.operations.reading import HOST
    from asl_authority.storage.domains import expect_writable

    expect_operation(call, standing.domain_id)
    # A backup may be older than the policy that is sealed: it is accepted first, and then brought to that policy.
    if standing.domain_id == HOST and not going_back:
        expect_sealed_policy(call, policy or standing.report.policy)
    expect_may_act(standing, asked)
    if not going_back:
        expect_known(call, standing.source)
    if not call.dry_run:
        expect_writable(standing.source.disk, standing.source.paths.root)
        expect_keeps(call)


def _planned(standing: Standing, asked: Act, gate: Gate) -> dict[str, object]:
    """What a dry run says to a machine: all that a person is shown, and what would be written, logged and signed."""
    from asl_authority.operations.plan import plan_act

    return {
        "domain_id": standing.domain_id,
        "operation": asked.operation,
        "what": asked.what,
        "shown": list(asked.lines),
        "sha256": asked.digest.hex(),
        "plan": plan_act(standing, asked, gate),
    }


def _unlocked(call: Call, standing: Standing, asked: Act) -> dict[str, SecretKey]:
    from asl_authority.operations.unlock import unlock_together

    files = [_at_rest(standing, name) for name in asked.all_keys]
    call.terminal.say(f"{', '.join(asked.all_keys)}: the keys of {standing.domain_id} that this takes\n")
    return dict(zip(asked.all_keys, unlock_together(call.terminal, files), strict=True))


def _at_rest(standing: Standing, name: str) -> AtRest:
    from asl_authority.errors import Refused
    from asl_authority.front.given import KEY_FILE_LIMIT, given_public_key
    from asl_authority.operations.genesis import USES
    from asl_authority.operations.key_files import KeyFile, key_files
    from asl_authority.operations.unlock import AtRest
    from asl_authority.storage import layout
    from asl_authority.storage.plain_files import read_file

    root = standing.source.paths.root
    newest = key_files(standing.report.entries).get(name, KeyFile(name))
    private, public = root / newest.path, root / layout.public_key_name(name)
    if not private.is_file():
        raise Refused(
            f"{private}: is not there: this takes that key",
            hint="is this domain's authority elsewhere?",
            check_id="KEY-HERE",
        )
    return AtRest(str(private), read_file(private, KEY_FILE_LIMIT), USES[name].kind, given_public_key(public))


def _answer(asked: Act, done: Done) -> Answer:
    from asl_authority.front import ui
    from asl_authority.front.kept import deviations_text
    from asl_authority.values.deviation import deviations
    from asl_authority.values.paper_head import paper_head

    report = done.read_back
    count = 0 if report is None else len(deviations(entry for _, entry in report.entries))
    checked = "" if report is None else f"{len(report.findings)} checks of what was read back, and all of them hold\n"
    paper = paper_head(done.head)
    notes = "".join("\n".join(ui.wrapped(f"note: {ui.plain(note)}", "")) + "\n" for note in done.notes)
    text = (
        f"{notes}done: {asked.what}\n"
        f"receipt\n  {done.receipt.per_artifact_id}\n"
        f"{checked}"
        "head of its log, for paper\n"
        + "".join(f"  {line}\n" for line in paper.to_text().splitlines())
        + deviations_text(count)
    )
    members: dict[str, object] = {
        "domain_id": done.receipt.domain_id,
        "operation": asked.operation,
        "receipt": done.receipt.per_artifact_id,
        "logseq": done.receipt.logseq,
        "outputs": [{"name": each.name, "sha256": each.sha256} for each in done.receipt.outputs],
        "notes": list(done.notes),
        "head": {"size": done.head.size, "root": done.head.root.hex(), "words": list(paper.words)},
        "deviations": count,
    }
    return Answer(text, members)
