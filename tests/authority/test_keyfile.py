"""Keys at rest: what opens one, what it costs, what an emergency needs, and that nothing of it leaks."""

from __future__ import annotations

import base64
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest

from asl_authority.contract import ExitStatus
from asl_authority.errors import Malformed, UnlockFailed, UsageError
from asl_authority.front import cli
from asl_authority.front.outside import Outside
from asl_authority.front.parser import load_verbs
from asl_authority.operations.hygiene import ThisProcess, memory_limit, protect_process
from asl_authority.storage.sealed_memory import sealed_memory
from asl_authority.values import age, keyfile
from asl_authority.values.ed25519 import PublicKey, SecretKey
from asl_authority.values.keyfile import RANDOM_BYTES, WORK, KeyKind, cost_words, open_key, seal_key
from asl_authority.values.passphrase import (
    LEAST_BITS,
    WORD_COUNT,
    bits_of,
    make_passphrase,
    own_passphrase,
)
from asl_authority.values.passphrase import RANDOM_BYTES as WORD_BYTES
from asl_authority.values.public_key_file import public_key_file
from asl_authority.values.slip39 import words
from support.stories import Answers, unprotected

KEY = SecretKey(bytes(range(32)))
RANDOM = bytes(RANDOM_BYTES)
PASSPHRASE = "a test's own passphrase"
SEALED = seal_key(KEY, PASSPHRASE, KeyKind.LOG, RANDOM)


def test_what_writes_a_key_takes_the_name_of_its_files_and_what_opens_one_takes_the_file() -> None:
    outputs = {verb.name: each for verb in load_verbs("key") for each in verb.arguments if each.name == "output"}
    writers = ("key new", "key change-passphrase", "key split", "key combine")

    assert {name for name, each in outputs.items() if each.metavar == "NAME"} == set(writers)
    assert {name for name, each in outputs.items() if each.metavar == "FILE"} == {"key drill"}, "a record, no key"
    assert all("without their endings" in outputs[name].help for name in writers)
    openers = {verb.name for verb in load_verbs("key") for each in verb.arguments if each.name == "file"}
    assert openers == {verb.name for verb in load_verbs("key")} - {"key new"}


@pytest.mark.parametrize("ending", [".priv.enc", ".pub", ".shares.json"])
@pytest.mark.parametrize("verb", ["new", "change-passphrase", "split", "combine"])
def test_the_name_of_a_key_file_with_its_ending_is_refused_before_anybody_is_asked(
    tmp_path: Path, verb: str, ending: str
) -> None:
    (tmp_path / "old.priv.enc").write_bytes(SEALED)
    (tmp_path / "old.pub").write_bytes(public_key_file(KEY.public))
    words = ["key", verb, "--kind", "log", "--output", str(tmp_path / f"new{ending}")]
    words += [] if verb == "new" else [str(tmp_path / "old.priv.enc")]
    words += ["--shares", "3", "--threshold", "2"] if verb == "split" else []
    said = StringIO()
    outside = Outside(Answers([], said.write), lambda _: pytest.fail("something was drawn"), unprotected)
    status = cli.run(
        words, program="asl-auth-host", stdout=said, stderr=said, machine=tmp_path / "machine", outside=outside
    )

    assert (status, "the name without its ending" in said.getvalue()) == (ExitStatus.USAGE, True), said.getvalue()
    assert "--output new: " in said.getvalue()
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    "more",
    [
        ("new", "--output", "new", "--own"),
        ("change-passphrase", "old.priv.enc", "--output", "new"),
        ("split", "old.priv.enc", "--output", "new", "--shares", "3", "--threshold", "2"),
        ("combine", "old.priv.enc", "--output", "new"),
        ("drill", "old.priv.enc", "--output", "new", "--by", "passphrase"),
    ],
)
def test_a_dry_run_asks_draws_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.priv.enc").write_bytes(SEALED)
    (tmp_path / "old.pub").write_bytes(public_key_file(KEY.public))
    said = StringIO()

    def tried(*words: str) -> ExitStatus:
        outside = Outside(
            Answers([], said.write), lambda _: pytest.fail("drawn"), lambda *_: pytest.fail("a secret was expected")
        )
        words = ("key", *words, "--kind", "log", "--dry-run")
        return cli.run(
            words, program="asl-auth-host", stdout=said, stderr=said, machine=tmp_path / "machine", outside=outside
        )

    assert tried(*more) is ExitStatus.DONE, said.getvalue()
    assert "Nothing was done.\n" in said.getvalue()
    assert len(list(tmp_path.iterdir())) == 2
    taken = tmp_path / ("new" if more[0] == "drill" else "new.priv.enc")
    taken.write_bytes(b"")
    assert tried(*more) is ExitStatus.REFUSED
    assert "PATH-TAKEN" in said.getvalue()


