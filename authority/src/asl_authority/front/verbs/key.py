"""key: private keys at rest, made, tried, given another passphrase, split into shares, and restored."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from asl_authority.front.given import KEY_FILE_LIMIT, REHEARSAL, given_public_key, verdict
from asl_authority.front.kept import KEEPING, KEPT
from asl_authority.front.key_in_store import NAMES, change_in_store, expect_one_way
from asl_authority.front.verb import DRY_RUN, Answer, Argument, Call, Verb

if TYPE_CHECKING:
    from asl_authority.values.ed25519 import PublicKey, SecretKey
    from asl_authority.values.keyfile import KeyKind
    from asl_authority.values.passphrase import Passphrase
    from asl_authority.values.share_set import ShareSet

KINDS = ("offline-root", "domain-root", "dam-signer", "log", "principal", "x509")
PRIVATE, PUBLIC, SHARES = ".priv.enc", ".pub", ".shares.json"
KIND = Argument(("--kind",), "what the key is for, which decides its cost", "KIND", choices=KINDS, required=True)
FILE = Argument(("FILE",), f"a private key at rest (NAME{PRIVATE})", "FILE", "path", required=True)
PUBLIC_KEY = Argument(("--public-key",), f"its public half; NAME{PUBLIC} beside it when not given", "FILE", "path")
SHARE_SET = Argument(
    ("--share-set",), f"the record of its shares; NAME{SHARES} beside it when not given", "FILE", "path"
)
TWO_FILES = "the two files, without their endings"
KEY_FILES = Argument(("--output",), TWO_FILES, "NAME", "path", required=True)
IN_A_STORE = (
    " In a store it is an operation: shown, confirmed by two words of its digest, refused with 4 without an "
    "environment claim of this start that is VERIFIED, and a receipt is left." + KEPT
)
OWN = Argument(("--own",), "a passphrase of your own; without it, one is made of words", kind="flag")


def new(call: Call) -> Answer:
    """A key and its public half, in two new files."""
    from asl_authority.operations.keys import make_key

    kind = _begin(call)
    name = _name(call)
    private, public = (name.with_name(name.name + end) for end in (PRIVATE, PUBLIC))
    if call.dry_run:
        from asl_authority.front.key_plans import would_make
        from asl_authority.storage.plain_files import expect_room

        expect_room(private, public)
        return would_make(call, kind, (private, public))
    key, passphrase = make_key(
        call.terminal, call.outside.random, kind, private, public, own=bool(call.values.get("own"))
    )
    return _made(kind, key, private, public, passphrase)


def check(call: Call) -> Answer:
    """Whether it opens and signs."""
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
    """The same key for another passphrase, in new files; or keys of a domain, in its store."""
    from asl_authority.operations.unlock import unlock
    from asl_authority.storage.plain_files import named, read_file

    if expect_one_way(call):
        return change_in_store(call)
    kind = _begin(call)
    path, public, places = call.path("file"), _public(call), _key_places(call)
    if call.dry_run:
        from asl_authority.front.key_plans import would_change

        return would_change(call, kind, public, places)
    with named(path):
        key = unlock(call.terminal, str(path), read_file(path, KEY_FILE_LIMIT), kind, public)
    answer = _sealed_again(call, kind, key, *places)
    return Answer(
        f"{answer.text}{path} still opens with the old passphrase: destroy it when you are done.\n", answer.members
    )


def split(call: Call) -> Answer:
    """The same key in a new file, which shares open."""
    from asl_authority.front.shares import split_into_shares
    from asl_authority.operations.shares import Places

    kind = _begin(call)
    name = _name(call)
    places = Places(*(name.with_name(name.name + end) for end in (PRIVATE, PUBLIC, SHARES)))
    return split_into_shares(call, kind, _public(call), places)


def combine(call: Call) -> Answer:
    """Whether shares open it; or the same key for a passphrase, in new files."""
    from asl_authority.front.shares import opened_with_shares
    from asl_authority.operations.keys import prove
    from asl_authority.values.finding import Finding

    kind = _begin(call)
    path, public = call.path("file"), _public(call)
    places = _key_places(call) if "output" in call.values else None
    if call.dry_run:
        from asl_authority.front.key_plans import would_combine

        return would_combine(call, kind, public, _share_set(call, needed=False), places)
    key, members = opened_with_shares(call, kind, public, _share_set(call, needed=False))
    findings = [Finding("KEYFILE-PUBLIC", True, public.key_id), *prove(key, call.outside.random(32))]
    if places is None or not all(finding.ok for finding in findings):
        return verdict(f"{path}, from its shares", findings, key_id=public.key_id, **members)
    answer = _sealed_again(call, kind, key, *places)
    return Answer(
        f"{answer.text}The shares still open {path}: destroy it when you are done.\n", {**answer.members, **members}
    )


def drill(call: Call) -> Answer:
    """A recovery drill, which ends in a record."""
    from asl_authority.front.shares import held_drill
    from asl_authority.storage.plain_files import expect_room

    kind = _begin(call)
    expect_room(call.path("output"))
    by_shares = call.values["by"] == "shares"
    return held_drill(call, kind, _public(call), _share_set(call, needed=True) if by_shares else None)


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
    if not call.dry_run:  # then no secret comes in
        protect(call)
    return KeyKind(call.values["kind"])


def _public(call: Call) -> PublicKey:
    given = call.values.get("public_key")
    return public_half(call.path("file")) if given is None else given_public_key(given)


def _name(call: Call) -> Path:
    """--output: the name that files with our endings have in common."""
    from asl_authority.errors import UsageError

    name = call.path("output")
    if name.name.endswith((PRIVATE, PUBLIC, SHARES)):
        bare = next(name.name.removesuffix(end) for end in (PRIVATE, PUBLIC, SHARES) if name.name.endswith(end))
        raise UsageError(
            f"--output {name.name}: the name without its ending",
            hint=f"--output {bare or 'NAME'}: each file gets its own ending",
        )
    return name


def _share_set(call: Call, *, needed: bool) -> ShareSet | None:
    """The record of the shares; None where none is needed, given or beside the key file."""
    from asl_authority.errors import UsageError
    from asl_authority.front.given import given_share_set

    given, private = call.values.get("share_set"), call.path("file")
    if given is None and private.name.endswith(PRIVATE):
        beside = private.with_name(private.name.removesuffix(PRIVATE) + SHARES)
        given = beside if needed or beside.exists() else None
    if given is None and needed:
        raise UsageError(f"--share-set is missing: {private.name} does not end with {PRIVATE}")
    return None if given is None else given_share_set(given)


def public_half(private: Path) -> PublicKey:
    """The public key in the file beside a private one. Raises UsageError when its name says of none, Malformed."""
    from asl_authority.errors import UsageError

    if not private.name.endswith(PRIVATE):
        raise UsageError(f"--public-key is missing: {private.name} does not end with {PRIVATE}")
    return given_public_key(private.with_name(private.name.removesuffix(PRIVATE) + PUBLIC))


def _key_places(call: Call) -> tuple[Path, Path]:
    """Where a key at rest and its public half will be, before anybody is asked. Raises UsageError, Refused."""
    from asl_authority.storage.plain_files import expect_room

    name = _name(call)
    private, public = name.with_name(name.name + PRIVATE), name.with_name(name.name + PUBLIC)
    expect_room(private, public)
    return private, public


def _sealed_again(call: Call, kind: KeyKind, key: SecretKey, private: Path, public: Path) -> Answer:
    """A key that is there for a new passphrase, its public half beside it. Raises Aborted, IoFailed: then neither."""
    from asl_authority.operations.keys import new_passphrase, write_sealed
    from asl_authority.storage.plain_files import write_new
    from asl_authority.values.public_key_file import public_key_file

    terminal, random = call.terminal, call.outside.random
    passphrase = new_passphrase(terminal, random, own=bool(call.values.get("own")))
    half = public_key_file(key.public)
    write_sealed(terminal, random, key, passphrase, kind, private, lambda: write_new(public, half))
    return _made(kind, key.public, private, public, passphrase)


def _made(kind: KeyKind, key: PublicKey, private: Path, public: Path, passphrase: Passphrase) -> Answer:
    from asl_authority.operations.confirm import digest_text
    from asl_authority.values.keyfile import cost_words

    weak = "WARNING PASSPHRASE-WEAK: less than is advised\n" if passphrase.weak else ""
    made = "made of words" if passphrase.generated else "of your own"
    text = (
        f"{private}: a key of the kind {kind}, {cost_words(kind)}\n"
        "  read back, opened with its passphrase, and its signature verified twice\n"
        f"  passphrase {made}, {passphrase.bits:.0f} bits at most\n"
        f"{weak}{public}: its public half\nkey id\n{digest_text(bytes.fromhex(key.key_id))}"
    )
    members: dict[str, object] = {"file": str(private), "key_id": key.key_id, "cost": cost_words(kind)}
    members |= {"bits": int(passphrase.bits), "generated": passphrase.generated, "weak": passphrase.weak}
    return Answer(text, {**members, "public_key": str(public)})


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
            KEY_FILES,
            OWN,
            DRY_RUN,
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
        f"Opens FILE, makes or asks for another passphrase that is typed back, and writes NAME{PRIVATE}, which is "
        f"read back, opened and tried, and NAME{PUBLIC}, as key new does; it takes --kind and --output. The old file "
        "is not touched: whoever has it and the old passphrase has the key. With --domain it does so with a domain's "
        "own keys, in its store, all of them or those of --key-name: each gets a new file beside the old one, the "
        "domain's log says so, and from then "
        "on every operation takes the new one. A passphrase that somebody else may know is not mended by this: the old "
        "file stays in the store and in every copy of it, so that takes other keys: another domain." + IN_A_STORE,
        change_passphrase,
        (
            FILE._replace(required=False),
            KIND._replace(required=False),
            PUBLIC_KEY,
            KEY_FILES._replace(required=False),
            OWN,
            Argument(("--domain",), "the domain whose own keys are meant; `host` is the host's", "ID"),
            Argument(("--key-name",), "only this key of the domain; may repeat", "KEY", choices=NAMES, many=True),
            *(*KEEPING, REHEARSAL, DRY_RUN),
        ),
    ),
    Verb(
        "key split",
        "have several persons hold a key at rest: shares in words, some of which open it",
        f"Opens the file with its passphrase and writes the same key again, as NAME{PRIVATE}, for a secret of 128 bits "
        "that nobody is shown. The secret is given out as SLIP-39 shares of twenty words, any M of which give it; "
        "every combination of M is tried before. Each share is shown to its holder alone, on a screen of its own, and "
        f"typed back before the next. NAME{PUBLIC} is the public half, NAME{SHARES} a record without a secret by which "
        "each share is judged when it is typed. Nothing of a share is written anywhere. When it is stopped there is no "
        "file, and the shares given out until then open nothing. The old file is not touched.",
        split,
        (
            FILE,
            KIND,
            PUBLIC_KEY,
            Argument(("--shares",), "how many shares there will be, at most 16", "N", "number", required=True),
            Argument(("--threshold",), "how many of them open the key, at least 2", "M", "number", required=True),
            Argument(("--output",), "the three files, without their endings", "NAME", "path", required=True),
            DRY_RUN,
        ),
    ),
    Verb(
        "key combine",
        "open a key at rest with its shares",
        "Asks for shares one by one, unseen, until there are enough. Each is judged at once: by the word list, its "
        "checksum, the shares before it and the record of the set; a bad one is named, with the place of the bad word "
        "where that can be told, and may be typed again. Then the key is held against its public half, and signs "
        "something fresh that two implementations verify. With --output it is written for a passphrase, as "
        f"NAME{PRIVATE} and NAME{PUBLIC}, like a new one. Ends with 7 when no shares open it.",
        combine,
        (
            FILE,
            KIND,
            PUBLIC_KEY,
            SHARE_SET,
            Argument(("--output",), f"write the key for a passphrase: {TWO_FILES}", "NAME", "path"),
            OWN,
            DRY_RUN,
        ),
    ),
    Verb(
        "key drill",
        "hold a recovery drill: restore a key from its backup, and keep a record of it",
        "Asks who is present, opens the backup copy of a key file with its shares or with the passphrase on paper, "
        "holds the key against its public half, and has it sign something fresh that two implementations verify. "
        "The record says key, file, method, numbers of the shares, persons and result; it has no secret and no time. "
        "A drill that fails leaves a record too, and ends with 7 or 3; one that is stopped leaves none. With "
        "--domain the record goes into that domain's log too, as an operation with its receipt.",
        drill,
        (
            FILE,
            KIND,
            Argument(("--by",), "what it is restored with", "METHOD", choices=("shares", "passphrase"), required=True),
            PUBLIC_KEY,
            SHARE_SET,
            Argument(("--output",), "the record's new file", "FILE", "path", required=True),
            Argument(("--domain",), "the domain whose log has the record too", "ID"),
            *(*KEEPING, REHEARSAL, DRY_RUN),
        ),
    ),
)
