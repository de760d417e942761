"""The domains of a store in short, by its logs: what each is called, and how the host stands to it."""

from __future__ import annotations

from dataclasses import dataclass

from asl_authority.errors import Damaged, Malformed
from asl_authority.operations.reading import HOST
from asl_authority.storage.disk import Disk
from asl_authority.storage.domains import domain_ids, entries_of, read_log
from asl_authority.storage.layout import StorePaths
from asl_authority.values.checkpoint import origin_of
from asl_authority.values.domain_state import State
from asl_authority.values.domain_view import derive, facts_of_domain


@dataclass(frozen=True)
class Listed:
    """A domain that lies in a store; `damage` is why nothing else can be said of it."""

    domain_id: str
    state: State | None = None
    label: str = ""
    damage: str = ""


def list_domains(disk: Disk, store: StorePaths, *, rehearsal: bool) -> list[Listed]:
    """Every domain but the host, sorted by id; no signature is looked at.

    Raises Damaged and Malformed when the host's log can't be read, IoFailed.
    """
    host = entries_of(read_log(disk, store.host, origin_of(HOST, rehearsal=rehearsal)))
    found = []
    for domain_id in domain_ids(disk, store):
        try:
            reader = read_log(disk, store.domain(domain_id), origin_of(domain_id, rehearsal=rehearsal))
            entries = entries_of(reader)
            state = derive(domain_id, entries, reader.head.size, host).state
        except (Damaged, Malformed) as error:
            found.append(Listed(domain_id, damage=str(error)))
        else:
            found.append(Listed(domain_id, state, facts_of_domain(entries).get("label", "")))
    return found