def test_a_key_file_opens_to_the_same_key() -> None:
    assert open_key(SEALED, PASSPHRASE, KeyKind.LOG, KEY.public) == KEY


def test_a_wrong_passphrase_unlocks_nothing() -> None:
    with pytest.raises(UnlockFailed):
        open_key(SEALED, PASSPHRASE.upper(), KeyKind.LOG, KEY.public)


def test_a_root_costs_more_than_other_keys_and_a_cheaper_file_is_refused() -> None:
    assert {WORK[KeyKind.OFFLINE_ROOT], WORK[KeyKind.DOMAIN_ROOT]} == {20}
    assert min(WORK.values()) == 18
    assert "2^20" in cost_words(KeyKind.DOMAIN_ROOT)
    assert "1024 MiB" in cost_words(KeyKind.DOMAIN_ROOT)
    with pytest.raises(Malformed) as refusal:
        open_key(SEALED, PASSPHRASE, KeyKind.DOMAIN_ROOT, KEY.public)
    assert refusal.value.check_id == "AGE-WORK-FACTOR"


def test_the_key_of_another_public_half_is_refused_by_name() -> None:
    with pytest.raises(Malformed) as refusal:
        open_key(SEALED, PASSPHRASE, KeyKind.LOG, SecretKey(bytes(32)).public)

    assert refusal.value.check_id == "KEYFILE-PUBLIC"


@pytest.mark.parametrize("inside", [b"", KEY.pkcs8 + b"\0", KEY.pkcs8[:-1], b"\x31" + KEY.pkcs8[1:], KEY.public.spki])
def test_what_is_no_key_inside_is_refused_by_name_and_not_shown(inside: bytes) -> None:
    with pytest.raises(Malformed) as refusal:
        keyfile.read_pkcs8(inside)

    assert refusal.value.check_id == "KEYFILE-PKCS8"
    assert KEY.seed.hex()[:8] not in str(refusal.value)


def test_a_file_without_a_key_in_it_is_refused_by_name() -> None:
    with pytest.raises(Malformed) as refusal:
        open_key(age.seal(b"", PASSPHRASE, 18, RANDOM), PASSPHRASE, KeyKind.LOG, KEY.public)

    assert refusal.value.check_id == "KEYFILE-PKCS8"


def test_the_published_key_file_is_what_we_write_and_open() -> None:
    vector = json.loads((Path(__file__).parent / "vectors/keyfile.json").read_text())
    key, data = SecretKey(bytes.fromhex(vector["private_test_key"])), base64.b64decode(vector["file"])
    kind = KeyKind(vector["kind"])

    assert seal_key(key, vector["passphrase"], kind, bytes.fromhex(vector["random"])) == data
    assert open_key(data, vector["passphrase"], kind, PublicKey(bytes.fromhex(vector["public_key"]))) == key
    assert key.public.key_id == vector["key_id"]


