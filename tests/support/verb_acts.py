"""A call of every verb that opens a key or writes into a store, in an order in which each of them succeeds.

An act is a small story in the directory of the stories' files: `%` is what comes before, `$` a call, and `>` what is
typed at it besides what the screen says.
"""

from __future__ import annotations

from support.story_files import PASSPHRASE

IN = "--root rehearsed --rehearsal"
ROTATE = (
    "asl-auth-host root rotate --rehearsal --root-set rehearsed/host/auth/root-set-1.json "
    "--root-key rehearsal-root-1.pub --root-key root-1.pub --threshold 2"
)
SIGN = "openssl pkeyutl -sign -rawin -inkey"
ME = "--domain me.example"
CERT = "asl-auth-host cert request --subject-type domain_root --domain-id me.example --public-key domain.pub"
HOST_PAYLOADS = ("cert-root", "cert-log", "cert-operator")
ADDED = " ".join(f"--add-signature {name}.signature" for name in HOST_PAYLOADS)
OPERATOR = "MCowBQYDK2VwAyEA8Z9qWAW/1VMZ+ihWU/uCFdUU4bgye2zy2G+GpihsvSk="


def elsewhere(number: int) -> str:
    """A root that signs what is prepared on a machine of its own."""
    signed = (
        f"% {SIGN} root-{number}.pem -in prepared-host/{name}.payload -out {name}.signature" for name in HOST_PAYLOADS
    )
    return "\n".join((*signed, f"% asl-auth-host domain sign prepared-host --rehearsal {ADDED}"))


