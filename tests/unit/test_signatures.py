"""Signing, and judging signatures, with openssl's and ssh-keygen's own keys: interoperation, and every bad input."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from asl_image.dsse import Envelope, pre_authentication, read_envelope
from asl_image.publickey import PublicKey, packed
from asl_image.signable import NAMESPACES, PAYLOAD_TYPES
from asl_image.sshsig import MAGIC, armored
from support.papers import write_papers
from support.plans import sha256
from support.signers import (
    ROOT,
    Signer,
    builders_file,
    manifest_in,
    on_a_terminal,
    openssl_key,
    public_pem,
    run,
    spki_of,
    ssh_key,
    statement_in,
)

TYPE, NAMESPACE = PAYLOAD_TYPES["manifest"], NAMESPACES["manifest"]


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_papers(tmp_path_factory.mktemp("papers"))


@dataclass(frozen=True)
class Keys:
    """Of four people: two have keys of openssl's, carol one of OpenSSH's; mallory is no builder."""

    alice: Path
    bob: Path
    carol: Path
    mallory: Path

    def public(self) -> dict[str, list[str]]:
        carol = self.carol.with_suffix(".pub").read_text()
        return {"alice": [public_pem(self.alice)], "bob": [public_pem(self.bob)], "carol": [carol]}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    folder = tmp_path_factory.mktemp("keys")
    alice, bob, mallory = (openssl_key(folder / name) for name in ("alice", "bob", "mallory"))
    return Keys(alice, bob, ssh_key(folder / "carol"), mallory)


@pytest.fixture
def manifest(tmp_path: Path, papers: Path) -> Path:
    return manifest_in(tmp_path, papers)


@pytest.fixture
def builders(tmp_path: Path, keys: Keys) -> Path:
    return builders_file(tmp_path / "builders.yaml", keys.public(), threshold=2)


@pytest.fixture
def person(tmp_path: Path) -> Signer:
    return Signer(tmp_path)


def envelope_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.dsse.json")


def pae_of(path: Path) -> bytes:
    return pre_authentication(TYPE, path.read_bytes())


def key_id_of(key: Path) -> str:
    return hashlib.sha256(run("openssl", "pkey", "-in", key, "-pubout", "-outform", "DER")).hexdigest()


# --- interoperation ------------------------------------------------------------------------------


def test_openssl_verifies_what_we_sign(person: Signer, manifest: Path, keys: Keys, tmp_path: Path) -> None:
    assert person.types("sign", manifest, "--key", keys.alice) == 0
    assert person.out == f"{envelope_of(manifest)}\n"

    whole = json.loads(envelope_of(manifest).read_text())
    assert base64.b64decode(whole["payload"]) == manifest.read_bytes()
    (signature,) = whole["signatures"]
    assert signature["keyid"] == key_id_of(keys.alice)
    (tmp_path / "sig").write_bytes(base64.b64decode(signature["sig"]))
    (tmp_path / "pae").write_bytes(pae_of(manifest))
    (tmp_path / "pem").write_text(public_pem(keys.alice))
    words = ("-verify", "-pubin", "-inkey", tmp_path / "pem", "-rawin", "-in", tmp_path / "pae")
    run("openssl", "pkeyutl", *words, "-sigfile", tmp_path / "sig")


def test_we_verify_what_openssl_signs(
    person: Signer, manifest: Path, keys: Keys, builders: Path, tmp_path: Path
) -> None:
    (tmp_path / "pae").write_bytes(pae_of(manifest))
    signature = run("openssl", "pkeyutl", "-sign", "-inkey", keys.alice, "-rawin", "-in", tmp_path / "pae")
    envelope = Envelope(TYPE, manifest.read_bytes(), {key_id_of(keys.alice): signature})
    envelope_of(manifest).write_text(envelope.text())

    assert person.types("check-signatures", manifest, "--builders", builders, "--threshold", "1") == 0
    assert person.out.endswith(f"1 of 3 builders (alice) signed {manifest}; 1 is needed\n")


def test_ssh_keygen_verifies_what_we_sign(person: Signer, manifest: Path, keys: Keys, tmp_path: Path) -> None:
    assert person.types("sign", manifest, "--key", keys.carol) == 0

    signature = Path(person.out.strip())
    assert signature.parent == manifest.parent
    (tmp_path / "signers").write_text(f"carol {keys.carol.with_suffix('.pub').read_text()}")
    words = ("-Y", "verify", "-f", tmp_path / "signers", "-I", "carol", "-n", NAMESPACE, "-s", signature)
    assert b'Good "asl-image-manifest" signature for carol' in run("ssh-keygen", *words, data=manifest.read_bytes())


def test_we_verify_what_ssh_keygen_signs_under_the_name_that_it_gives(
    person: Signer, manifest: Path, keys: Keys, builders: Path
) -> None:
    run("ssh-keygen", "-Y", "sign", "-q", "-n", NAMESPACE, "-f", keys.carol, manifest)

    assert manifest.with_name(f"{manifest.name}.sig").is_file()
    assert person.types("check-signatures", manifest, "--builders", builders, "--threshold", "1") == 0
    assert "1 of 3 builders (carol)" in person.out


def test_a_key_that_an_agent_holds_signs(person: Signer, manifest: Path, keys: Keys, tmp_path: Path) -> None:
    socket = tmp_path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL) as agent:
        try:
            while not socket.exists():
                pass
            environ = {"SSH_AUTH_SOCK": str(socket)}
            subprocess.run(["ssh-add", "-q", keys.carol], env=environ, check=True, capture_output=True)
            (tmp_path / "carol.pub").write_text(keys.carol.with_suffix(".pub").read_text())
            person.environ = environ
            assert person.types("sign", manifest, "--key", tmp_path / "carol.pub") == 0
            person.environ = {}
            Path(person.out.strip()).unlink()
            assert person.types("sign", manifest, "--key", tmp_path / "carol.pub") == 9
            assert "ssh-keygen did not sign" in person.err
        finally:
            agent.terminate()


def security_key_signature(key: Ed25519PrivateKey, message: bytes, namespace: str) -> tuple[str, str]:
    """What a FIDO token signs in OpenSSH's form, and its public line; the token's part is played by a key in memory."""
    public = PublicKey(key.public_key().public_bytes_raw(), "ssh:")
    blob = base64.b64decode(public.ssh_line.split()[1])
    about = [namespace.encode(), b"", b"sha512"]
    to_sign = b"SSHSIG" + packed([*about, hashlib.sha512(message).digest()])
    seen = b"\x01" + (7).to_bytes(4, "big")  # a person touched it; a counter
    signature = key.sign(hashlib.sha256(b"ssh:").digest() + seen + hashlib.sha256(to_sign).digest())
    inner = packed([public.kind.encode(), signature]) + seen
    return armored(MAGIC + packed([blob, *about, inner])), public.ssh_line


def test_a_security_key_vouches_in_openssh_s_form(person: Signer, manifest: Path, tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    text, line = security_key_signature(key, manifest.read_bytes(), NAMESPACE)
    manifest.with_name(f"{manifest.name}.token.sig").write_text(text)
    builders = builders_file(tmp_path / "b.yaml", {"dave": [line]})

    assert person.types("check-signatures", manifest, "--builders", builders) == 0
    text, _ = security_key_signature(key, b"other", NAMESPACE)
    manifest.with_name(f"{manifest.name}.token.sig").write_text(text)
    assert person.types("check-signatures", manifest, "--builders", builders) == 3
    assert "not a signature over" in person.out


# --- adding up -----------------------------------------------------------------------------------


def test_builders_add_up_in_both_forms_and_no_signature_is_lost(
    person: Signer, manifest: Path, keys: Keys, builders: Path
) -> None:
    for key, enough in ((keys.bob, 3), (keys.alice, 0), (keys.carol, 0), (keys.alice, 0)):
        assert person.types("sign", manifest, "--key", key) == 0
        assert person.types("check-signatures", manifest, "--builders", builders) == enough
    assert "3 of 3 builders (alice, bob, carol) signed" in person.out
    envelope = read_envelope(envelope_of(manifest).read_bytes(), "x")
    assert envelope.signatures.keys() == {key_id_of(keys.alice), key_id_of(keys.bob)}


def test_who_signed_first_does_not_show(person: Signer, manifest: Path, keys: Keys) -> None:
    texts = []
    for order in ((keys.alice, keys.bob), (keys.bob, keys.alice)):
        for key in order:
            assert person.types("sign", manifest, "--key", key) == 0
        texts.append(envelope_of(manifest).read_bytes())
        envelope_of(manifest).unlink()

    assert texts[0] == texts[1]


def test_a_builder_counts_once_with_two_keys_in_two_forms(
    person: Signer, manifest: Path, keys: Keys, tmp_path: Path
) -> None:
    public = keys.public()
    builders = builders_file(tmp_path / "b.yaml", {"alice": [*public["alice"], *public["carol"]], "bob": public["bob"]})
    for key in (keys.alice, keys.carol):
        assert person.types("sign", manifest, "--key", key) == 0

    assert person.types("check-signatures", manifest, "--builders", builders, "--threshold", "2") == 3
    assert "1 of 2 builders (alice) signed" in person.out
    assert person.types("check-signatures", manifest, "--builders", builders) == 0


def test_one_key_in_both_forms_is_one_builder(person: Signer, manifest: Path, tmp_path: Path, keys: Keys) -> None:
    line = keys.carol.with_suffix(".pub").read_text()
    raw = base64.b64decode(line.split()[1])[-32:]
    builders = builders_file(tmp_path / "b.yaml", {"carol": [line, spki_of(raw)], "alice": keys.public()["alice"]})
    run("ssh-keygen", "-Y", "sign", "-q", "-n", NAMESPACE, "-f", keys.carol, manifest)
    assert person.types("sign", manifest, "--key", keys.carol) == 0

    assert person.types("check-signatures", manifest, "--builders", builders, "--threshold", "2") == 3
    assert "1 of 2 builders (carol)" in person.out


def test_a_signature_by_an_unknown_key_is_named_and_does_not_count(
    person: Signer, manifest: Path, keys: Keys, builders: Path
) -> None:
    for key in (keys.alice, keys.mallory):
        assert person.types("sign", manifest, "--key", key) == 0
    assert person.types("check-signatures", manifest, "--builders", builders) == 3
    assert f"unknown  {envelope_of(manifest)}  dsse  by a key that no builder has" in person.out
    assert key_id_of(keys.mallory) in person.out
    assert "1 of 3 builders (alice)" in person.out

    assert person.types("sign", manifest, "--key", keys.bob) == 0
    assert person.types("check-signatures", manifest, "--builders", builders) == 0


def test_signatures_that_lie_elsewhere_can_be_named(
    person: Signer, manifest: Path, keys: Keys, builders: Path, tmp_path: Path
) -> None:
    for name, key in (("a.json", keys.alice), ("b.json", keys.bob)):
        assert person.types("sign", manifest, "--key", key) == 0
        envelope_of(manifest).rename(tmp_path / name)
    words = ("--signatures", tmp_path / "a.json", "--signatures", tmp_path / "b.json")

    assert person.types("check-signatures", manifest, "--builders", builders, *words) == 0
    assert person.types("check-signatures", manifest, "--builders", builders, *words[:2], *words[:2]) == 3


def test_no_signature_at_all_is_negative(person: Signer, manifest: Path, builders: Path) -> None:
    assert person.types("check-signatures", manifest, "--builders", builders) == 3
    assert person.out == f"0 of 3 builders signed {manifest}; 2 are needed\n"


def test_json_tells_all_of_it(person: Signer, manifest: Path, keys: Keys, builders: Path) -> None:
    person.types("sign", manifest, "--key", keys.alice)
    assert person.types("check-signatures", manifest, "--builders", builders, "--json") == 3
    answer = json.loads(person.out)

    assert (answer["ok"], answer["threshold"], answer["builders"]) == (False, 2, ["alice"])
    assert answer["manifest"] == hashlib.sha256(manifest.read_bytes()).hexdigest()
    assert [each["verdict"] for each in answer["signatures"]] == ["good"]


# --- rebuild statements --------------------------------------------------------------------------


def test_builders_who_rebuilt_the_same_iso_add_up(person: Signer, keys: Keys, builders: Path, tmp_path: Path) -> None:
    statements = [statement_in(tmp_path / f"{user}.rebuild.json", user=user) for user in ("root", "ordinary")]
    for statement, key in zip(statements, (keys.alice, keys.carol), strict=True):
        assert person.types("sign", statement, "--key", key) == 0

    assert person.types("check-signatures", *statements, "--builders", builders) == 0
    assert f"2 of 3 builders (alice, carol) signed that they rebuilt the ISO {sha256('iso')}; 2" in person.out
    assert person.types("check-signatures", statements[0], "--builders", builders) == 3


def test_statements_about_different_isos_do_not_add_up(
    person: Signer, keys: Keys, builders: Path, tmp_path: Path
) -> None:
    statements = [statement_in(tmp_path / f"{iso}.rebuild.json", iso=iso) for iso in ("iso", "other")]
    for statement, key in zip(statements, (keys.alice, keys.bob), strict=True):
        assert person.types("sign", statement, "--key", key) == 0

    assert person.types("check-signatures", *statements, "--builders", builders, "--threshold", "1") == 3
    assert f"names another ISO than {statements[0]}: {sha256('other')} instead of {sha256('iso')}" in person.out


def test_a_manifest_and_statements_are_not_checked_in_one_go(
    person: Signer, manifest: Path, builders: Path, tmp_path: Path
) -> None:
    statement = statement_in(tmp_path / "x.rebuild.json")

    assert person.types("check-signatures", manifest, statement, "--builders", builders) == 2
    assert "is checked at a time" in person.err


# --- bad signatures ------------------------------------------------------------------------------

Change = Callable[[dict[str, Any]], object]


def changed(**keys: object) -> Change:
    return lambda whole: whole.update(keys)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (changed(payload=base64.b64encode(b"{}").decode()), "over other bytes than"),
        (changed(payloadType="application/vnd.in-toto+json"), "over a payload of type 'application/vnd.in-toto+json'"),
        (changed(payload="YWJ="), "payload: not the one base64 text"),
        (changed(signatures=[]), "holds no signature"),
        (lambda whole: whole["signatures"].append(whole["signatures"][0]), "signed twice"),
        (lambda whole: whole["signatures"][0].update(sig=base64.b64encode(b"x" * 64).decode()), "not a signature by"),
        (lambda whole: whole["signatures"][0].update(sig="AAAA"), "not a signature by this key of alice"),
        (changed(more="x"), "its keys are not"),
    ],
)
def test_a_wrong_envelope_spoils_what_would_be_enough(
    person: Signer, manifest: Path, keys: Keys, builders: Path, change: Change, said: str
) -> None:
    assert person.types("sign", manifest, "--key", keys.alice) == 0
    whole = json.loads(envelope_of(manifest).read_text())
    change(whole)
    envelope_of(manifest).write_text(json.dumps(whole))
    assert person.types("sign", manifest, "--key", keys.carol) == 0

    assert person.types("check-signatures", manifest, "--builders", builders, "--threshold", "1") == 3
    assert f"WRONG    {envelope_of(manifest)}" in person.out
    assert said in person.out


def test_another_s_signature_under_a_builder_s_key_id_is_wrong(
    person: Signer, manifest: Path, keys: Keys, builders: Path
) -> None:
    assert person.types("sign", manifest, "--key", keys.mallory) == 0
    text = envelope_of(manifest).read_text()
    envelope_of(manifest).write_text(text.replace(key_id_of(keys.mallory), key_id_of(keys.bob)))

    assert person.types("check-signatures", manifest, "--builders", builders, "--threshold", "1") == 3
    assert "not a signature by this key of bob" in person.out


def test_signatures_over_another_manifest_are_wrong_in_both_forms(
    person: Signer, manifest: Path, keys: Keys, builders: Path, papers: Path, tmp_path: Path
) -> None:
    for key in (keys.alice, keys.carol):
        assert person.types("sign", manifest, "--key", key) == 0
    manifest_in(tmp_path, papers, image=sha256("another"))

    assert person.types("check-signatures", manifest, "--builders", builders) == 3
    assert "over other bytes than" in person.out
    assert "not a signature over" in person.out
    assert "0 of 3 builders signed" in person.out


def test_what_a_file_says_cannot_steer_the_terminal(person: Signer, manifest: Path, builders: Path) -> None:
    envelope_of(manifest).write_text('{"\\u001b[2J": 1, "\\u001b[2J": 1}')
    manifest.with_name(f"{manifest.name}.\x1b[2J.sig").write_text("x")

    assert person.types("check-signatures", manifest, "--builders", builders) == 3
    assert "\x1b" not in person.out
    assert person.out.count("\\x1b[2J") == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a DSSE envelope"),
        ("-----BEGIN SSH SIGNATURE-----\n", "not an armored OpenSSH signature"),
        ("{good}x", "not an armored OpenSSH signature"),
        (armored(b"SSHSIG\0\0\0\2"), "of another version"),
        (armored(MAGIC + b"\0\0\0\1"), "cut off"),
        (armored(MAGIC + packed([b"x"])), "cut off, or longer"),
        (armored(MAGIC + packed([packed([b"ssh-rsa", b"x"]), b"n", b"", b"sha512", b"s"])), "only Ed25519"),
        (armored(MAGIC + packed([packed([b"ssh-ed25519", bytes(range(32))]), b"n", b"r", b"sha512", b"s"])), "a form"),
        (armored(MAGIC + packed([packed([b"ssh-ed25519", bytes(range(32))]), b"n", b"", b"md5", b"s"])), "a form"),
        (armored(MAGIC + packed([packed([b"ssh-ed25519", bytes(range(32))]), b"n", b"", b"sha512", b"s"])), "kinds"),
    ],
)
def test_a_broken_openssh_signature_is_wrong(
    person: Signer, manifest: Path, keys: Keys, builders: Path, text: str, said: str
) -> None:
    assert person.types("sign", manifest, "--key", keys.carol) == 0
    path = Path(person.out.strip())
    path.write_text(text.replace("{good}", path.read_text()))

    assert person.types("check-signatures", manifest, "--builders", builders, "--threshold", "1") == 3
    assert said in person.out


def test_an_openssh_signature_for_another_use_is_wrong(
    person: Signer, manifest: Path, keys: Keys, builders: Path
) -> None:
    run("ssh-keygen", "-Y", "sign", "-q", "-n", "git", "-f", keys.carol, manifest)

    assert person.types("check-signatures", manifest, "--builders", builders, "--threshold", "1") == 3
    assert "for the use 'git', not asl-image-manifest" in person.out


# --- bad keys and papers: nothing is left --------------------------------------------------------


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if ".dsse" in path.name or path.suffix == ".sig")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_bytes(b""), "not a key: 0 bytes"),
        (lambda path: path.write_bytes(b"x" * 20_000), "not a key: 20000 bytes"),
        (lambda path: path.write_bytes(b"x"), "it is no PEM"),
        (lambda path: path.write_bytes(b"ssh-ed25519 AAAA"), "not an OpenSSH key for Ed25519"),
        (lambda path: path.write_bytes(openssl_key(path).read_bytes() + b"\n"), "or more than that"),
        (lambda path: path.write_bytes(b"# mine\n" + openssl_key(path).read_bytes()), "it is no PEM"),
        (lambda path: path.write_bytes(openssl_key(path).read_bytes()[:60]), "or more than that"),
        (lambda path: path.write_text(public_pem(openssl_key(path))), "it holds 'PUBLIC KEY'"),
        (lambda path: openssl_key(path, "x25519"), "not an Ed25519 key"),
        (lambda path: openssl_key(path, "EC", "-pkeyopt", "ec_paramgen_curve:P-256"), "not an Ed25519 key"),
        (lambda path: ssh_key(path, kind="ecdsa"), "a key of kind 'ecdsa-sha2-nistp256'"),
        (lambda path: path.write_bytes(ssh_key(path).read_bytes()[:100]), "not one OpenSSH private key"),
        (lambda path: path.write_bytes(ssh_key(path).read_bytes() + b"x"), "not one OpenSSH private key"),
    ],
)
def test_a_key_that_is_none_of_ours_is_status_2(
    person: Signer, manifest: Path, tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    make(tmp_path / "key")

    assert person.types("sign", manifest, "--key", tmp_path / "key") == 2
    assert said in person.err
    assert left(tmp_path) == []


def test_what_is_neither_manifest_nor_statement_is_not_signed(
    person: Signer, manifest: Path, keys: Keys, papers: Path, tmp_path: Path
) -> None:
    spaced = tmp_path / "spaced.json"
    spaced.write_text(f"{manifest.read_text()}\n")
    statement = statement_in(tmp_path / "other.json")
    statement.write_text(statement.read_text().replace('"equal"', '"different"'))
    for path, said in (
        (papers / "provenance.json", "not a rebuild statement"),
        (papers / "cdx.json", "neither a manifest nor a rebuild statement"),
        (papers / "words.txt", "not JSON"),
        (spaced, "not as the builder writes it"),
        (statement, "predicate.result"),
    ):
        assert person.types("sign", manifest, path, "--key", keys.alice) == 2
        assert said in person.err
    assert left(tmp_path) == []


def test_an_envelope_over_other_bytes_is_not_added_to(
    person: Signer, manifest: Path, keys: Keys, papers: Path, tmp_path: Path
) -> None:
    assert person.types("sign", manifest, "--key", keys.alice) == 0
    before = envelope_of(manifest).read_bytes()
    manifest_in(tmp_path, papers, image=sha256("another"))

    assert person.types("sign", manifest, "--key", keys.bob) == 3
    assert "holds signatures over other bytes" in person.err
    assert envelope_of(manifest).read_bytes() == before


def test_a_wrong_signature_under_our_own_key_is_not_covered_up(person: Signer, manifest: Path, keys: Keys) -> None:
    text = Envelope(TYPE, manifest.read_bytes(), {key_id_of(keys.alice): b"x" * 64}).text()
    envelope_of(manifest).write_text(text)
    assert person.types("sign", manifest, "--key", keys.carol) == 0
    signature = Path(person.out.strip())
    broken = signature.read_text().replace("\n", "\nA", 1)
    signature.write_text(broken)

    for key in (keys.alice, keys.carol):
        assert person.types("sign", manifest, "--key", key) == 3
    assert (envelope_of(manifest).read_text(), signature.read_text()) == (text, broken)


# --- passphrases ---------------------------------------------------------------------------------


def test_an_encrypted_key_asks_on_the_terminal_alone(manifest: Path, tmp_path: Path) -> None:
    key = openssl_key(tmp_path / "key", "ed25519", "-aes256", "-pass", "pass:correct horse")
    words = ["sign", str(manifest), "--key", str(key)]

    assert on_a_terminal(words, [("passphrase of", "wrong")])[0] == 7
    assert left(tmp_path) == []
    status, shown = on_a_terminal(words, [("passphrase of", "correct horse")])
    assert status == 0
    assert "correct" not in shown
    assert left(tmp_path) == [envelope_of(manifest).name]


def test_who_gives_no_passphrase_has_aborted(manifest: Path, tmp_path: Path) -> None:
    key = openssl_key(tmp_path / "key", "ed25519", "-aes256", "-pass", "pass:x")
    status, shown = on_a_terminal(["sign", str(manifest), "--key", str(key)], [("passphrase of", "\x04")])

    assert status == 6
    assert "no passphrase was given" in shown
    assert left(tmp_path) == []


def test_ssh_keygen_asks_on_the_terminal_too(manifest: Path, tmp_path: Path) -> None:
    key = ssh_key(tmp_path / "key", "correct horse")
    words = ["sign", str(manifest), "--key", str(key)]

    status, shown = on_a_terminal(words, [("passphrase", "correct horse")])
    assert status == 0
    assert "correct" not in shown
    assert len(left(tmp_path)) == 1


def test_without_a_terminal_an_encrypted_key_is_refused(manifest: Path, tmp_path: Path) -> None:
    key = openssl_key(tmp_path / "key", "ed25519", "-aes256", "-pass", "pass:x")
    program = ["setsid", "--wait", str(ROOT / "build.py"), "sign", str(manifest), "--key", str(key)]
    done = subprocess.run(program, input=b"x\n", capture_output=True, check=False)

    assert done.returncode == 4
    assert b"no terminal to ask for its passphrase" in done.stderr
    assert left(tmp_path) == []
