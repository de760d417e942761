"""A genesis in sessions: roots sign what was prepared, whoever and wherever they are, and nothing else is founded."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from asl_authority.errors import AuthorityError, Malformed, Refused, UnlockFailed, UsageError
from asl_authority.operations.founding import found_domain
from asl_authority.operations.prepared import (
    INDEX,
    PreparedGenesis,
    issuer_of,
    load_prepared,
    payload_name,
    signature_name,
    write_prepared,
)
from asl_authority.operations.reading import HOST
from asl_authority.operations.root_sessions import (
    expect_complete,
    expect_may_sign,
    judge,
    keep_signatures,
    open_lines,
    sign_here,
    unlock_keys,
    with_signatures,
)
from asl_authority.storage.disk import Disk, HostDisk
from asl_authority.storage.domains import create_directories
from asl_authority.storage.durable import part_of
from asl_authority.values.canonical import canonical_bytes
from asl_authority.values.ed25519 import SecretKey
from asl_authority.values.keyfile import RANDOM_BYTES, KeyKind, seal_key
from asl_authority.values.prepared import check_roots
from asl_authority.values.rootset import RootSet
from support.domains import secret
from support.genesis import ROOT_KEYS, ROOTS, founded, founding_of, known_random, prepared
from support.memory_disk import MemoryDisk
from support.stories import Answers
from support.story_files import FILES, PASSPHRASE, prepared_files

DISK = HostDisk()
PLACE = Path("/prepared")


def on_disk(whole: PreparedGenesis | None = None) -> MemoryDisk:
    """A disk with a prepared genesis and nothing else."""
    disk = MemoryDisk()
    write_prepared(disk, PLACE, whole or prepared("me"))
    return disk


def loaded(disk: Disk) -> PreparedGenesis:
    return load_prepared(disk, PLACE, rehearsal=True)


def session(disk: Disk, root: SecretKey) -> None:
    """One root signs here."""
    before = loaded(disk)
    keep_signatures(disk, PLACE, before, sign_here(before, root))


def content(disk: MemoryDisk, name: str) -> bytes:
    return bytes(disk.read_at(disk.open_read(PLACE / name), 1 << 20, 0))


def put(disk: MemoryDisk, name: str, data: bytes) -> None:
    """A file of the directory, whatever was there."""
    if disk.is_file(PLACE / name):
        disk.remove(PLACE / name)
    disk.write_at(disk.open_new(PLACE / name), memoryview(data), 0)


def indexed(disk: MemoryDisk, **members: Any) -> None:
    """The index as it would be written for the files that lie there, with other members."""
    index = json.loads(content(disk, INDEX))
    index["files"] = {name: hashlib.sha256(content(disk, name)).hexdigest() for name in index["files"]}
    put(disk, INDEX, canonical_bytes({**index, **members}))


def refused(check_id: str, disk: Disk) -> None:
    with pytest.raises((Malformed, Refused)) as error:
        loaded(disk)
    assert error.value.check_id == check_id


def trees(root: Path) -> list[tuple[str, bytes]]:
    return [(str(path.relative_to(root)), path.read_bytes()) for path in sorted(root.rglob("*")) if path.is_file()]


def test_what_was_signed_in_sessions_is_founded_as_what_was_signed_at_once(tmp_path: Path) -> None:
    for place in ("at once", "in sessions"):
        (tmp_path / place).mkdir()
    founded(DISK, tmp_path / "at once", dam_signer=True, common="common")
    disk = on_disk(prepared("me", dam_signer=True, common="common"))
    for root in (ROOT_KEYS[1], ROOT_KEYS[0]):
        session(disk, root)
    store = create_directories(DISK, tmp_path / "in sessions")
    found_domain(DISK, store, founding_of(loaded(disk)))

    domain = Path("domains") / prepared("me").new.domain_id
    assert trees(tmp_path / "in sessions" / domain) == trees(tmp_path / "at once" / domain)
    assert len(trees(store.root)) > 30


class Forgetful(MemoryDisk):
    """A medium that takes signatures and does not keep them."""

    def open_read(self, path: Path) -> int:
        if path.suffix == ".signature":
            raise FileNotFoundError(path)
        return super().open_read(path)


def test_a_medium_that_does_not_keep_what_a_root_signed_is_noticed() -> None:
    disk = Forgetful()
    write_prepared(disk, PLACE, prepared("me"))

    with pytest.raises(Malformed) as noticed:
        session(disk, ROOT_KEYS[0])
    assert noticed.value.check_id == "SIGN-READ-BACK"


def test_signatures_from_elsewhere_are_told_apart_by_what_they_verify() -> None:
    disk = on_disk()
    before = loaded(disk)
    messages = [content(disk, payload_name(name)) for name in reversed(before.names)]
    given = {Path(f"{n}{m}"): root.sign(each) for n, each in enumerate(messages) for m, root in enumerate(ROOT_KEYS)}
    files = keep_signatures(disk, PLACE, before, with_signatures(before, given))

    assert len(files) == 3 * 3
    assert signature_name("log", 2) in files
    assert open_lines(loaded(disk)) == []


def test_too_few_signatures_found_nothing_and_the_issuers_must_be_there() -> None:
    disk = on_disk()
    for root, check_id in ((ROOT_KEYS[1], "CERTIFICATE-ISSUER"), (ROOT_KEYS[2], "CERTIFICATE-ISSUER")):
        session(disk, root)
        with pytest.raises(Refused) as error:
            expect_complete(loaded(disk))
        assert error.value.check_id == check_id
    session(disk, ROOT_KEYS[0])
    assert expect_complete(loaded(disk)).certificates


def test_one_root_alone_is_no_quorum() -> None:
    disk = on_disk()
    session(disk, ROOT_KEYS[0])

    with pytest.raises(Refused) as error:
        expect_complete(loaded(disk))
    assert error.value.check_id == "ROOTSET-QUORUM"


def test_who_has_signed_all_signs_nothing_more_and_who_has_signed_some_signs_the_rest() -> None:
    disk, root = on_disk(), ROOT_KEYS[0]
    before = loaded(disk)
    some = with_signatures(before, {Path("x"): root.sign(content(disk, payload_name("log")))})
    keep_signatures(disk, PLACE, before, some)
    session(disk, root)

    for again in (lambda: sign_here(loaded(disk), root), lambda: expect_may_sign(loaded(disk), root.public)):
        with pytest.raises(Refused) as error:
            again()
        assert error.value.check_id == "SIGN-TWICE"
    twice = root.sign(content(disk, payload_name("log")))
    with pytest.raises(Refused) as error:
        with_signatures(loaded(disk), {Path("x"): twice})
    assert error.value.check_id == "SIGN-TWICE"


def test_a_stranger_signs_nothing() -> None:
    disk, stranger = on_disk(), secret("stranger")
    for attempt in (lambda: sign_here(loaded(disk), stranger), lambda: expect_may_sign(loaded(disk), stranger.public)):
        with pytest.raises(Refused) as error:
            attempt()
        assert error.value.check_id == "SIGN-KEY"
    for data in (stranger.sign(content(disk, payload_name("log"))), ROOT_KEYS[0].sign(b"something else"), b""):
        with pytest.raises(Malformed, match="no root") as error_:
            with_signatures(loaded(disk), {Path("x"): data})
        assert error_.value.check_id == "SIGN-VERIFIED"


def test_a_signature_that_fits_nothing_spoils_the_directory() -> None:
    disk = on_disk()
    put(disk, signature_name("log", 1), secret("stranger").sign(content(disk, payload_name("log"))))

    refused("SIGN-VERIFIED", disk)


def test_everything_is_judged_with_a_throw_away_key_first() -> None:
    judge(prepared("me"), secret("throw-away"))


NAMES = tuple(json.loads(content(on_disk(), INDEX))["files"])


@pytest.mark.parametrize("name", NAMES)
def test_a_changed_file_is_refused_by_its_name(name: str) -> None:
    disk = on_disk()
    put(disk, name, content(disk, name)[:-1] + b"#")

    with pytest.raises(Malformed, match=name) as error:
        loaded(disk)
    assert error.value.check_id == "PREPARED-FILES"


@pytest.mark.parametrize("name", [name for name in NAMES if not name.endswith(".priv.enc")])
def test_a_changed_file_is_refused_though_the_index_was_made_to_fit(name: str) -> None:
    disk = on_disk()
    other = on_disk(prepared("another"))
    put(disk, name, content(other, name) if content(other, name) != content(disk, name) else b"{}")
    indexed(disk)

    with pytest.raises((Malformed, Refused)):
        loaded(disk)


@pytest.mark.parametrize(
    ("members", "check_id"),
    [
        ({"label": "somebody else"}, "PREPARED-FOLLOWS"),
        ({"common": "elsewhere"}, "PREPARED-FOLLOWS"),
        ({"digest": "00" * 32}, "PREPARED-FOLLOWS"),
        ({"issuer": ROOT_KEYS[1].public.text}, "PREPARED-FOLLOWS"),
        ({"domain_id": "another"}, "CERTIFICATE-ISSUED"),
        ({"keys": ["log", "operator"]}, "PREPARED-GENESIS-SCHEMA"),
        ({"keys": ["admin", "log", "operator", "root"]}, "PREPARED-GENESIS-SCHEMA"),
        ({"keys": ["dam-signer", "log", "operator", "root"]}, "PREPARED-FILES"),
    ],
)
def test_an_index_that_says_something_else_is_refused(members: dict[str, Any], check_id: str) -> None:
    disk = on_disk()
    indexed(disk, **members)

    refused(check_id, disk)


def test_a_directory_without_its_index_is_refused() -> None:
    disk = on_disk()
    disk.remove(PLACE / INDEX)

    refused("PREPARED-FILES", disk)


def test_a_directory_that_never_got_its_name_is_refused() -> None:
    disk = on_disk()
    disk.rename(PLACE, part_of(PLACE))

    with pytest.raises(Refused, match="interrupted"):
        load_prepared(disk, part_of(PLACE), rehearsal=True)


def test_a_rehearsals_and_a_real_one_never_pass_for_each_other() -> None:
    with pytest.raises(Refused, match="rehearsal"):
        load_prepared(on_disk(), PLACE, rehearsal=False)
    with pytest.raises(UsageError, match="real"):
        loaded(on_disk(prepared("me", rehearsal=False)))


def test_nothing_is_prepared_over_something() -> None:
    disk = on_disk()
    before = content(disk, INDEX)

    with pytest.raises(Refused, match="nothing is overwritten"):
        write_prepared(disk, PLACE, prepared("another"))
    assert content(disk, INDEX) == before


def test_the_roots_must_be_those_that_it_was_prepared_for() -> None:
    later = RootSet(2, ROOTS.root_keys, 2)

    assert check_roots(ROOTS, ROOTS).ok
    finding = check_roots(ROOTS, later)
    assert (finding.check_id, finding.ok) == ("PREPARED-ROOTS", False)


def test_who_issues_is_said_or_follows() -> None:
    alone, everybody = RootSet(1, ROOTS.root_keys[:1], 1), RootSet(1, ROOTS.root_keys, 3)

    assert issuer_of(alone, None) == alone.root_keys[0]
    assert issuer_of(everybody, None) in everybody.root_keys
    assert issuer_of(ROOTS, ROOT_KEYS[2].public) == ROOT_KEYS[2].public
    with pytest.raises(UsageError, match="--issuer"):
        issuer_of(ROOTS, None)
    with pytest.raises(Refused) as error:
        issuer_of(ROOTS, secret("stranger").public)
    assert error.value.check_id == "SIGN-KEY"


def story(**sealed: bytes) -> PreparedGenesis:
    """A prepared genesis whose keys cost what they must, with other files for some of them."""
    disk = MemoryDisk()
    disk.make_directory(PLACE)
    for name, data in prepared_files()["prepared"].items():
        put(disk, name, data)
    for name, data in sealed.items():
        put(disk, f"{name}.priv.enc", data)
    indexed(disk)
    return load_prepared(disk, PLACE, rehearsal=False)


def typing(*answers: str) -> Answers:
    return Answers(list(answers), lambda _: None)


def failure(error: type[AuthorityError], whole: PreparedGenesis, *answers: str) -> AuthorityError:
    with pytest.raises(error) as found:
        unlock_keys(typing(*answers), whole)
    return found.value


def test_a_cheaper_file_in_the_place_of_a_key_is_refused_before_a_passphrase_is_asked_for() -> None:
    log = (FILES / "log.priv.enc").read_bytes()

    assert failure(Malformed, story(root=log)).check_id == "AGE-WORK-FACTOR"


def test_another_key_in_the_place_of_one_is_refused() -> None:
    log = (FILES / "log.priv.enc").read_bytes()
    # The keys are opened in their order; a root of the cheap kind keeps the test short.
    assert failure(Malformed, cheap_root(story(operator=log)), PASSPHRASE).check_id == "KEYFILE-PUBLIC"


def test_a_key_that_the_passphrase_of_the_others_does_not_open_is_refused() -> None:
    other = seal_key(secret("operator"), "another", KeyKind.PRINCIPAL, known_random("x")(RANDOM_BYTES))

    assert "operator.priv.enc" in str(failure(UnlockFailed, cheap_root(story(operator=other)), PASSPHRASE))


def cheap_root(whole: PreparedGenesis) -> PreparedGenesis:
    """Without its root key, which costs 1 GiB to open."""
    new = replace(whole.new, requests=whole.new.requests[1:], certificates=whole.new.certificates[1:])
    return replace(whole, new=new, sealed={name: data for name, data in whole.sealed.items() if name != "root"})


def test_a_host_can_be_prepared_too() -> None:
    disk = on_disk(prepared("the host", domain_id=HOST))

    assert loaded(disk).new.domain_id == HOST
