"""key: private keys at rest, made, tried, and given another passphrase."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from asl_authority.front.given import KEY_FILE_LIMIT, given_public_key
from asl_authority.front.verb import Answer, Argument, Call, Verb

if TYPE_CHECKING:
    from asl_authority.values.ed25519 import PublicKey
    from asl_authority.values.keyfile import KeyKind
    from asl_authority.values.passphrase import Passphrase

KINDS = ("offline-root", "domain-root", "dam-signer", "log", "principal", "x509")
PRIVATE, PUBLIC = ".priv.enc", ".pub"
KIND = Argument(("--kind",), "what the key is for, which decides its cost", "KIND", choices=KINDS, required=True)
FILE = Argument(("FILE",), f"a private key at rest (NAME{PRIVATE})", "FILE", "path", required=True)
PUBLIC_KEY = Argument(("--public-key",), f"its public half; NAME{PUBLIC} beside it when not given", "FILE", "path")
OWN = Argument(("--own",), "a passphrase of your own; without it, one is made of words", kind="flag")


def new(call: Call) -> Answer:
    """A key and its public half, in two new files."""
    from asl_authority.errors import UsageError
    from asl_authority.operations.keys import make_key

    kind = _begin(call)
    name = call.path("output")
    if name.name.endswith((PRIVATE, PUBLIC)):
        raise UsageError(f"--output {name.name}: the name without {PRIVATE} and {PUBLIC}")
    private, public = (name.with_name(name.name + end) for end in (PRIVATE, PUBLIC))
    key, passphrase = make_key(
        call.terminal, call.outside.random, kind, private, public, own=bool(call.values.get("own"))
    )
    return _made(kind, key, private, public, passphrase)


def check(call: Call) -> Answer:
    """Whether it opens and signs."""
    from asl_authority.front.given import verdict
    from asl_authority.operations.keys import prove
    from asl_authority.operations.unlock import unlock
    from asl_authority.storage.plain_files import named, read_file
    from asl_authority.values.finding import Finding
    from asl_authority.values.keyfile import cost_words

    kind = _begin(call)
    path, public = call.path("file"), _public(call)
    with named(path):
        key = unlock(call.terminal, str(path), read_file(path, KEY_FILE_LIMIT), kind, public)
    findings = [Finding("KEYFILE-PUBLIC", True, public.key_id), *prove(key, call.outside.random(32))]
    return verdict(f"{path}, {cost_words(kind)}", findings, key_id=public.key_id, cost=cost_words(kind))


def change_passphrase(call: Call) -> Answer:
    """The same key for another passphrase, in a new file."""
    from asl_authority.operations.keys import new_passphrase, write_sealed
    from asl_authority.operations.unlock import unlock
    from asl_authority.storage.plain_files import named, read_file

    kind = _begin(call)
    path, public, output = call.path("file"), _public(call), call.path("output")
    _expect_free(output)
    with named(path):
        key = unlock(call.terminal, str(path), read_file(path, KEY_FILE_LIMIT), kind, public)
    passphrase = new_passphrase(call.terminal, call.outside.random, own=bool(call.values.get("own")))
    write_sealed(call.terminal, call.outside.random, key, passphrase, kind, output)
    answer = _made(kind, public, output, None, passphrase)
    return Answer(
        f"{answer.text}{path} still opens with the old passphrase: destroy it when you are done.\n", answer.members
    )


def _begin(call: Call) -> KeyKind:
    """The kind of key, once secrets may come into this process."""
    from asl_authority.front.signing import protect
    from asl_authority.operations.boot_claim import boot_claim
    from asl_authority.operations.configuration import verified_required
    from asl_authority.operations.gate import expect_keys_allowed
    from asl_authority.storage.state import load_seal
    from asl_authority.values.keyfile import KeyKind

    required = verified_required(call.machine, call.root)
    expect_keys_allowed(load_seal(call.machine), lambda: boot_claim(call.machine, call.root), required=required)
    protect(call)
    return KeyKind(call.values["kind"])


def _public(call: Call) -> PublicKey:
    given = call.values.get("public_key")
    return public_half(call.path("file")) if given is None else given_public_key(given)


def public_half(private: Path) -> PublicKey:
    """The public key in the file beside a private one. Raises UsageError when its name says of none, Malformed."""
    from asl_authority.errors import UsageError

    if not private.name.endswith(PRIVATE):
        raise UsageError(f"--public-key is missing: {private.name} does not end with {PRIVATE}")
    return given_public_key(private.with_name(private.name.removesuffix(PRIVATE) + PUBLIC))


def _expect_free(path: Path) -> None:
    from asl_authority.errors import Refused

    if path.exists():
        raise Refused(f"{path}: is there already; nothing is overwritten")


def _made(kind: KeyKind, key: PublicKey, private: Path, public: Path | None, passphrase: Passphrase) -> Answer:
    from asl_authority.operations.confirm import digest_text
    from asl_authority.values.keyfile import cost_words

    weak = "WARNING PASSPHRASE-WEAK: less than is advised\n" if passphrase.weak else ""
    beside = f"{public}: its public half\n" if public else ""
    made = "made of words" if passphrase.generated else "of your own"
    text = (
        f"{private}: a key of the kind {kind}, {cost_words(kind)}\n"
        "  read back, opened with its passphrase, and its signature verified twice\n"
        f"  passphrase {made}, {passphrase.bits:.0f} bits at most\n"
        f"{weak}{beside}key id\n{digest_text(bytes.fromhex(key.key_id))}"
    )
    members: dict[str, object] = {"file": str(private), "key_id": key.key_id, "cost": cost_words(kind)}
    members |= {"bits": int(passphrase.bits), "generated": passphrase.generated, "weak": passphrase.weak}
    return Answer(text, members if public is None else {**members, "public_key": str(public)})


VERBS = (
    Verb(
        "key new",
        "make a private key at rest",
        f"Makes an Ed25519 key and writes NAME{PRIVATE}, an age file for a passphrase around its PKCS#8, and "
        f"NAME{PUBLIC}. The passphrase is made of words, shown once, and typed back; with --own it is yours, with a "
        "warning when it is worth little. The key counts when its file was read back, opened, and its signature "
        "verified by two implementations; otherwise there is no file. In an emergency this opens it without us: "
        f"age -d NAME{PRIVATE} | openssl pkey -inform DER.",
        new,
        (
            KIND,
            Argument(("--output",), "the two files, without their endings", "NAME", "path", required=True),
            OWN,
        ),
    ),
    Verb(
        "key check",
        "say whether a private key at rest opens and signs",
        "Asks for the passphrase, three times at most, opens the file, holds it against its public half, and has it "
        "sign something fresh that two implementations verify. Changes nothing. Ends with 7 when no passphrase opens "
        "it, with 3 when what is inside is not what it should be.",
        check,
        (FILE, KIND, PUBLIC_KEY),
    ),
    Verb(
        "key change-passphrase",
        "write a private key at rest again, for another passphrase",
        "Opens the file, makes or asks for another passphrase that is typed back, and writes a new file, which is "
        "read back, opened and tried. The old file is not touched: whoever has it and the old passphrase has the key.",
        change_passphrase,
        (FILE, KIND, PUBLIC_KEY, Argument(("--output",), "the new file", "FILE", "path", required=True), OWN),
    ),
)
