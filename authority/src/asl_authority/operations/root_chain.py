"""The root sets that a log names, each following from the one before, and which of them counts for which record.

Roots that were retired still have their keys. What they certified before counts; what they certify now must not, though
the signatures are right. So a certificate is held to the set in force where its record stands, and for a domain that
is not only where its own log says that the roots were rotated: the host's record of a rotation has the head of every
domain, and whatever a domain's log has after that head is held to the new set. A domain that no such record names was
not there, and can't go back to the roots that were retired then.

Who has files and no log knows none of these places: there each certificate is held to every set that rotations lead to
from the one that is held, and it is said which set it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from asl_authority.operations.twice import verified_elsewhere
from asl_authority.values.certificate import Certificate, check_certificate
from asl_authority.values.ed25519 import PublicKey
from asl_authority.values.finding import Finding
from asl_authority.values.frozen import frozen
from asl_authority.values.head import Head
from asl_authority.values.rootset import RootSet, Rotation, check_rotation
from asl_authority.values.signed import Signed

DOMAIN_ROOTS = "DOMAIN-ROOTS"
ROOTS_FOLLOW = "ROOTS-FOLLOW"
ROOTS_CERTIFIED = "ROOTS-CERTIFIED"

Certified = Sequence[tuple[int, Signed[Certificate]]]
Judge = Callable[[Sequence[Signed[Certificate]], RootSet], Sequence[Finding]]


@frozen
class Link:
    """A root set, from the record `logseq` on; the first has no rotation.

    `heads` are those of the host's domains when the host followed, by their ids; a domain's own record has none.
    """

    logseq: int
    roots: RootSet
    rotation: Signed[Rotation] | None
    heads: Mapping[str, Head]


@frozen
class RootChain:
    """The root sets of a log, in order; there is at least one."""

    links: tuple[Link, ...]

    @property
    def newest(self) -> RootSet:
        """The set that is trusted now."""
        return self.links[-1].roots

    @property
    def keys(self) -> frozenset[PublicKey]:
        """The keys of all of them."""
        return frozenset(key for link in self.links for key in link.roots.root_keys)

    def place_of(self, roots: RootSet) -> int | None:
        """Which link a set is, from 0; None when it is none of them."""
        return next((n for n, link in enumerate(self.links) if link.roots == roots), None)


@frozen
class Era:
    """A root set that is in force for the records after the one with the number `after`."""

    after: int
    roots: RootSet


@frozen
class Court:
    """A root set, and the certificates that are held to it."""

    certificates: tuple[Signed[Certificate], ...]
    roots: RootSet


def check_chain(chain: RootChain) -> list[Finding]:
    """Whether each set follows from the one before: signed by the old threshold and the new, by two implementations."""
    found: list[Finding] = []
    for before, link in zip(chain.links, chain.links[1:], strict=False):
        if link.rotation is None or link.rotation.body.new != link.roots:
            found.append(Finding(ROOTS_FOLLOW, False, f"record {link.logseq}: no rotation leads to its root set"))
            continue
        found += check_rotation(link.rotation, before.roots)
        found += verified_elsewhere(link.rotation.envelope, {*before.roots.root_keys, *link.roots.root_keys})
    return found


def chain_from(held: RootSet, rotations: Iterable[Signed[Rotation]]) -> RootChain:
    """The sets that rotations, in whatever order, say that they lead to from the held one; nothing is judged.

    Those that lead to it or to sets before it are left out: whoever holds a later set is given all of them too.
    """
    later = (each for each in rotations if each.body.new.version > held.version)
    ordered = sorted(later, key=lambda each: each.body.new.version)
    return RootChain(
        (Link(0, held, None, {}), *(Link(n, each.body.new, each, {}) for n, each in enumerate(ordered, 1)))
    )


def as_far_as_it_holds(chain: RootChain) -> RootChain:
    """The sets up to the first that does not follow from the one before: what comes after it is a stranger's."""
    for size in range(2, len(chain.links) + 1):
        if not all(finding.ok for finding in check_chain(RootChain(chain.links[size - 2 : size]))):
            return RootChain(chain.links[: size - 1])
    return chain


def courts_without_log(certificates: Iterable[Signed[Certificate]], chain: RootChain) -> tuple[Court, ...]:
    """All certificates before every set, the newest first: with files alone nobody knows which was in force when."""
    return tuple(Court(tuple(certificates), link.roots) for link in reversed(chain.links))


