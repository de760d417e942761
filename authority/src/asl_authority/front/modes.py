"""In which modes each verb runs: the one table to review, and the question that the door asks before every verb.

A verb without a row here is not carried out. Whoever adds one decides where it belongs.
"""

from __future__ import annotations

from collections.abc import Mapping

from asl_authority import contract
from asl_authority.front.verb import Call
from asl_authority.values.modes import ProfileMode

GENESIS, RESCUE = ProfileMode.GENESIS, ProfileMode.RESCUE
ADMISSION, MAINTENANCE = ProfileMode.ADMISSION, ProfileMode.MAINTENANCE

# In every mode: they open no key, and write nothing into a store but what is logged unsigned (claim).
READING = frozenset(
    (
        *("status", "self-test", "claim", "verify-env", "measure", "serve", "explain"),
        *("config show", "config check", "stick list", "stick open", "stick close", "store open"),
        *("policy new", "policy check", "policy hash", "policy show"),
        *("root set", "root show", "root verify", "domain list", "domain show", "domain check"),
        *("cert show", "cert verify", "dam new", "dam check", "dam show", "dam diff", "dam verify"),
        *("admit check", "admit show", "receipt list", "receipt show", "receipt verify", "receipt replay"),
        *("log head", "log verify", "log proof", "log consistency", "log kept", "log deviations"),
        *("snapshot list", "snapshot verify", "store get", "store scrub"),
        *("ceremony check", "ceremony script", "ceremony report"),
    )
)

# What opens a key, or writes into a store.
MODES: Mapping[str, tuple[ProfileMode, ...]] = {
    "root init": (GENESIS,),
    "root rotate": (MAINTENANCE,),
    "root adopt": (MAINTENANCE,),
    "root follow": (MAINTENANCE,),
    "domain create": (GENESIS,),
    "domain sign": (GENESIS,),
    "domain found": (GENESIS,),
    "domain suspend": (ADMISSION,),
    "domain revoke": (ADMISSION,),
    "domain resume": (ADMISSION,),
    "admit apply": (ADMISSION,),
    "admit decide": (ADMISSION,),
    "admit request": (ADMISSION,),
    # A key that is rotated needs a certificate and a DAM as one that is admitted does.
    "cert request": (GENESIS, ADMISSION, MAINTENANCE),
    "cert issue": (ADMISSION, MAINTENANCE),
    "cert x509": (ADMISSION, MAINTENANCE),
    "dam sign": (ADMISSION, MAINTENANCE),
    "dam publish": (ADMISSION, MAINTENANCE),
    "dam rotate": (MAINTENANCE,),
    # The roots are made before the store that they found.
    "key new": (GENESIS, MAINTENANCE),
    "key check": (GENESIS, MAINTENANCE, RESCUE),
    "key change-passphrase": (MAINTENANCE,),
    "key split": (GENESIS, MAINTENANCE),
    "key combine": (MAINTENANCE, RESCUE),
    "key drill": (GENESIS, MAINTENANCE),
    "run": (MAINTENANCE, RESCUE),
    "store put": (MAINTENANCE, RESCUE),
    "snapshot create": (MAINTENANCE, RESCUE),
    "snapshot restore": (MAINTENANCE,),
    "log accept-backup": (MAINTENANCE, RESCUE),
    # Each act of a ceremony is asked for by its own verb besides.
    "ceremony run": (GENESIS, ADMISSION, MAINTENANCE),
}

UNVERIFIED_WARNING = """\
**********************************************************************
*  WARNING CONFIG-UNVERIFIED: the sealed configuration lets keys be   *
*  used under a claim that nobody vouches for. What is signed here    *
*  goes back to a machine that was not VERIFIED, and its claim says   *
*  so for ever.                                                       *
**********************************************************************
"""

# What a verb does to the domain that it names, in the words of a configuration's allowed_operations.
OPERATIONS: Mapping[str, str] = {
    "root follow": "append",
    "domain suspend": "append",
    "domain revoke": "append",
    "domain resume": "append",
    "admit apply": "append",
    "admit decide": "append",
    "dam publish": "append",
    "dam rotate": "append",
    "run": "write",
    "store put": "write",
    "snapshot create": "seal",
    "snapshot restore": "append",
    "log accept-backup": "append",
}


def let_through(call: Call) -> tuple[str, ...]:
    """Go on when the configuration in force lets this verb run here. Raises Refused, ConfigError, IoFailed.

    What comes back are warnings that must stay in sight.
    """
    return () if call.verb in READING else expect_verb(call, call.verb)


def expect_operation(call: Call, domain_id: str) -> None:
    """Go on when the configuration in force lets this call do to a domain what it records in that domain's log.

    Raises Refused, ConfigError, IoFailed. A verb that signs files does not name that domain: it is the host's.
    """
    from asl_authority.front.configuration import in_force
    from asl_authority.operations.configuration import expect_operation as expect
    from asl_authority.values.config import Operation

    done = OPERATIONS.get(call.verb)
    hint = "see: config show"
    if done is None:
        hint = f"what is signed here is recorded in the log of {domain_id}, which must allow append; {hint}"
    expect(in_force(call), domain_id, Operation(done or "append"), hint)


def expect_verb(call: Call, verb: str) -> tuple[str, ...]:
    """The same for another verb than the one that was called, by whoever carries out several."""
    from asl_authority.front.configuration import in_force
    from asl_authority.operations.configuration import expect_allowed
    from asl_authority.values.config import Operation

    if verb not in MODES:
        raise AssertionError(f"{verb}: has no row in the table of modes")
    here, done = in_force(call), OPERATIONS.get(verb)
    on = None if done is None else (str(call.values.get("domain", contract.HOST.name)), Operation(done))
    expect_allowed(here, call.machine, verb, MODES[verb], on)
    return () if here.verified_required else (UNVERIFIED_WARNING,)