ACTS = {
    "a store is founded": """
        % asl-auth-host policy new --output policy.yaml
        % mkdir new
        $ asl-auth-host root init --rehearsal --threshold 2 --policy policy.yaml --root new
        $ asl-auth-host domain create Me --id me.example --rehearsal --policy policy.yaml --root new
    """,
    "and in sessions": f"""
        % mkdir new
        $ asl-auth-host domain sign prepared-host --key root-1.priv.enc --rehearsal
        {elsewhere(2)}
        {elsewhere(3)}
        $ asl-auth-host domain found prepared-host --rehearsal --policy policy.json --root new
    """,
    "the roots rotate": f"""
        $ {ROTATE} --public-key root-1.pub --key root-1.priv.enc --output first.json
        % {ROTATE} --payload rotation.payload
        % {SIGN} rehearsal-root-1.pem -in rotation.payload -out 1.signature
        % {SIGN} rehearsal-root-2.pem -in rotation.payload -out 2.signature
        % {ROTATE} --so-far first.json.sig --public-key rehearsal-root-1.pub --add-signature 1.signature --output 2.json
        % {ROTATE} --so-far 2.json.sig --public-key rehearsal-root-2.pub --add-signature 2.signature --output all.json
        $ asl-auth-host root adopt all.json {IN}
        $ asl-auth-host root follow me.example {IN}
    """,
    "a domain asks, is admitted, and is no more": f"""
        $ asl-auth-host admit request --dam rehearsed/domains/me.example/dam/dam-1.json --receiver host \\
            --scope produce --request-id 7d0f1f0e-3c52-4d4e-8a8e-0d6a51c1f001 \\
            --key rehearsed/domains/me.example/certs/root.priv.enc --output asked.json --rehearsal
        $ asl-auth-host admit apply me.example --scope produce --output request.json {IN}
        $ asl-auth-host admit decide request.json --decision ACCEPTED {IN}
        $ asl-auth-host domain suspend me.example --reason "no answer" {IN}
        $ asl-auth-host domain resume me.example {IN}
        $ asl-auth-host domain revoke me.example --reason "its key was seen elsewhere" {IN}
    """,
    "certificates and a DAM as files": f"""
        $ {CERT} --policy policy.json --key domain.priv.enc --output request.json
        $ asl-auth-host cert issue request.json --root-set roots-alone.json --policy policy.json \\
            --public-key root-1.pub --key root-1.priv.enc --output cert.json
        % asl-auth-host dam new --domain-id me.example --public-key domain.pub --policy policy.json --output dam.yaml
        % sed -i "s#\\"?\\"#{OPERATOR}#" dam.yaml
        $ asl-auth-host dam sign dam.yaml --root-set roots-alone.json --certificate cert.json --policy policy.json \\
            --key domain.priv.enc --output dam-1.json
        % mkdir out
        $ asl-auth-host cert x509 me/dam.json --root-set roots.json --certificate me/cert.json \\
            --certificate me/cert-x509.json --policy policy.json --not-before 2026-01-01 \\
            --key x509.priv.enc --output out
    """,
    "a domain's next DAM": f"""
        % asl-auth-host dam new --pinned rehearsed/domains/me.example/dam/dam-1.json --output next.yaml --rehearsal
        % sed -i "s/^# scope: .*/scope: [audit, execute, publish]/" next.yaml
        $ asl-auth-host dam rotate me.example next.yaml {IN}
        $ asl-auth-host snapshot create {ME} {IN}
        $ asl-auth-host dam publish me.example {IN} --output published
    """,
    "what a domain keeps": f"""
        $ asl-auth-host store put input.txt {ME} {IN}
        $ asl-auth-host run program.yaml --input input.txt {ME} {IN}
        $ asl-auth-host snapshot create {ME} {IN}
        $ asl-auth-host snapshot restore SNAPSHOT-1 {ME} {IN}
        % cp -r rehearsed/domains/me.example copy
        % rm rehearsed/domains/me.example/certs/root.pub
        $ asl-auth-host snapshot restore SNAPSHOT-2 {ME} {IN} --from copy
    """,
    "an older backup": f"""
        % cp -r rehearsed older
        $ asl-auth-host store put input.txt {ME} {IN}
        % mkdir -p stick/heads
        % cp rehearsed/domains/me.example/log/checkpoint stick/heads/asl-rehearsal_me.example.checkpoint
        $ asl-auth-host log accept-backup {ME} --root older --rehearsal --stick stick
        > The newer volume fell into the sea.
        > Ada Lovelace
        > Grace Hopper
    """,
    "keys": f"""
        $ asl-auth-host key new --kind log --output made
        $ asl-auth-host key new --kind log --output own --own
        > hunter2
        > weak
        > hunter2
        $ asl-auth-host key check log.priv.enc --kind log
        $ asl-auth-host key change-passphrase log.priv.enc --kind log --output changed --own
        > {PASSPHRASE}
        > Many different words make a long one
        > Many different words make a long one
        $ asl-auth-host key drill log.priv.enc --kind log --by passphrase --output drill.json
        > Alice
    """,
    "keys of a domain": f"""
        $ asl-auth-host key change-passphrase {ME} --key-name log {IN}
    """,
    "shares of a key": """
        $ asl-auth-host key split log.priv.enc --kind log --shares 2 --threshold 2 --output backup
        $ asl-auth-host key combine shared.priv.enc --kind log --output again --own
        > isolate corner academic always
        > alarm chew work viral
        > smoking ancestor gather density
        > fused warmth valid mouse
        > capital slow practice keyboard
        > isolate corner academic acid
        > beaver thorn display living
        > yoga entrance metric canyon
        > email single mouse loan
        > gravity random acid secret
        > Many different words make a long one
        > Many different words make a long one
    """,
    "a ceremony": """
        $ asl-auth-host ceremony run put.yaml --record record --rehearsal --root rehearsed
    """,
}


def _lines(act: str) -> list[str]:
    return [line.strip() for line in act.replace("\\\n", " ").splitlines() if line.strip()]


def called_in(act: str) -> list[tuple[str, list[str]]]:
    """The lines of an act, each with what is typed at it."""
    calls: list[tuple[str, list[str]]] = []
    for line in _lines(act):
        if line.startswith("> "):
            calls[-1][1].append(line[2:])
        else:
            calls.append((line, []))
    return calls
