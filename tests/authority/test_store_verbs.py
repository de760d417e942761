"""The verbs that read a store: what is only half signed, half written or half read is told as such."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest

from asl_authority.contract import ExitStatus
from asl_authority.front import cli
from asl_authority.storage.disk import HostDisk
from asl_authority.storage.domains import Domain, create_domain, create_store, opened
from asl_authority.storage.layout import DomainPaths
from asl_authority.values.certificate import KIND, issue
from asl_authority.values.checkpoint import Checkpoint, origin_of
from asl_authority.values.ed25519 import SecretKey
from asl_authority.values.log_entry import Entry
from asl_authority.values.log_record import RecordType
from asl_authority.values.public_key_file import public_key_file
from asl_authority.values.request import AuthorityRequest, SubjectType
from asl_authority.values.rootset import RootSet
from asl_authority.values.signed import unsigned
from asl_authority.values.signed_note import NoteSigner

DOMAIN = "me.example"
ORIGIN = origin_of(DOMAIN, rehearsal=False)
KEY = SecretKey(b"\7" * 32)
SIGNER = NoteSigner(ORIGIN, KEY)


class StoppedAt(StringIO):
    """A stream at whose n-th line the person presses Ctrl-C."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.left = line

    def write(self, text: str) -> int:
        """Keep it, or stop."""
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return super().write(text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A store with a domain of three signed records and six blocks, and the log's key beside it."""
    store = tmp_path / "store"
    store.mkdir()
    made = create_store(HostDisk(), store, origin_of("host", rehearsal=False))
    create_domain(HostDisk(), made, DOMAIN, ORIGIN)
    with writing(store) as domain:
        for number in range(6):
            domain.blocks.put(b"%d" % number)
        domain.commit(*(fact(number) for number in range(3)))
    (tmp_path / "log.pub").write_bytes(public_key_file(KEY.public))
    return store


@contextmanager
def writing(root: Path, signer: NoteSigner | None = SIGNER) -> Iterator[Domain]:
    """The domain, for writing."""
    with opened(HostDisk(), paths(root), ORIGIN, signer, keys=[SIGNER.key]) as domain:
        yield domain


def paths(root: Path) -> DomainPaths:
    return DomainPaths(root / "domains" / DOMAIN)


def fact(number: int) -> Entry:
    return Entry(RecordType.CLAIM, facts={"n": number})


def call(root: Path, *words: str, err: StringIO | None = None) -> tuple[ExitStatus, str, str]:
    out, err = StringIO(), err or StringIO()
    argv = ("--root", str(root), *words, "--domain", DOMAIN)
    status = cli.run(argv, program="asl-auth-host", stdout=out, stderr=err, machine=Path("/nonexistent"))
    return status, out.getvalue(), err.getvalue()


def failed(out: str) -> list[str]:
    return [each["check_id"] for each in json.loads(out)["findings"] if not each["ok"]]


def key(root: Path) -> tuple[str, str]:
    return "--log-key", str(root.parent / "log.pub")


def test_records_that_no_signature_covers_yet_are_not_verified(root: Path) -> None:
    assert call(root, "log", "verify", *key(root))[0] is ExitStatus.DONE
    with writing(root, signer=None) as domain:
        domain.commit(fact(9))

    status, out, _ = call(root, "log", "verify", "--json", *key(root))

    assert (status, failed(out)) == (ExitStatus.CHECK_FAILED, ["LOG-COVERED"])
    assert json.loads(out)["size"] == 4
    status, out, _ = call(root, "log", "head", *key(root))
    assert status is ExitStatus.DONE
    assert "3 of 4 records; 1 after them are under no signature" in out
    assert call(root, "log", "proof", "4", *key(root))[0] is ExitStatus.USAGE
    assert call(root, "log", "proof", "3", *key(root))[0] is ExitStatus.DONE


def test_what_lies_behind_the_head_is_told_and_left_as_it_is(root: Path) -> None:
    log = paths(root).log_file(1)
    with log.open("ab") as file:
        file.write(b"half a record")
    before = log.read_bytes()

    status, out, _ = call(root, "log", "verify", "--json", *key(root))

    assert status is ExitStatus.DONE
    assert "what an interruption left: 0 records of whole operations, and what is none" in json.loads(out)["notes"][0]
    assert log.read_bytes() == before


def test_a_head_that_its_records_do_not_lead_to_is_damage(root: Path) -> None:
    paths(root).unsigned_checkpoint.write_text(Checkpoint(ORIGIN, 3, b"\2" * 32).to_text())

    status, _, err = call(root, "log", "verify", *key(root))

    assert status is ExitStatus.STORE_DAMAGED
    assert "its first 3 records do not lead to the root that was committed" in err
    assert "mount it read-only" in err


def test_a_stopped_scrub_goes_on_where_it_was_and_remembers_what_it_found(root: Path) -> None:
    blocks = sorted(paths(root).store.glob("*.bin"))
    blocks[0].write_bytes(b"x")

    status, _, err = call(root, "store", "scrub", err=StoppedAt(4))
    assert status is ExitStatus.ABORTED
    assert "blocks read: 3 of 6" in err
    status, out, err = call(root, "store", "scrub", "--resume", "--json")

    assert status is ExitStatus.STORE_DAMAGED
    assert failed(out) == ["BLOCK-ID"]
    assert err.splitlines() == ["blocks read: 5 of 6", "blocks read: 6 of 6"]
    assert json.loads(out)["bytes_read"] == 2
    assert call(root, "store", "scrub", "--resume", err=StringIO())[2].startswith("blocks read: 1 of 6")


def test_a_scrub_that_is_not_to_go_on_begins_again(root: Path) -> None:
    assert call(root, "store", "scrub", err=StoppedAt(4))[0] is ExitStatus.ABORTED

    assert call(root, "store", "scrub")[2].startswith("blocks read: 1 of 6")


def logged(domain: Domain, kind: RecordType, files: dict[str, bytes]) -> None:
    """Write files, and a record that names them."""
    named = {name: domain.write(name, data) for name, data in files.items()}
    domain.commit(Entry(kind, files=named))


def test_a_certificate_that_is_none_does_not_pass_unseen_and_what_no_record_names_is_nothing(root: Path) -> None:
    roots = root.parent / "roots.json"
    roots.write_bytes(RootSet(1, (KEY.public,), 1).to_bytes())
    name = f"certs/cert-{'0' * 64}.json"
    (paths(root).root / f"certs/cert-{'1' * 64}.json.sig").write_text("{}")
    status, _, err = call(root, "log", "verify", "--root-set", str(roots))
    assert (status, "cert-" in err) == (ExitStatus.CHECK_FAILED, False)

    with writing(root) as domain:
        logged(domain, RecordType.CERTIFICATE, {name: b"{}", f"{name}.sig": b"{}"})
    status, _, err = call(root, "log", "verify", "--root-set", str(roots))
    assert status is ExitStatus.CHECK_FAILED
    assert f"{name}.sig" in err


def test_without_a_word_of_ours_a_store_is_held_to_the_roots_in_it_and_that_is_said(root: Path) -> None:
    offline, host = SecretKey(b"\1" * 32), root / "host"
    roots = RootSet(1, (offline.public,), 1)
    asked = AuthorityRequest(SubjectType.LOG, KEY.public, DOMAIN, (), "0" * 64)
    certified = unsigned(KIND, issue(asked, offline.public)).signed_by(offline)
    name = f"certs/cert-{certified.body.digest}.json"
    with writing(root) as domain:
        files = {name: certified.body.to_bytes(), f"{name}.sig": certified.to_bytes()}
        logged(domain, RecordType.CERTIFICATE, files)
        logged(domain, RecordType.ROOT_SET, {"auth/root-set-1.json": roots.to_bytes()})
    assert call(root, "log", "verify")[0] is ExitStatus.CHECK_FAILED
    (host / "auth/root-set-1.json").write_bytes(roots.to_bytes())
    assert call(root, "log", "verify")[0] is ExitStatus.CHECK_FAILED, "no record of the host names it"
    (host / "auth/root-set-1.json").unlink()
    with opened(HostDisk(), DomainPaths(host), origin_of("host", rehearsal=False), None) as domain:
        logged(domain, RecordType.ROOT_SET, {"auth/root-set-1.json": roots.to_bytes()})
    (host / "trusted-roots/root-1.pub").write_bytes(public_key_file(offline.public))

    status, _, err = call(root, "log", "verify")

    assert status is ExitStatus.DONE
    assert "the roots that this store itself trusts" in err
    (host / "trusted-roots/root-1.pub").write_bytes(public_key_file(KEY.public))
    status, _, err = call(root, "log", "verify")
    assert status is ExitStatus.STORE_DAMAGED
    assert "the root set names a key that is not there" in err


def test_a_log_of_another_domain_in_a_domains_place_is_damage(root: Path) -> None:
    other = root / "domains" / "other.example"
    paths(root).root.rename(other)
    out, err = StringIO(), StringIO()

    status = cli.run(
        ("--root", str(root), "log", "head", "--domain", "other.example"),
        program="asl-auth-host",
        stdout=out,
        stderr=err,
        machine=Path("/nonexistent"),
    )

    assert status is ExitStatus.STORE_DAMAGED
    assert "CHECKPOINT-ORIGIN" in err.getvalue()


def test_roots_can_not_vouch_where_there_is_no_store(root: Path) -> None:
    proof = root.parent / "proof"
    call(root, "log", "proof", "1", "--output", str(proof))

    status, out, _ = call(root.parent, "log", "proof", "--check", str(proof), "--entry", "0" * 64, "--json")

    assert (status, failed(out)) == (ExitStatus.CHECK_FAILED, ["TREE-INCLUSION", "LOG-SIGNED"])
    assert call(root, "log", "proof", "1", "--entry", "0" * 64)[0] is ExitStatus.USAGE
    assert call(root, "log", "proof", "1", "--check", str(proof))[0] is ExitStatus.USAGE
    assert call(root, "log", "proof", "--check", str(proof), "--entry", "x")[0] is ExitStatus.USAGE
