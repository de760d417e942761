"""key change-passphrase --domain: keys of a domain for another passphrase, as an operation of that domain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asl_authority.front.verb import Answer, Call

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asl_authority.operations.passphrase_act import Sealed
    from asl_authority.values.ed25519 import SecretKey

# The keys of a domain, as operations.genesis names them; a start reads only the words.
NAMES = ("root", "log", "operator", "dam-signer")
# What names a file outside of a store, and what names keys in one.
# (Elsewhere there is no rehearsal, and with it no public seed: a key that is sealed with one is everybody's.)
OF_A_FILE, OF_A_DOMAIN = ("file", "kind", "output", "public_key"), ("key_name", "rehearsal", "stick", "head")
NEEDED = ("file", "kind", "output")


def expect_one_way(call: Call) -> bool:
    """Whether keys of a domain are meant, not a file. Raises UsageError for what names both, or neither in full."""
    from asl_authority.errors import UsageError

    here = call.values.get("domain") is not None
    if mixed := [name for name in (OF_A_FILE if here else OF_A_DOMAIN) if call.values.get(name)]:
        raise UsageError(
            f"{_word(mixed[0])} goes {'without' if here else 'with'} --domain",
            hint="a domain's own keys: --domain ID, --key-name; a file elsewhere: FILE, --kind, --output",
        )
    lacking = [] if here else [name for name in NEEDED if call.values.get(name) is None]
    if lacking:
        raise UsageError(
            f"{_word(lacking[0])} is missing",
            hint="a file takes FILE, --kind and --output; the keys of a domain in a store take --domain",
        )
    return here


def change_in_store(call: Call) -> Answer:
    """New files of a domain's keys, for one new passphrase."""
    from asl_authority.front.acting import act, gate_of, standing_of
    from asl_authority.front.drill_text import with_new_drill
    from asl_authority.operations.keys import new_passphrase
    from asl_authority.operations.passphrase_act import change_act, next_files, seal

    gate, standing = gate_of(call), standing_of(call, call.values["domain"])
    done: list[Sealed] = []
    asked = change_act(standing, call.values.get("key_name", ()), lambda: done[0])

    def opened(keys: Mapping[str, SecretKey]) -> None:
        passphrase = new_passphrase(call.terminal, call.outside.random, own=bool(call.values.get("own")))
        call.terminal.say("Sealing, and opening again from the disk; this takes a while.\n")
        done.append(seal({name: keys[name] for name in asked.keys}, passphrase, call.outside.random))

    answer = act(call, gate, standing, asked, opened=opened)
    if not done:
        return answer
    weak = "WARNING PASSPHRASE-WEAK: less than is advised\n" if done[0].passphrase.weak else ""
    files = next_files(standing, asked.keys)
    told = "".join(f"  {each.key}: {each.path}\n" for each in files)
    text = f"{weak}in force from now on; read back, opened, and its signature verified twice\n{told}"
    members = {
        **answer.members,
        "keys": [{"key": each.key, "file": each.path} for each in files],
        "weak": done[0].passphrase.weak,
    }
    return with_new_drill(call, answer._replace(text=answer.text + text, members=members), standing.domain_id, files)


def _word(name: str) -> str:
    return "FILE" if name == "file" else f"--{name.replace('_', '-')}"
