"""verify: hold an ISO against its manifest, without booting it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from asl_image.errors import CheckFailed
from asl_image.manifest import read_manifest
from asl_image.runner import Runner
from asl_image.squash import Unpackers
from asl_image.verbs import House
from asl_image.verify import Finding
from asl_image.verify import verify as findings_of

READ_TWICE = 2  # the whole ISO for its hash, and nearly all of it again for the seals


@click.command()
@click.argument("iso", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--manifest", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Instead of the one beside it."
)
@click.pass_obj
def verify(house: House, iso: Path, manifest: Path | None) -> int:
    """Hold ISO against its manifest, byte by byte, without booting it; status 3 when anything is wrong."""
    manifest = manifest or iso.with_suffix(".manifest.json")
    expected = read_manifest(manifest)
    with TemporaryDirectory(prefix="asl-verify-") as scratch:
        unpack = Unpackers(Runner(Path(scratch) / "commands.log"), house.build, Path(scratch))
        with house.screen.task(f"verify {iso.name}", READ_TWICE * iso.stat().st_size, "B") as task:
            findings = findings_of(iso, expected, unpack, task.advance)
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


def report(findings: Sequence[Finding]) -> str:
    """The findings as lines for people, the verdict last."""
    lines = []
    for finding in findings:
        lines.append(f"{'ok' if finding.ok else 'WRONG':7}{finding.check_id:17}{finding.said}")
        lines += [f"{'':24}{detail}" for detail in finding.details]
    wrong = sum(not finding.ok for finding in findings)
    lines.append(f"{wrong} of {len(findings)} checks failed" if wrong else f"all {len(findings)} checks passed")
    return "\n".join(lines)
