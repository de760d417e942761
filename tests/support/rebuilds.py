"""A made-up project whose `build.py` only lays down prepared results, so that `rebuild` runs whole in a moment."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from asl_image.inputs import load_inputs
from asl_image.lock import Lock, make_request, write_lock
from asl_image.steps.evidence import RESULTS
from asl_image.store import Store
from support.papers import write_papers
from support.plans import locked_package, sha256, tiny_lock
from support.signers import Signer

BUILD_PY = '''\
"""Stands in for the builder: says what it was asked, and lays down what was prepared."""
import json, os, pathlib, shutil, sys
argv = sys.argv[1:]
root, build = pathlib.Path(__file__).parent, pathlib.Path(argv[argv.index("--build") + 1])
(root / "asked.json").write_text(json.dumps({"argv": argv, "fresh": sorted(os.listdir(build))}))
if not (root / "results").is_dir():
    sys.exit(9)
(build / "cache").mkdir()
shutil.copytree(root / "results", build / "tiny", dirs_exist_ok=True)
'''

PROFILE = """\
name: tiny
summary: A made-up image
packages: [bash]
overlays: [base]
hooks: []
modules: [loop]
initramfs: {modules: [loop]}
compression: release
iso: {label: TINY}
"""


@dataclass
class Project(Signer):
    """Somebody with the made-up project, which built an image once; its papers lie in `papers`."""

    @property
    def papers(self) -> Path:
        return self.folder / "papers"

    @property
    def manifest(self) -> Path:
        return self.papers / "tiny.manifest.json"

    @property
    def results(self) -> Path:
        """What the next build will leave."""
        return self.folder / "results"

    def asked(self) -> dict[str, list[str]]:
        """How the builder was started."""
        whole: dict[str, list[str]] = json.loads((self.folder / "asked.json").read_text())
        return whole

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def lock(self, lock: Lock, renewed: bool = False) -> None:
        """Lock a profile, with everything of it in the store."""
        name = f"build/{lock.profile}/renewed.lock.yaml" if renewed else f"profiles/{lock.profile}.lock.yaml"
        store = Store(self.folder / "build/store")
        packages = []
        for package in lock.packages:
            data = f"{package.name} {package.version}".encode()  # whose SHA-256 made-up locks name
            store.add([data], package.sha256, package.name, origin="test")
            packages.append(package.model_copy(update={"size": len(data)}))
        write_lock(lock.model_copy(update={"packages": tuple(packages)}), self.folder / name)

    def export_kit(self) -> Path:
        """A kit of the project as it is now."""
        self.write("keyring.gpg", "keyring")
        kit = self.folder / "tiny.kit.tar"
        assert self.types("kit", "export", "tiny", "--output", kit, "--keyring", self.folder / "keyring.gpg") == 0, self
        return kit

    def builds(self, compression: str | None = None, scratch: str = "first", commit: str | None = None) -> None:
        """The first build: its results are there, and what the next one will leave is the same."""
        overrides = {"compression": compression} if compression else {}
        inputs = load_inputs(self.house, "tiny", locked=False, overrides=overrides)
        work = write_papers(self.folder / scratch, inputs.__class__(**{**vars(inputs), "commit": commit}))
        for folder in (self.papers, self.results):
            folder.mkdir()
            for source, pattern in RESULTS.items():
                shutil.copyfile(work / source, folder / pattern.format(profile="tiny"))


def make_project(at: Path) -> Project:
    """The project, locked."""
    project = Project(at, root=at)
    project.write("build.py", BUILD_PY)
    project.write("profiles/tiny.yaml", PROFILE)
    project.write("profiles/tools-tree.yaml", "name: tools-tree\nsummary: tools\npackages: [grub-pc-bin]\n")
    project.write("overlays/base/overlay.yaml", "summary: files\n")
    project.write("overlays/base/root/etc/issue", "hello\n")
    (at / "hooks").mkdir()
    project.lock(tiny_lock("tiny", [locked_package("bash")]))
    project.lock(tiny_lock("tools-tree", [locked_package("grub-pc-bin")]))
    return project


def another_lock(packages: tuple[str, ...] = ("bash",), renewed_from: str | None = None) -> Lock:
    """A lock of the same request with another version of each package."""
    lock = tiny_lock("tiny", [locked_package(name, "2.0-1") for name in packages])
    request = make_request("trixie", "amd64", packages, ())
    return lock.model_copy(update={"request": request, "renewed_from": renewed_from})


__all__ = ["Project", "another_lock", "make_project", "sha256"]