def test_age_and_openssl_open_a_key_in_an_emergency(
    tmp_path: Path, real_age: Callable[[list[str], str, int], bytes]
) -> None:
    (tmp_path / "log.priv.enc").write_bytes(SEALED)
    real_age(["-d", "-o", str(tmp_path / "key"), str(tmp_path / "log.priv.enc")], PASSPHRASE, 1)
    argv = ["openssl", "pkey", "-inform", "DER", "-in", str(tmp_path / "key"), "-pubout", "-outform", "DER"]

    assert subprocess.run(argv, capture_output=True, check=True).stdout == KEY.public.spki


def test_openssl_reads_what_is_inside() -> None:
    argv = ["openssl", "pkey", "-inform", "DER", "-pubout", "-outform", "DER"]
    done = subprocess.run(argv, input=KEY.pkcs8, capture_output=True, check=True)

    assert done.stdout == KEY.public.spki


def test_a_generated_passphrase_has_its_words_and_bits_and_is_typed_back() -> None:
    made = make_passphrase(bytes(range(WORD_BYTES)))

    assert len(made.text.split()) == WORD_COUNT
    assert set(made.text.split()) <= set(words())
    assert (made.bits, made.weak) == (110, False)
    assert made.typed_back(f"  {made.text.upper().replace(' ', '   ')} ")
    assert not made.typed_back(made.text.rsplit(" ", 1)[0])


def test_every_word_can_come_up() -> None:
    assert len(set(words())) == 1024
    first = {make_passphrase(n.to_bytes(2, "big") * WORD_COUNT).text.split()[0] for n in range(1024)}
    assert first == set(words())


def test_a_weak_passphrase_of_ones_own_is_known_to_be_weak() -> None:
    assert own_passphrase("hunter2").weak
    assert own_passphrase("aaaaaaaaaaaaaaaaaaaaaaaaaaaa").weak
    assert not own_passphrase("Tr0ub4dor&3 is not enough, this may be").weak
    assert bits_of("x" * 40) < LEAST_BITS < bits_of("many different words make a long one")


def test_a_passphrase_of_ones_own_is_typed_back_to_the_letter() -> None:
    own = own_passphrase("Two  Blanks")

    assert own.typed_back("Two  Blanks")
    assert not own.typed_back("Two Blanks")


@pytest.mark.parametrize("typed", ["", "x" * 257, "a\tb", "a\nb", "\x1b[A"])
def test_what_can_be_no_passphrase_is_refused_without_being_shown(typed: str) -> None:
    with pytest.raises(UsageError) as refusal:
        own_passphrase(typed)

    assert not typed or typed not in str(refusal.value)


def test_a_passphrase_shows_in_no_text_of_it() -> None:
    assert PASSPHRASE not in repr(own_passphrase(PASSPHRASE)) + str(own_passphrase(PASSPHRASE))


def test_a_child_reads_sealed_memory_twice_and_nobody_changes_it() -> None:
    with sealed_memory("identity", b"secret") as descriptor:
        argv = ["sh", "-c", f"cat /proc/self/fd/{descriptor} /proc/self/fd/{descriptor}"]
        done = subprocess.run(argv, pass_fds=[descriptor], capture_output=True, check=True)
        with pytest.raises(OSError, match="not permitted"):
            os.write(descriptor, b"x")

    assert done.stdout == b"secretsecret"


class Kernel:
    """A kernel that grants what it is told to."""

    def __init__(self, locks: str = "", *, hides: bool = True) -> None:
        self.locks = locks
        self.hides = hides

    def no_core(self) -> bool:
        return self.hides

    def not_dumpable(self) -> bool:
        return self.hides

    def lock_memory(self) -> str:
        return self.locks


