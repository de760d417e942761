"""policy: write, check and hash the policy of a domain, before anything names it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asl_authority.front.verb import Answer, Argument, Call, Verb

if TYPE_CHECKING:
    from asl_authority.values.policy import DomainPolicy

FILE = Argument(("FILE",), "a policy: the edited text, or its canonical JSON", "FILE", "path", required=True)
OUTPUT = Argument(("--output",), "where it goes; a file that is there is never overwritten", "FILE", "path")


def new(call: Call) -> Answer:
    """The text to start from."""
    from asl_authority.storage.plain_files import write_new
    from asl_authority.values.policy_text import TEMPLATE, read_policy_text

    policy = read_policy_text(TEMPLATE.encode())
    members: dict[str, object] = {"policy_hash": policy.hash}
    path = call.values.get("output")
    if path is None:
        return Answer(TEMPLATE, {**members, "text": TEMPLATE})
    write_new(path, TEMPLATE.encode())
    return Answer(f"{path}: edit it, then: {call.program} policy check {path}\n", {**members, "file": str(path)})


def show(call: Call) -> Answer:
    """The canonical object, and its hash."""
    from asl_authority.storage.plain_files import write_new

    policy = _policy(call)
    data = policy.to_bytes()
    members: dict[str, object] = {"policy_hash": policy.hash, "policy": data.decode()}
    path = call.values.get("output")
    if path is None:
        return Answer(data.decode() + "\n", members)
    write_new(path, data)
    return Answer(f"{path}: the policy {policy.hash}\n", {**members, "file": str(path)})


def hash_(call: Call) -> Answer:
    """The policy hash, as policy.hash has it."""
    policy = _policy(call)
    return Answer(f"{policy.hash}\n", {"policy_hash": policy.hash})


def check(call: Call) -> Answer:
    """Whether the text is a policy, and, where a hash file is given, the one that it names."""
    from asl_authority.contract import ExitStatus
    from asl_authority.front import ui
    from asl_authority.storage.plain_files import read_file
    from asl_authority.values.finding import Finding
    from asl_authority.values.policy import check_hash_equal, read_hash_file

    policy = _policy(call)
    findings = [Finding("POLICY-SCHEMA", ok=True, detail=f"a policy of version {policy.version}")]
    if path := call.values.get("against"):
        findings.append(check_hash_equal(policy, {str(path): read_hash_file(read_file(path, 128))}))
    ok = all(finding.ok for finding in findings)
    text = "".join(ui.finding_line(finding) for finding in findings) + f"{policy.hash}\n"
    members = {"ok": ok, "policy_hash": policy.hash, "findings": ui.findings_members(findings)}
    return Answer(text, members, ExitStatus.DONE if ok else ExitStatus.CHECK_FAILED)


def _policy(call: Call) -> DomainPolicy:
    from asl_authority.storage.plain_files import named, read_file
    from asl_authority.values.policy_text import read_policy_text

    path = call.path("file")
    with named(path):
        return read_policy_text(read_file(path, 64 << 10))


VERBS = (
    Verb(
        "policy new",
        "write a policy to start from, with comments",
        "Writes a policy that allows little, as text with a comment on every line that needs one. Edit it, check it "
        "with `policy check`, and let somebody else read it: its hash goes into certificates and DAMs.",
        new,
        (OUTPUT,),
    ),
    Verb(
        "policy check",
        "say whether a text is a policy, and which hash it has",
        "Reads the edited text or the canonical JSON, refuses every unknown, missing or doubtful line by name, and "
        "prints the policy hash. With --against it holds that hash against a policy.hash file. Ends with 3 when "
        "they differ.",
        check,
        (FILE, Argument(("--against",), "a policy.hash file", "HASHFILE", "path")),
    ),
    Verb(
        "policy hash",
        "print the hash of a policy",
        "Prints the SHA-256 of the policy's canonical bytes (ASL/POLICY-HASH/1), as a policy.hash file has it.",
        hash_,
        (FILE,),
    ),
    Verb(
        "policy show",
        "print the canonical JSON of a policy",
        "Prints the one canonical object that the text says, or writes it to a new file.",
        show,
        (FILE, OUTPUT),
    ),
)