def check_certified(certificate: Signed[Certificate], chain: RootChain) -> Finding:
    """ROOTS-CERTIFIED: which of the sets has certified this key; where it is a retired one, that is said."""
    body, newest = certificate.body, chain.newest.version
    subject = f"{body.subject_type} key {body.subject_id}"
    if body.subject_pubkey in chain.keys:
        return Finding(ROOTS_CERTIFIED, False, f"{subject}: is a root itself, in one of the sets {_span(chain)}")
    for court in courts_without_log((certificate,), chain):
        if all(finding.ok for finding in check_certificate(certificate, court.roots)):
            version = court.roots.version
            words = f"root set {version}, the newest of these"
            if version != newest:
                words = f"root set {version}, retired since; only a log shows that it certified this before"
            return Finding(ROOTS_CERTIFIED, True, f"{subject}: {words}")
    return Finding(ROOTS_CERTIFIED, False, f"{subject}: certified by none of the root sets {_span(chain)}")


def _span(chain: RootChain) -> str:
    return f"{chain.links[0].roots.version} to {chain.newest.version}"


def eras_of(chain: RootChain, host: RootChain | None, domain_id: str) -> tuple[Era, ...]:
    """Which set is in force where in a domain's log; `host` is the host's chain, None in the host's own log."""
    eras = [Era(0, chain.links[0].roots), *(Era(link.logseq, link.roots) for link in chain.links[1:])]
    place = None if host is None else host.place_of(chain.links[0].roots)
    if host is None or place is None:
        return tuple(eras)
    pinned = [
        Era(link.heads[domain_id].size, link.roots) for link in host.links[place + 1 :] if domain_id in link.heads
    ]
    # The earliest place counts: a domain that follows late gains nothing by it.
    own = {era.roots.version: era for era in eras}
    for era in pinned:
        known = own.get(era.roots.version, era)
        own[era.roots.version] = Era(min(era.after, known.after), era.roots)
    return tuple(sorted(own.values(), key=lambda era: era.roots.version))


def courts_of(certified: Certified, eras: Sequence[Era]) -> tuple[Court, ...]:
    """The certificates by the set that each is held to, the newest set first."""
    held: dict[int, list[Signed[Certificate]]] = {number: [] for number in range(len(eras))}
    for logseq, certificate in certified:
        held[max(n for n, era in enumerate(eras) if n == 0 or era.after < logseq)].append(certificate)
    return tuple(Court(tuple(held[n]), eras[n].roots) for n in reversed(held))


def with_given(courts: Sequence[Court], given: Iterable[Signed[Certificate]]) -> tuple[Court, ...]:
    """With certificates that would be logged now: they are held to the newest set."""
    return (Court((*courts[0].certificates, *given), courts[0].roots), *courts[1:])


def judged(courts: Iterable[Court], judge: Judge) -> Sequence[Finding]:
    """What the court says that has the least to say against it; of several, that of the newest set."""
    return min(
        (judge(each.certificates, each.roots) for each in courts), key=lambda found: sum(not f.ok for f in found)
    )


def check_follows(
    chain: RootChain,
    host: RootChain | None,
    trusted: RootSet,
    domain_id: str,
    extends: Callable[[int, bytes], bool],
) -> Finding:
    """DOMAIN-ROOTS: the roots that a domain goes back to are those that are trusted here, or lead to them.

    `host` is the host's chain where it holds, `extends` whether the domain's log begins with the one of a head.
    """
    same = f"root set {chain.newest.digest}, trusted {trusted.digest}"
    if host is None or host.newest != trusted:
        return Finding(DOMAIN_ROOTS, chain.newest == trusted, same)
    place = host.place_of(chain.links[0].roots)
    if place is None:
        return Finding(DOMAIN_ROOTS, False, same)
    sets = [link.roots for link in host.links[place : place + len(chain.links)]]
    if [link.roots for link in chain.links] != sets:
        return Finding(DOMAIN_ROOTS, False, f"{same}: its root sets do not follow as the host's do")
    for link in host.links[place + 1 :]:
        head = link.heads.get(domain_id)
        if head is None or not extends(head.size, bytes.fromhex(head.root)):
            words = "it was not there" if head is None else f"its log was another, of {head.size} records,"
            return Finding(DOMAIN_ROOTS, False, f"{words} when root set {link.roots.version} followed: {same}")
    behind = len(host.links) - place - len(chain.links)
    if behind:
        same = (
            f"it follows root set {chain.newest.version} of {trusted.version}; to bring it on: root follow {domain_id}"
        )
    return Finding(DOMAIN_ROOTS, True, same)