def test_swap_that_secrets_could_reach_is_found(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/swaps").write_text("Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2\n")

    unlocked = list(protect_process(Kernel("memory is not locked"), tmp_path))
    locked = list(protect_process(Kernel(), tmp_path))

    assert [finding.check_id for finding in unlocked if not finding.ok] == ["HYGIENE-SWAP"]
    assert all(finding.ok for finding in locked)
    assert "/dev/sda2" in unlocked[-1].detail


def test_a_process_that_others_could_look_into_is_found(tmp_path: Path) -> None:
    seen = list(protect_process(Kernel(hides=False), tmp_path))

    assert [finding.detail for finding in seen[:2]] == [
        "a crash can write a core file, with secrets in it",
        "other processes of this user can look inside",
    ]
    assert [finding.check_id for finding in seen if not finding.ok] == ["HYGIENE-CORE", "HYGIENE-DUMPABLE"]


def test_memory_is_not_locked_where_its_limit_would_starve_a_derivation() -> None:
    assert "limit" in ThisProcess(lambda: 65536).lock_memory()
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    assert memory_limit() == (None if soft == resource.RLIM_INFINITY else soft)


# In a process of its own: it must see errors, tracebacks, an abort, and what is left on disk.
CANARY_PROGRAM = """
import os, sys, traceback
from pathlib import Path
from asl_authority.errors import AuthorityError
from asl_authority.operations.hygiene import ThisProcess, protect_process
from asl_authority.values import age, keyfile
from asl_authority.values.ed25519 import PublicKey, SecretKey
from asl_authority.values.passphrase import own_passphrase

for finding in protect_process(ThisProcess(lambda: 0), Path("/")):
    print(finding)
passphrase = own_passphrase(os.read(int(sys.argv[1]), 1000).decode())
key = SecretKey(os.read(int(sys.argv[2]), 1000))
print(passphrase, key, [passphrase], {key})
data = keyfile.seal_key(key, passphrase.text, keyfile.KeyKind.LOG, bytes(48))
Path("log.priv.enc").write_bytes(data)
attempts = [
    lambda: keyfile.open_key(data, passphrase.text[::-1], keyfile.KeyKind.LOG, key.public),
    lambda: keyfile.open_key(data, passphrase.text, keyfile.KeyKind.DOMAIN_ROOT, key.public),
    lambda: keyfile.open_key(data, passphrase.text, keyfile.KeyKind.LOG, SecretKey(bytes(32)).public),
    lambda: keyfile.open_key(data[:-1], passphrase.text, keyfile.KeyKind.LOG, key.public),
    lambda: own_passphrase(passphrase.text + chr(7)),
    lambda: SecretKey(key.seed + key.seed),
    lambda: key.public.verifies(key.seed, key.seed),
    lambda: keyfile.read_pkcs8(key.pkcs8 + b"x"),
]
for attempt in attempts:
    try:
        attempt()
    except (AuthorityError, ValueError) as error:
        print(error, repr(error))
        traceback.print_exc()
sys.stdout.flush()
print(open("/proc/self/cmdline").read(), open("/proc/self/environ").read())
sys.stdout.flush()
os.abort()
"""


def test_no_secret_shows_in_any_output_error_file_or_core(tmp_path: Path) -> None:
    canary, seed = "canary-7f3d91c2-pass", b"canary-seed-canary-seed-canary-s"
    reads = []
    for secret in (canary.encode(), seed):
        read, write = os.pipe()
        os.write(write, secret)
        os.close(write)
        reads.append(read)
    argv = [sys.executable, "-c", CANARY_PROGRAM, *map(str, reads)]
    source = str(Path(keyfile.__file__).parents[2])
    done = subprocess.run(
        argv, pass_fds=reads, cwd=tmp_path, capture_output=True, check=False, env={"PYTHONPATH": source}
    )
    for read in reads:
        os.close(read)
    left = b"".join(os.fsencode(path) + path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file())

    assert done.returncode == -6, done.stderr.decode()
    assert b"UnlockFailed" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["log.priv.enc"]
    for secret in (canary.encode(), canary[::-1].encode(), seed, seed.hex().encode(), repr(seed).encode()[2:-1]):
        assert secret not in done.stdout + done.stderr + left
