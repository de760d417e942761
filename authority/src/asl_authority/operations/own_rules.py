"""What the program itself demands, beside the papers: each check id, its sentence, and what to do where it is broken.

The rules of the papers stand in the RULES of values/; docs/papers.md and the verb `explain` tell both.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from importlib import import_module
from itertools import chain

from asl_authority import contract, values
from asl_authority.contract import ExitStatus
from asl_authority.errors import AuthorityError
from asl_authority.operations.reading import READ_ONLY
from asl_authority.values.frozen import frozen
from asl_authority.values.rules import Rule

PAPER = "The program"
_AGAIN = "nothing was changed; begin again"
_TRUST_NOTHING = "sign nothing here; show the other person what you see, and look at docs/debugging.md"


@frozen
class OwnRule:
    """One demand of the program. `now` is what to do where whoever refuses has nothing better to say."""

    check_id: str
    says: str
    now: str


OWN_RULES = (
    # The command line, files, the terminal.
    OwnRule("COMMAND-LINE", "A command line says one thing, in the words of the help.", "see: --help"),
    OwnRule("FILE-FORM", "A file is what it is given for.", "is it the right file, and whole?"),
    OwnRule("PATH-MISSING", "A file or directory that is named is there.", "look at the path; it is taken as typed"),
    OwnRule("PATH-TAKEN", "Nothing is overwritten: what is to be made is not there yet.", "name a new one"),
    OwnRule("PATH-NAME", "A new name is none of those that unfinished files have.", "name it otherwise"),
    OwnRule("PATH-REGULAR", "A file that is read is a regular file.", "name the file itself"),
    OwnRule("PATH-LINK", "No link leads out of the place that is read.", "take the link away; put the file there"),
    OwnRule("PATH-SIZE", "A file is no longer than its kind can be.", "is it the right file?"),
    OwnRule(
        "PATH-IN-STORE",
        "Nothing is put into the store by hand.",
        f"name a file elsewhere; on a sealed host in {contract.DESK}",
    ),
    OwnRule("PATH-UNREADABLE", "The authority can read where it is called.", f"cd {contract.DESK}"),
    OwnRule("INPUT-OUTPUT", "What is read or written can be.", "is it still connected, and readable? then try again"),
    OwnRule("INPUT-LIMIT", "What is brought in at once fits into memory.", "bring it in parts"),
    OwnRule("TERMINAL-MISSING", "There is a terminal to ask on.", "run it on the host's console"),
    OwnRule(
        "TERMINAL-LINE",
        "A line that is typed is UTF-8, and not too long.",
        "nothing half-made is left; begin again, and type plain letters",
    ),
    OwnRule("STOPPED", "A person goes on.", "nothing half-made is left; begin again when you are ready"),
    OwnRule("OUR-FAULT", "The program is right.", "please report the lines above"),
    # The machine.
    OwnRule("SEALED-HOST", "Claims are made where a sealed image was started.", "start the image; see: status"),
    OwnRule(
        "SEALED-REHEARSAL",
        "On a sealed host another tree and another configuration are for rehearsals.",
        "start the rehearsal entry of the boot menu",
    ),
    OwnRule(
        "REHEARSAL-APART",
        "What is real and what is rehearsed never meet.",
        "a rehearsal's things go with --rehearsal, and real ones without it",
    ),
    OwnRule(
        "REHEARSAL-STARTED",
        "A host that was started for real holds no rehearsal.",
        "start the rehearsal entry of the boot menu",
    ),
    OwnRule("STATUS-IMAGE", "The machine says which image it was started from.", _TRUST_NOTHING),
    OwnRule("STATUS-SEAL", "The sealed layers were opened at the start.", _TRUST_NOTHING),
    OwnRule("STATUS-ROOT", "The root file system is the sealed one, and nobody can write it.", _TRUST_NOTHING),
    OwnRule("STATUS-NETWORK", "No network interface is there but lo.", "take the network device out; start again"),
    OwnRule("STATUS-STORE", "One store volume was found, or none.", "connect exactly one, and start again"),
    OwnRule("STATUS-TOOLS", "Every tool that is installed has one current version.", _TRUST_NOTHING),
    OwnRule("SELFTEST-AGE", "A published age file opens, and only as it should.", _TRUST_NOTHING),
    OwnRule("SELFTEST-ED25519", "Ed25519 gives the published answers.", _TRUST_NOTHING),
    OwnRule("SELFTEST-JSON", "Canonical JSON gives the published answers.", _TRUST_NOTHING),
    OwnRule("SELFTEST-RANDOM", "The kernel's randomness is initialised, and does not repeat.", _TRUST_NOTHING),
    OwnRule("SELFTEST-SCRYPT", "scrypt gives the published answers.", _TRUST_NOTHING),
    OwnRule("SELFTEST-SLIP39", "Shares of a key give the published answers.", _TRUST_NOTHING),
    OwnRule("SELFTEST-SHA256", "SHA-256 gives the published answers.", _TRUST_NOTHING),
    OwnRule("SELFTEST-TREE", "The tree of a log gives the published answers.", _TRUST_NOTHING),
    OwnRule("HYGIENE-CORE", "No core of this process can be dumped.", "start the sealed image again"),
    OwnRule("HYGIENE-DUMPABLE", "Nobody can look into this process.", "start the sealed image again"),
    OwnRule("HYGIENE-SWAP", "No memory goes to a disk: swap is off.", "switch it off: swapoff -a"),
    OwnRule("SCRYPT-MEMORY", "There is the memory that a key file costs.", "use a machine with more memory"),
    # Claims and the gate.
    OwnRule("CLAIM-MISSING", "A signature takes a claim of this start.", "make one: claim"),
    OwnRule("CLAIM-REHEARSAL", "A rehearsal's claim says nothing of a machine.", "make a real one: claim"),
    OwnRule("FACT-NAME", "What is declared is a fact that a claim knows.", "see: claim --help"),
    OwnRule("FACT-MEASURED", "What was measured is not declared besides.", "leave it out: what was measured counts"),
    OwnRule("BUILDERS-NAMED", "The image names who may vouch for it.", "see docs/claims.md: Builders"),
    OwnRule("CONFIG-MISSING", "A sealed host has its configuration.", _TRUST_NOTHING),
    # Keys and signatures.
    OwnRule("PASSPHRASE-WRONG", "The passphrase, or the shares, open the key file.", _AGAIN),
    OwnRule("KEY-HERE", "The key that an act takes is in the store.", "is this domain's authority elsewhere?"),
    OwnRule("SIGN-KEY", "Who signs is one of those who may.", "sign with a key that may; nothing was signed"),
    OwnRule("SIGN-TWICE", "Nobody signs the same thing twice.", "it needs another person's key"),
    OwnRule("SIGN-VERIFIED", "A new signature verifies.", _TRUST_NOTHING),
    OwnRule("SIGN-VERIFIED-ELSEWHERE", "A new signature verifies by a second implementation.", _TRUST_NOTHING),
    OwnRule("SIGN-READ-BACK", "What was signed reads back as it was written.", "use another medium; sign again"),
    OwnRule("LINT-FORM", "What is to be signed keeps every rule of its paper.", "make it again; nothing was signed"),
    OwnRule("DRILL-OPENS", "In a drill the key opens, or comes back from its shares.", "find the right ones, today"),
    # The store, its domains and its log.
    OwnRule("STORE-MISSING", "There is a store.", "is the store volume connected and mounted? see: status; or --root"),
    OwnRule("STORE-BUSY", "One program at a time writes into a store.", "wait until it has ended, and begin again"),
    OwnRule("STORE-DAMAGED", "What was committed to the store is there.", READ_ONLY),
    OwnRule("STORE-FILE-LOST", "Every file that the log names is there.", READ_ONLY),
    OwnRule("STORE-COPY-HOLDS", "A copy holds what the log names.", "give another copy; nothing of it was used"),
    OwnRule("VOLUME-FULL", "There is room on the volume.", "make some room on this volume"),
    OwnRule("VOLUME-READ-ONLY", "The volume can be written.", "take its write protection off, or use another"),
    OwnRule(
        "BLOCK-TAG",
        "A block has one type tag.",
        "see: store get; where domain check says that it belongs to nothing, take it and its meta file away",
    ),
    OwnRule("BLOCK-TEXT", "What is shown on a terminal is a short text.", "write it into a file: --output"),
    OwnRule("DOMAIN-UNKNOWN", "The domain is there.", "see: domain list"),
    OwnRule("DOMAIN-TAKEN", "A new domain has a new id.", "see: domain list"),
    OwnRule("DOMAIN-ID-EQUAL", "A domain's papers all name that domain.", READ_ONLY),
    OwnRule("DOMAIN-ARTIFACTS", "A domain has every artifact that its log names, unchanged.", READ_ONLY),
    OwnRule("DOMAIN-DIRECTORY", "Each directory of a domain is there, and is no link.", "look at the volume elsewhere"),
    OwnRule("DOMAIN-OPERATIONS", "An operation ends in a receipt that covers it.", "see: domain check"),
    OwnRule(
        "DOMAIN-KEY-FILES",
        "A new file of a private key follows the one before, and is of the same key.",
        "who has the keys of this log has written that: see docs/authority.md",
    ),
    OwnRule("DOMAIN-RESTORED", "What was restored is what the snapshot names.", "see: snapshot restore"),
    OwnRule("DOMAIN-ROOTS", "The roots that certified a domain are the host's.", "see: root adopt, root follow"),
    OwnRule("DOMAIN-ACTS", "Acts are done in a domain that is active.", "see: domain list"),
    OwnRule("ROOTS-FOLLOW", "Each root set is signed by the one before.", "see: domain check host"),
    OwnRule(
        "ROOTS-CERTIFIED",
        "A certificate is of the root set that is held, or of one that rotations lead to from there.",
        "who gave it to you? see: cert show",
    ),
    OwnRule("ROOTS-BACK", "A domain goes on to the host's roots.", "nothing is left to do: see domain show"),
    OwnRule("LOG-COVERED", "A signed head covers every record.", "unlock the log's key; it goes on from there"),
    OwnRule("LOG-FILES", "A log's directory has the files of that log.", "take the other files out, and look at them"),
    OwnRule("LOG-HEAD-UNKNOWN", "The last head is known from the stick or from paper.", "give it: --stick, --head"),
    OwnRule("LOG-INTERRUPTED", "No operation was left half-way.", "unlock the log's key, then open again"),
    OwnRule("LOG-KEY-KNOWN", "The key that signs a log's heads is known.", "give it: --log-key, or --root-set"),
    OwnRule(
        "LOG-NOT-LOST", "A log goes on from the head that was kept.", "find the newer volume: see docs/authority.md"
    ),
    OwnRule("LOG-REPLAYED", "The whole log was read, and every record follows.", READ_ONLY),
    OwnRule("LOG-SIGNED", "Somebody has signed a head of the log.", "see: log verify"),
    OwnRule("LOG-UNVOUCHED", "A record that nobody signed is a claim, or belongs to nothing.", "see: domain check"),
    OwnRule("LOG-WRITE-FAILED", "After a write that failed nothing more is written.", "open the store again"),
    OwnRule("SNAPSHOT-CURRENT", "What is restored is an earlier snapshot.", "see: snapshot list"),
    OwnRule("SNAPSHOT-DOMAIN", "A snapshot is of the domain that is asked for.", "see: snapshot list"),
    # Admission, publishing, receipts, ceremonies.
    OwnRule("ADMISSION-FACTS", "A decision's record says what its files say.", READ_ONLY),
    OwnRule("ADMISSION-FILES", "Every file of an admission is there, unchanged.", READ_ONLY),
    OwnRule("ADMISSION-SNAPSHOT", "The snapshot that a decision names was made before it.", READ_ONLY),
    OwnRule("LEASE-GIVEN", "Who is here by courtesy has a lease.", "give one: admit decide --epochs, --quota-bytes"),
    OwnRule("DAM-RECEIPTS", "What a DAM follows from has left its receipts.", "see: receipt list"),
    OwnRule("PUBLISH-SNAPSHOT", "What is published is in a snapshot.", "make one: snapshot create"),
    OwnRule("REPLAY-INPUTS", "What an operation went out from is there to replay it.", "see: receipt show"),
    OwnRule("REPLAY-KEPT", "What is computed once more is what was kept.", _TRUST_NOTHING),
    OwnRule("CEREMONY-NETWORK", "Where a ceremony says so the machine has no network.", "take the interface out"),
    OwnRule("CEREMONY-CLAIM", "Where a ceremony says so this start's claim is VERIFIED.", "make one: claim"),
    OwnRule("CEREMONY-STORE", "A store is there or not, as the ceremony says.", "look at the ceremony and at --root"),
    OwnRule("CEREMONY-FILE", "A file that a ceremony names is the reviewed one.", "give the file that was reviewed"),
    OwnRule("CEREMONY-PATH", "A ceremony's files stay where it is held.", "name it without .., below the directory"),
    OwnRule("CEREMONY-REHEARSAL", "A ceremony says whether it is a rehearsal, and its verbs agree.", "mend the file"),
    OwnRule("CEREMONY-VERB", "Every step is a verb as it would be typed.", "mend the step; see: ceremony check"),
    OwnRule("CEREMONY-ENDS", "A rehearsal of the whole ceremony comes to its end.", "mend the file, or: --blank"),
    OwnRule("CEREMONY-ENDED", "A ceremony that is gone on with has not ended.", "see: ceremony report"),
    OwnRule("CEREMONY-STOPPED", "A ceremony goes on to its end.", "go on: ceremony run FILE --continue RECORD"),
    OwnRule("CEREMONY-UNANSWERED", "What a person must answer has a person.", "print it without digests: --blank"),
    OwnRule(
        "STICK-HOST",
        "Sticks are opened by a sealed image's own helper.",
        "elsewhere mount it as you would; the verbs take its directory",
    ),
    OwnRule(
        "STICK-THERE", "The stick that is meant is plugged in, and one is meant.", "wait a moment; see: stick list"
    ),
    OwnRule("STICK-FORM", "A stick has a file system that is opened here.", "copy what is on it to a stick with vfat"),
    OwnRule("STICK-OPENED", "A stick can be mounted and unmounted.", "see: stick list"),
    OwnRule("STORE-OPENED", "One volume carries the store's label, and is whole.", "connect exactly one; see: status"),
    OwnRule("STICK", "A stick is there, and keeps what it is given.", "put the right stick in, or another one"),
)

# What to do where a rule of a paper is broken and nobody says more, by how it ended.
_OF_PAPERS: Mapping[ExitStatus, str] = {
    ExitStatus.USAGE: "what the rule says: explain {}",
    ExitStatus.CHECK_FAILED: "nothing of it was used; what the rule says: explain {}",
    ExitStatus.REFUSED: "nothing was done; what the rule says: explain {}",
    ExitStatus.STORE_DAMAGED: READ_ONLY,
}


def own_rule(check_id: str) -> OwnRule | None:
    """The program's own rule of this id, if it is one."""
    return next((rule for rule in OWN_RULES if rule.check_id == check_id), None)


def what_now(error: AuthorityError) -> str:
    """What to do now, where the error does not say it itself."""
    check_id = error.check_id or error.general_id
    if own := own_rule(check_id):
        return own.now
    if general := _OF_PAPERS.get(error.status):
        return general.format(check_id)
    last = own_rule(error.general_id)
    return last.now if last else ""


def every_rule() -> Mapping[str, Rule]:
    """Each rule of the program and of the papers, by its check id, in the order of the ids."""
    own = (Rule(rule.check_id, PAPER, "C", rule.says) for rule in OWN_RULES)
    modules = (import_module(f"{values.__name__}.{info.name}") for info in pkgutil.iter_modules(values.__path__))
    papers = chain.from_iterable(getattr(module, "RULES", ()) for module in modules)
    return {rule.check_id: rule for rule in sorted(chain(own, papers), key=lambda rule: rule.check_id)}
