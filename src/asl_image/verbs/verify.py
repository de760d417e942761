"""verify: hold an ISO against its manifest, without booting it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from asl_image.errors import CheckFailed, IoFailed
from asl_image.manifest import read_manifest
from asl_image.runner import Runner
from asl_image.squash import Unpackers
from asl_image.verbs import House
from asl_image.verify import Finding
from asl_image.verify import verify as findings_of

READ_THRICE = 3  # the whole ISO for its hash, nearly all of it again for the seals, and for what lies in layers


@click.command()
@click.argument("iso", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--manifest", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Instead of the one beside it."
)
@click.option(
    "--files",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The list of files, instead of the one beside the manifest.",
)
@click.pass_obj
def verify(house: House, iso: Path, manifest: Path | None, files: Path | None) -> int:
    """Hold ISO against its manifest, byte by byte, without booting it; status 3 when anything is wrong."""
    manifest = manifest or iso.with_suffix(".manifest.json")
    if not manifest.exists():
        raise IoFailed(f"{manifest}: there is no such manifest", hint="give the ISO's manifest by --manifest FILE")
    expected = read_manifest(manifest)
    files = files or manifest.with_name(f"{expected.profile}.files.jsonl")
    listed = read_listed(files)
    with TemporaryDirectory(prefix="asl-verify-") as scratch:
        unpack = Unpackers(Runner(Path(scratch) / "commands.log"), house.build, Path(scratch))
        with house.screen.task(f"verify {iso.name}", READ_THRICE * iso.stat().st_size, "B") as task:
            findings = findings_of(iso, expected, listed, unpack, task.advance)
    ok = all(finding.ok for finding in findings)
    data = {
        "iso": str(iso),
        "manifest": str(manifest),
        "sha256": expected.iso.sha256,
        "ok": ok,
        "findings": [asdict(finding) for finding in findings],
    }
    house.screen.result(report(findings), data)
    return 0 if ok else CheckFailed.status


def read_listed(path: Path) -> bytes:
    """The list of files. Raises IoFailed."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise IoFailed(
            f"{path}: the list of files can't be read: {error.strerror}",
            hint="it is one of the papers beside an ISO; give it by --files FILE",
        ) from error


def report(findings: Sequence[Finding]) -> str:
    """The findings as lines for people, the verdict last."""
    lines = []
    for finding in findings:
        lines.append(f"{'ok' if finding.ok else 'WRONG':7}{finding.check_id:17}{finding.said}")
        lines += [f"{'':24}{detail}" for detail in finding.details]
    wrong = sum(not finding.ok for finding in findings)
    lines.append(f"{wrong} of {len(findings)} checks failed" if wrong else f"all {len(findings)} checks passed")
    return "\n".join(lines)
