"""check-signatures: see whether enough builders vouch for a manifest, or rebuilt one image."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from asl_image import sshsig
from asl_image.builders import load_builders
from asl_image.errors import CheckFailed, ConfigError
from asl_image.runner import Runner
from asl_image.signable import Signable, read_signable
from asl_image.signatures import Verdict, judge
from asl_image.verbs import House

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("check-signatures")
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=FILE)
@click.option("--builders", "known", type=FILE, required=True, metavar="FILE", help="Who may sign, by their keys.")
@click.option("--threshold", type=int, metavar="N", help="How many builders it takes, instead of what the file says.")
@click.option(
    "--signatures", multiple=True, type=FILE, metavar="FILE", help="Over FILE, but not beside it (may repeat)."
)
@click.pass_obj
def check_signatures(
    house: House, files: tuple[Path, ...], known: Path, threshold: int | None, signatures: tuple[Path, ...]
) -> int:
    """See whether enough builders signed FILE, a manifest, or signed that they rebuilt one ISO, each in a statement
    of their own; status 3 when not."""
    builders = load_builders(known, threshold)
    papers = [read_signable(file) for file in dict.fromkeys(files)]
    if len({paper.kind for paper in papers}) > 1 or (len(papers) > 1 and papers[0].kind == "manifest"):
        raise ConfigError("one manifest, or any number of rebuild statements, is checked at a time")
    if signatures and len(papers) > 1:
        raise ConfigError("--signatures goes with one FILE", hint="check one at a time, or put them beside their files")
    with TemporaryDirectory(prefix="asl-check-signatures-") as scratch:
        folder = Path(scratch)
        runner = Runner(folder / "commands.log")

        def by_ssh(data: bytes, found: sshsig.SshSignature, message: bytes) -> bool:
            return sshsig.verifies(data, found, message, runner, folder)

        verdict = judge([(paper, [*paper.signatures(), *signatures]) for paper in papers], builders, by_ssh)
    house.screen.result(report(verdict), as_data(verdict, str(known)))
    return 0 if verdict.ok else CheckFailed.status


def report(verdict: Verdict) -> str:
    """The votes as lines for people, the answer last."""
    lines = [
        f"{vote.verdict:9}{vote.file}  {vote.form}  {vote.said or vote.builder}"
        + (f"  key {vote.key_id}" if vote.key_id else "")
        for vote in verdict.votes
    ]
    lines += [f"WRONG    {problem}" for problem in verdict.contradictions]
    wrong = len(verdict.contradictions) + sum(vote.wrong for vote in verdict.votes)
    if wrong:
        lines.append(f"{wrong} things are wrong: nothing is believed" if wrong > 1 else "one is wrong: all is refused")
    names = f" ({', '.join(verdict.builders)})" if verdict.builders else ""
    did = "signed" if verdict.papers[0].kind == "manifest" else "signed that they rebuilt"
    lines.append(
        f"{len(verdict.builders)} of {verdict.total} builders{names} {did} {subject(verdict.papers)}; "
        f"{verdict.threshold} {'is' if verdict.threshold == 1 else 'are'} needed"
    )
    return "\n".join(lines)


def subject(papers: tuple[Signable, ...]) -> str:
    """What was signed, in words."""
    first = papers[0]
    return str(first.path) if first.kind == "manifest" else f"the ISO {first.iso}"


def as_data(verdict: Verdict, known: str) -> dict[str, object]:
    """For a program: everything."""
    first = verdict.papers[0]
    return {
        "ok": verdict.ok,
        "files": [str(paper.path) for paper in verdict.papers],
        "kind": first.kind,
        "iso": first.iso,
        "manifest": first.manifest,
        "builders_file": known,
        "threshold": verdict.threshold,
        "builders": list(verdict.builders),
        "signatures": [{**asdict(vote), "verdict": vote.verdict} for vote in verdict.votes],
        "contradictions": list(verdict.contradictions),
    }
