"""status, self-test, serve: what this machine is, whether it computes right, and who carries out a call on it."""

from __future__ import annotations

from asl_authority.contract import ExitStatus
from asl_authority.front.verb import Answer, Argument, Call, Verb


def status(call: Call) -> Answer:
    """Say what this machine is."""
    from asl_authority.front import status_text
    from asl_authority.front.places import another_machine
    from asl_authority.operations.status import gather, make_status

    answer = make_status(gather(another_machine(call)))
    ended = ExitStatus.DONE if answer.ok else ExitStatus.CHECK_FAILED
    return Answer(status_text.status_text(answer), status_text.status_members(answer), ended)


def self_test(call: Call) -> Answer:
    """Say each finding as it ends, and the verdict last."""
    import dataclasses

    from asl_authority.front import ui
    from asl_authority.operations.self_test import run_self_test

    findings = []
    for finding in run_self_test():
        findings.append(finding)
        if not call.json:
            call.out.write(ui.finding_line(finding))
            call.out.flush()
    ok = all(finding.ok for finding in findings)
    members = {"ok": ok, "findings": [dataclasses.asdict(finding) for finding in findings]}
    return Answer(ui.self_test_verdict(findings), members, ExitStatus.DONE if ok else ExitStatus.CHECK_FAILED)


def serve(call: Call) -> Answer:
    """One errand of the operator's."""
    from asl_authority.front.serving import CONNECTION
    from asl_authority.front.serving import serve as serve_errand

    serve_errand(call.machine, CONNECTION)
    return Answer()


VERBS = (
    Verb(
        "status",
        "say what this machine is",
        "Says which image this is, how it was started, which layers it runs from, whether any network interface or "
        "store volume is present, and which tools are installed. Changes nothing. Ends with 3 when something is not "
        "as it must be.",
        status,
        (
            Argument(
                ("--machine",),
                "look at the tree DIR instead of /; on a sealed host in rehearsal only",
                "DIR",
                "path",
            ),
        ),
    ),
    Verb(
        "self-test",
        "check this machine's cryptography against published answers",
        "Computes SHA-256, Ed25519, scrypt, SLIP-39 shares, canonical JSON (RFC 8785) and Merkle roots (RFC 9162), and "
        "opens an age file, compares all of it with the answers that are published, and checks that the kernel's "
        "random pool is ready. Changes nothing. Ends with 3 when an answer is wrong.",
        self_test,
    ),
    Verb(
        "serve",
        "carry out one call of the operator's (systemd starts this)",
        "On a sealed host the operator's console has no rights of its own over keys and store: what is called there is "
        "handed to the user authority, whose process this is. It takes one call from the connection that is its "
        "standard input, with stdout, stderr and terminal, carries it out, and answers with its exit status. Nobody "
        "calls it by hand.",
        serve,
    ),
)
