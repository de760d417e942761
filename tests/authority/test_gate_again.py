"""Between the gate and the first signature lie minutes of reading and typing: what changes meanwhile is found out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

from asl_authority.contract import ExitStatus
from asl_authority.errors import Refused
from asl_authority.front import cli
from asl_authority.front.outside import Outside
from asl_authority.operations.act import carry_out
from asl_authority.operations.founding import found_domain
from asl_authority.operations.gate import Gate, rehearsal_gate
from asl_authority.operations.store_acts import put_act
from asl_authority.storage.domains import create_directories
from asl_authority.values.policy_text import TEMPLATE
from asl_authority.values.public_key_file import public_key_file
from asl_authority.values.rootset import RootSet
from support.acts import stand, standing_in
from support.domains import DOMAIN, POLICY, request, secret
from support.genesis import founding
from support.real_store import Person, call, make_real
from support.sealed_machine import ALICE, BOB, BUILDERS, SealedMachine, manifest_bytes, signed
from support.stories import no_randomness, unprotected
from support.story_store import QuickDisk

pytestmark = pytest.mark.any_python

FILES = Path(__file__).parent / "stories/files"
NETWORK, SWAP = "sys/class/net/eth0/operstate", "proc/swaps"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed machine with a store, which no test changes."""
    place = tmp_path_factory.mktemp("real")
    make_real(place)
    (place / "input.txt").write_text("a file\n")
    (place / "request.json.sig").write_bytes(request().to_bytes())
    (place / "policy.json").write_bytes(POLICY.to_bytes())
    (place / "root-1.pub").write_bytes(public_key_file(secret("root 1").public))
    (place / "roots.json").write_bytes(RootSet(1, (secret("root 1").public,), 1).to_bytes())
    shutil.copy(FILES / "root-1.priv.enc", place)
    return place


@pytest.fixture
def place(kept: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(kept, tmp_path / "place", symlinks=True)
    return tmp_path / "place"


def put(machine: Path, name: str, text: str) -> None:
    (machine / name).parent.mkdir(parents=True, exist_ok=True)
    (machine / name).write_text(text)


def swap_on(place: Path) -> None:
    put(place / "machine", SWAP, "Filename\tType\tSize\tUsed\tPriority\n/dev/sda1 partition 1 0 -2\n")


def plugged_in(place: Path) -> None:
    put(place / "machine", NETWORK, "up\n")


def another_start(place: Path) -> None:
    put(place / "machine", "run/asl/session/id", "ab" * 16 + "\n")


def another_seal(place: Path) -> None:
    put(place / "machine", "proc/cmdline", "quiet\n")


def claim_gone(place: Path) -> None:
    for path in (place / "machine/run/asl/session").iterdir():
        if path.name != "id":
            path.unlink()


def claimed_anew(place: Path) -> None:
    assert call(place / "machine", "claim", "--manifest", place / "image.manifest.json")[0] is ExitStatus.DONE


CHANGES = [
    (swap_on, "CLAIM-ENVIRONMENT"),
    (plugged_in, "CLAIM-ENVIRONMENT"),
    (another_start, "CLAIM-SESSION"),
    (another_seal, "CLAIM-SEAL"),
    (claim_gone, "CLAIM-MISSING"),
    (claimed_anew, "GATE-CLAIM"),
]


def once(change: Callable[[Path], None], place: Path, then: Callable[[], object]) -> Callable[[], None]:
    """The change at the first passphrase; `then` is called after it."""
    waiting = [change]

    def at_the_passphrase() -> None:
        if waiting:
            waiting.pop()(place)
            then()

    return at_the_passphrase


def head_of(place: Path, domain_id: str) -> str:
    said = call(place / "machine", "log", "head", "--domain", domain_id, "--json")[1]
    told = json.loads(said[said.index("{") :])
    return f"{told['size']} {told['root']}"


def tree(place: Path) -> dict[str, bytes]:
    root = place / "machine/asl-auth-host"
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("change", "check_id"), CHANGES, ids=lambda each: getattr(each, "__name__", each))
def test_what_changes_while_a_person_types_is_found_before_anything_is_signed(
    place: Path, change: Callable[[Path], None], check_id: str
) -> None:
    before: list[dict[str, bytes]] = []
    person = Person(before_keys=once(change, place, lambda: before.append(tree(place))))
    words = ("store", "put", place / "input.txt", "--domain", DOMAIN, "--head", head_of(place, DOMAIN))
    (place / "stick").mkdir()
    status, said = call(place / "machine", *words, "--stick", place / "stick", person=person)

    assert (status, check_id in said, "nothing was signed" in said) == (ExitStatus.REFUSED, True, True), said
    assert said.rstrip().splitlines()[-1].startswith("  "), "and says what to do"
    assert tree(place) == before[0]


