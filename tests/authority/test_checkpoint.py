"""Signed notes, heads of logs and proofs: the published examples, openssl's word, and every other form."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from asl_authority.errors import Malformed
from asl_authority.values import checkpoint, signed_note
from asl_authority.values.checkpoint import (
    Checkpoint,
    LogProof,
    check_log_proof,
    read_checkpoint,
    read_checkpoint_text,
    read_log_proof,
)
from asl_authority.values.ed25519 import SecretKey
from asl_authority.values.merkle import EMPTY_ROOT, leaf_hash, node_hash
from asl_authority.values.signed_note import (
    Note,
    NoteKey,
    NoteSigner,
    check_note,
    read_note,
    read_note_key,
    require_signed,
)

# The example of Go's package note, whose format C2SP wrote down.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()
# The example of C2SP tlog-checkpoint.
C2SP_NOTE = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
).encode()

ORIGIN = "example.org/log"
SECRET = SecretKey(bytes(range(32)))
SIGNER = NoteSigner(ORIGIN, SECRET)
OTHER = NoteSigner("example.org/other", SecretKey(bytes(32)))
HEAD = Checkpoint(ORIGIN, 2, node_hash(leaf_hash(b"a"), leaf_hash(b"b")))
SIGNED = HEAD.signed(SIGNER)
PROOF = LogProof(1, (leaf_hash(b"a"),), SIGNED)


def test_the_published_note_is_read_and_verified() -> None:
    key = read_note_key(GO_KEY)

    require_signed(read_note(GO_NOTE), [key])
    assert key.to_text() == GO_KEY
    assert read_note(GO_NOTE).to_bytes() == GO_NOTE


def test_the_published_checkpoint_is_read() -> None:
    note = read_note(C2SP_NOTE)

    assert read_checkpoint_text(note.text).size == 20852163
    assert read_checkpoint_text(note.text).to_text() == note.text
    assert note.signatures[0].name == read_checkpoint_text(note.text).origin


def test_a_checkpoint_is_read_as_it_was_written() -> None:
    assert read_checkpoint(SIGNED.to_bytes(), ORIGIN, [SIGNER.key]) == (HEAD, SIGNED)
    assert read_checkpoint(SIGNED.signed_by(OTHER).to_bytes(), ORIGIN, [SIGNER.key, OTHER.key], 2)[0] == HEAD


def test_openssl_verifies_a_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(SECRET.public.spki)
    (tmp_path / "text").write_text(SIGNED.text, "utf-8")
    (tmp_path / "sig").write_bytes(base64.b64decode(SIGNED.to_bytes().split()[-1])[4:])
    argv = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key", "-rawin"]

    subprocess.run([*argv, "-in", "text", "-sigfile", "sig"], cwd=tmp_path, check=True, capture_output=True)


def failed(note: Note, keys: list[NoteKey], threshold: int = 1) -> list[str]:
    return [finding.check_id for finding in check_note(note, keys, threshold) if not finding.ok]


def test_strangers_do_not_count_and_a_bad_signature_of_a_known_key_spoils_a_note() -> None:
    both = SIGNED.signed_by(OTHER)
    moved = Note(both.text.replace("2", "3", 1), both.signatures)
    renamed = NoteKey("example.org/else", SECRET.public)

    assert failed(both, [SIGNER.key]) == []
    assert failed(both, [renamed]) == ["NOTE-SIGNED"]
    assert failed(both, [SIGNER.key, renamed], 2) == ["NOTE-SIGNED"]
    assert failed(moved, [SIGNER.key]) == ["NOTE-SIGNATURES", "NOTE-SIGNED"]
    assert failed(Note(both.text, (both.signatures[0],) * 2), [SIGNER.key], 2) == ["NOTE-SIGNED"]
    with pytest.raises(Malformed) as refusal:
        require_signed(moved, [SIGNER.key])
    assert refusal.value.check_id == "NOTE-SIGNATURES"
    with pytest.raises(ValueError, match="at least 1"):
        check_note(both, [], 0)


TEXT = SIGNED.to_bytes()


@pytest.mark.parametrize(
    ("check_id", "data"),
    [
        ("NOTE-SIZE", TEXT + b"x" * 70_000),
        ("NOTE-SIZE", Note(SIGNED.text, SIGNED.signatures * 65).to_bytes()),
        ("NOTE-FORM", b""),
        ("NOTE-FORM", SIGNED.text.encode()),
        ("NOTE-FORM", TEXT[:-1]),
        ("NOTE-FORM", TEXT + b"\n"),
        ("NOTE-FORM", TEXT + b"x\n"),
        ("NOTE-FORM", TEXT.replace(b"\n2\n", b"\n2\r\n")),
        ("NOTE-FORM", TEXT.replace("—".encode(), b"-")),
        ("NOTE-FORM", TEXT.replace(b"2", b"\xff")),
        ("NOTE-FORM", TEXT[:-3] + bytes([TEXT[-3] + 1]) + TEXT[-2:]),
        ("CHECKPOINT-FORM", Note(HEAD.to_text() + "extension\n", SIGNED.signatures).to_bytes()),
        ("CHECKPOINT-FORM", Note(HEAD.to_text().replace("2\n", "02\n"), SIGNED.signatures).to_bytes()),
        ("CHECKPOINT-FORM", Note(HEAD.to_text().replace("2\n", "-2\n"), SIGNED.signatures).to_bytes()),
        ("CHECKPOINT-FORM", Note(f"{ORIGIN}\n2\nAAAA\n", SIGNED.signatures).to_bytes()),
        ("CHECKPOINT-FORM", Note(HEAD.to_text().replace("=", ""), SIGNED.signatures).to_bytes()),
        ("CHECKPOINT-EMPTY", Note(HEAD.to_text().replace("\n2\n", "\n0\n"), SIGNED.signatures).to_bytes()),
        ("CHECKPOINT-ORIGIN", Checkpoint("example.org/other", 0, EMPTY_ROOT).signed(SIGNER).to_bytes()),
        ("NOTE-SIGNED", HEAD.signed(OTHER).to_bytes()),
    ],
)
def test_a_checkpoint_of_another_form_is_refused_by_name(check_id: str, data: bytes) -> None:
    with pytest.raises(Malformed) as refusal:
        read_checkpoint(data, ORIGIN, [SIGNER.key])

    assert refusal.value.check_id == check_id


def test_a_proof_is_read_as_it_was_written_and_holds_for_its_entry_only() -> None:
    read = read_log_proof(PROOF.to_bytes())

    assert read == PROOF
    assert check_log_proof(read, b"b", ORIGIN, [SIGNER.key]).ok
    assert not check_log_proof(read, b"a", ORIGIN, [SIGNER.key]).ok
    with pytest.raises(Malformed):
        check_log_proof(read, b"b", ORIGIN, [OTHER.key])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        PROOF.to_bytes().replace(b"@v1", b"@v2"),
        PROOF.to_bytes().replace(b"index 1", b"index 01"),
        PROOF.to_bytes().replace(b"index 1", b"index -1"),
        PROOF.to_bytes().replace(b"index 1\n", b"index 1\nAAAA\n"),
        PROOF.to_bytes().replace(b"index 1\n", b"index 1\n" + b"A" * 43 + b"=\n") + b"\n",
        LogProof(1, (bytes(32),) * 65, SIGNED).to_bytes(),
    ],
)
def test_a_proof_of_another_form_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed) as refusal:
        read_log_proof(data)

    assert refusal.value.check_id in ("PROOF-FORM", "NOTE-FORM")


@pytest.mark.parametrize("text", ["", "a", "a+b+c", GO_KEY[:-1], GO_KEY.replace("c74f", "c74e"), "+" + GO_KEY])
def test_what_is_no_key_of_a_note_is_refused(text: str) -> None:
    with pytest.raises(Malformed) as refusal:
        read_note_key(text)

    assert refusal.value.check_id == "NOTE-FORM"


@given(some.binary(max_size=120))
def test_any_bytes_are_a_note_or_refused_by_a_rule(data: bytes) -> None:
    ids = {rule.check_id for rule in (*signed_note.RULES, *checkpoint.RULES)}
    for read, source in ((read_note, data), (read_note, GO_NOTE + data), (read_log_proof, PROOF.to_bytes() + data)):
        try:
            again = read(source).to_bytes()
        except Malformed as refusal:
            again = source if refusal.check_id in ids else b""
        assert again == source