def test_so_it_is_where_a_signature_over_files_is_recorded(place: Path) -> None:
    before: list[dict[str, bytes]] = []
    person = Person(before_keys=once(swap_on, place, lambda: before.append(tree(place))))
    (place / "stick").mkdir()
    words = (
        *("cert", "issue", place / "request.json.sig", "--root-set", place / "roots.json"),
        *("--policy", place / "policy.json", "--public-key", place / "root-1.pub"),
        *("--key", place / "root-1.priv.enc", "--output", place / "cert.json"),
        *("--stick", place / "stick", "--head", head_of(place, "host")),
    )
    status, said = call(place / "machine", *words, person=person)

    assert (status, "CLAIM-ENVIRONMENT" in said, "nothing was signed" in said) == (ExitStatus.REFUSED, True, True), said
    assert tree(place) == before[0]
    assert not (place / "cert.json").exists()


@pytest.mark.long
@pytest.mark.parametrize("verb", [("root", "init"), ("root", "init", "--prepare", "HERE/prepared")])
def test_so_it_is_where_a_store_is_founded(tmp_path: Path, verb: tuple[str, ...]) -> None:
    machine = SealedMachine(tmp_path / "machine", BUILDERS).root
    (tmp_path / "image.manifest.json").write_bytes(manifest_bytes())
    (tmp_path / "image.manifest.json.dsse.json").write_bytes(signed(manifest_bytes(), ALICE, BOB))
    (tmp_path / "policy.yaml").write_text(TEMPLATE)
    shutil.copy(FILES / "root-1.priv.enc", tmp_path)
    (tmp_path / "root-1.pub").write_bytes(public_key_file(secret("root 1").public))
    assert call(machine, "claim", "--manifest", tmp_path / "image.manifest.json")[0] is ExitStatus.DONE
    before = tree(tmp_path)
    person = Person(before_keys=once(swap_on, tmp_path, lambda: None))
    key = () if "--prepare" in verb else ("--key", "HERE/root-1.priv.enc")
    words = (
        *(*verb, "--policy", "HERE/policy.yaml", "--threshold", "1", "--root-key", "HERE/root-1.pub"),
        *(*key, "--own", "--stick", "HERE"),
    )
    outside = Outside(person, no_randomness("again"), unprotected)
    told = [word.replace("HERE", str(tmp_path)) for word in words]

    out = StringIO()
    status = cli.run(told, program="asl-auth-host", stdout=out, stderr=out, machine=machine, outside=outside)
    said = out.getvalue()
    assert (status, "CLAIM-ENVIRONMENT" in said, "nothing was signed" in said) == (ExitStatus.REFUSED, True, True), said
    assert tree(tmp_path) == before
    assert not (tmp_path / "prepared").exists()


def shut() -> Gate:
    """A gate that shut while the keys were opened."""

    def again() -> None:
        raise Refused("it is shut now", check_id="X")

    return replace(rehearsal_gate(), again=again)


def test_every_operation_asks_and_every_founding(founded_store: Path, tmp_path: Path) -> None:
    standing = stand(founded_store)
    with pytest.raises(Refused, match="it is shut now"):
        carry_out(standing, put_act(standing, {"a": b"a"}), shut(), standing_in(standing))
    assert stand(founded_store).report.head == standing.report.head

    (tmp_path / "new").mkdir()
    store = create_directories(QuickDisk(), tmp_path / "new")
    with pytest.raises(Refused, match="it is shut now"):
        found_domain(QuickDisk(), store, founding("the host", shut(), domain_id="host"))
    assert list((tmp_path / "new").rglob("*.json")) == []
