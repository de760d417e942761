"""The rules of the house that a machine can hold; CONTRIBUTING.md says them in words.

Every rule is a function from a module to its problems, so that each can be shown to fail (the second
half of this file). A new exception goes into the table of its rule, with the reason.
"""

from __future__ import annotations

import ast
import builtins
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from asl_authority.contract import ExitStatus
from asl_image import errors

HOUSE = Path(__file__).parents[1]
BUILDER = "src/asl_image/"
AUTHORITY = "authority/src/asl_authority/"
HOOKS = HOUSE / "hooks"

# Third-party packages and where each may be imported. A package without a line here may not be used at all.
HOMES: dict[str, tuple[str, ...]] = {
    "sh": (BUILDER + "runner.py",),
    "jinja2": (BUILDER + "overlay.py",),
    "yaml": (BUILDER + "yamlfile.py", AUTHORITY + "values/strict_yaml.py"),
    "diskimage_builder": (BUILDER + "hooks.py",),
    "testinfra": (),  # tests only
    "pydantic": (BUILDER,),
    "pydantic_core": (BUILDER,),
    "click": (BUILDER + "cli.py", BUILDER + "verbs/"),
    "rich": (BUILDER + "screen.py",),
    "cryptography": (AUTHORITY + "values/primitives.py", BUILDER + "ed25519.py"),
    "shamir_mnemonic": (AUTHORITY + "values/slip39.py",),
    "cbor2": (AUTHORITY + "values/cbor.py",),
}

# Below the doors nothing ambient is read; these are the doors.
# The guard against clocks names them all, and reads none.
DOORS = (
    BUILDER + "clockguard.py",
    BUILDER + "cli.py",
    BUILDER + "screen.py",
    BUILDER + "verbs/",
    AUTHORITY + "front/",
    "build.py",
)
AMBIENT = (
    *("time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.localtime"),
    *("time.gmtime", "time.strftime", "time.ctime", "datetime.datetime.now", "datetime.datetime.utcnow"),
    *("datetime.datetime.today", "datetime.date.today", "os.environ", "os.environb", "os.getenv", "os.getcwd"),
    *("os.getlogin", "os.uname", "os.urandom", "os.getrandom", "pathlib.Path.cwd", "pathlib.Path.home"),
    *("socket.gethostname", "random", "secrets", "uuid", "getpass", "platform", "locale"),
    *("sys.argv", "sys.stdin", "sys.stdout", "sys.stderr", "sys.exit"),
    *("builtins.print", "builtins.input", "builtins.exit", "builtins.quit", "builtins.breakpoint"),
)
AMBIENT_ALLOWED: dict[tuple[str, str], str] = {
    (BUILDER + "machine.py", "time.monotonic"): "a guest is waited for in real time; the clock is a parameter",
    (BUILDER + "accelerator.py", "time.monotonic"): "a guest either speaks within a deadline or the accelerator is bad",
    (BUILDER + "shellline.py", "secrets.token_hex"): "a mark in a serial console's output that nothing may forge",
    (AUTHORITY + "operations/self_test.py", "os.getrandom"): "the kernel's pool is what that check is about",
}

# Other programs are started in one place; the network is reached from one place.
STARTS_PROGRAMS = ("subprocess", "pty", "multiprocessing", "os.system", "os.popen", "os.fork", "os.exec", "os.spawn")
STARTS_ALLOWED: dict[tuple[str, str], str] = {
    ("build.py", "os.execv"): "the door starts itself again with the project's own Python",
}
NETWORK = ("socket", "ssl", "http", "ftplib", "urllib.request", "urllib.error", "xmlrpc", "asyncio")
NETWORK_ALLOWED: dict[str, str] = {
    BUILDER + "web.py": "what fetch reaches it through; lock has apt do it",
    BUILDER + "machine.py": "Unix sockets to the machine's serial line",
    BUILDER + "qmp.py": "a Unix socket to the machine's monitor",
    AUTHORITY + "storage/helper.py": "a Unix socket to the image's own root helper",
    AUTHORITY + "storage/errands.py": "the Unix socket between the operator's console and the authority",
}

FLOORS = ("contract", "values", "storage", "operations", "front")
# values/ turns bytes into values and back: it needs none of these.
IMPURE = ("os", "io", "sys", "time", "random", "secrets", "datetime", "shutil", "tempfile", "socket", "pathlib", "glob")
WRITES = (
    *("write_text", "write_bytes", "mkdir", "makedirs", "unlink", "rmdir", "rename", "symlink_to", "hardlink_to"),
    *("touch", "chmod", "chown", "truncate", "rmtree", "copyfile", "copytree", "fsync", "mkfifo", "mknod", "open"),
)
WRITES_ALLOWED: dict[tuple[str, str], str] = {
    (AUTHORITY + "front/terminal.py", "open"): "the terminal, to ask on",
    (AUTHORITY + "front/cli.py", "open"): "/dev/null takes stdout's place after it failed",
    (AUTHORITY + "front/serving.py", "open"): "/dev/null takes stdout's place after it failed",
    (AUTHORITY + "front/errand.py", "open"): "the terminal, for the authority to ask on",
}

MOST_LINES = 450
LONGER_ALLOWED: dict[str, str] = {}

# In pieces, so that this file does not contain what it forbids.
FORBIDDEN_WORDS = tuple(
    "".join(pieces)
    for pieces in (
        *(("deb.", "debian.org"), ("security.", "debian.org"), ("snapshot.", "debian.org"), ("ftp.", "debian.org")),
        *(
            ("archive.", "ubuntu.com"),
            ("security.", "ubuntu.com"),
            ("files.python", "hosted.org"),
            ("/wo", "rk/shared"),
        ),
        *(("pypi.", "org"), ("/t", "mp/v/"), ("/.py", "env/")),
    )
)


@dataclass(frozen=True)
class Module:
    """One Python file: its path from the house's root and its text."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    def at(self, node: ast.AST, words: str) -> str:
        """A problem, as an editor can jump to it."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {words}"

    def imports(self) -> Iterator[tuple[ast.stmt, str]]:
        """Every imported thing by its full name, wherever in the module it is imported."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from ((node, f"{'.' * node.level}{node.module or ''}.{alias.name}") for alias in node.names)

    def uses(self) -> Iterator[tuple[ast.AST, str]]:
        """Every name and attribute that is used, by the full name that its import gives it."""
        known = {name: f"builtins.{name}" for name in dir(builtins)}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                known |= {
                    a.asname or a.name.split(".")[0]: a.name if a.asname else a.name.split(".")[0] for a in node.names
                }
            elif isinstance(node, ast.ImportFrom):
                known |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute | ast.Name) and (name := _dotted(node, known)):
                yield node, name


def _dotted(node: ast.AST, known: dict[str, str]) -> str | None:
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Attribute) and (base := _dotted(node.value, known)):
        return f"{base}.{node.attr}"
    return None


def is_under(name: str, homes: tuple[str, ...]) -> bool:
    """Whether a path is one of `homes` or lies in one that ends with a slash."""
    return any(name == home or (home.endswith("/") and name.startswith(home)) for home in homes)


def is_of(name: str, parents: tuple[str, ...]) -> bool:
    """Whether a dotted name is one of `parents` or belongs to one."""
    return any(name == parent or name.startswith(f"{parent}.") for parent in parents)


def check_docstring(module: Module) -> list[str]:
    if ast.get_docstring(module.tree):
        return []
    return [f"{module.path}:1: say in one sentence what this module is for (a docstring on its first line)"]


def check_length(module: Module) -> list[str]:
    lines = module.text.count("\n")
    if lines <= MOST_LINES or module.path in LONGER_ALLOWED:
        return []
    return [f"{module.path}: {lines} lines: look for the second idea hiding in it, and give it a module"]


def check_homes(module: Module) -> list[str]:
    """A third-party package is imported in its home only, so that it can be replaced there."""
    problems = []
    for node, name in module.imports():
        top = name.split(".")[0]
        if name.startswith("."):
            problems.append(module.at(node, "import by the full name, not relatively: the rules are read off it"))
        elif top in sys.stdlib_module_names or top in ("asl_image", "asl_authority"):
            continue
        elif top not in HOMES:
            problems.append(module.at(node, f"{top} is new here: do we need it? Then give it a home in HOMES"))
        elif not is_under(module.path, HOMES[top]):
            homes = ", ".join(HOMES[top]) or "tests"
            problems.append(module.at(node, f"{top} lives in {homes}; call what that module offers"))
    return problems


def check_seam(module: Module) -> list[str]:
    """The two programs share the contract and nothing else."""
    problems = []
    for node, name in module.imports():
        if module.path.startswith(BUILDER) and is_of(name, ("asl_authority",)):
            if not is_of(name, ("asl_authority.contract",)):
                problems.append(module.at(node, "the builder may import asl_authority.contract only"))
        elif module.path.startswith(AUTHORITY) and is_of(name, ("asl_image",)):
            problems.append(module.at(node, "the authority does not know its builder; share by asl_authority.contract"))
        elif module.path.startswith(AUTHORITY + "contract/") and is_of(name, ("asl_authority",)):
            problems.append(module.at(node, "a module of the contract imports nothing of ours"))
    return problems


def check_floors(module: Module) -> list[str]:
    """front > operations > storage > values > contract: a module imports its own floor and those below."""
    here = _floor(module.path.removeprefix(AUTHORITY).removesuffix(".py").split("/")[0])
    if not module.path.startswith(AUTHORITY) or here is None:
        return []
    problems = []
    for node, name in module.imports():
        parts = name.split(".")
        # `from asl_authority import contract` and `from asl_authority.values.x import y` alike.
        there = _floor(parts[1]) if parts[0] == "asl_authority" and len(parts) > 1 else None
        if there is not None and there > here:
            problems.append(module.at(node, f"{FLOORS[here]} must not know {FLOORS[there]}: hand it in from above"))
    return problems


def _floor(name: str) -> int | None:
    return FLOORS.index(name) if name in FLOORS else 0 if name == "errors" else None


def check_values_are_pure(module: Module) -> list[str]:
    if not module.path.startswith(AUTHORITY + "values/"):
        return []
    return [
        module.at(node, f"{name}: values/ has no files, clock or randomness; take bytes or the value as an argument")
        for node, name in module.imports()
        if is_of(name, IMPURE) and name != "pathlib.PurePosixPath"
    ]


def check_ambient(module: Module) -> list[str]:
    """Clock, environment, terminal, randomness and current directory come in as arguments."""
    if is_under(module.path, DOORS):
        return []
    return [
        module.at(node, f"{name}: read it at the door and pass it in, or allow it in AMBIENT_ALLOWED with the reason")
        for node, name in module.uses()
        if is_of(name, AMBIENT) and name not in sys.stdlib_module_names
        if (module.path, name) not in AMBIENT_ALLOWED
    ]


def check_programs_and_network(module: Module) -> list[str]:
    problems = []
    for node, name in (*module.imports(), *module.uses()):
        if (is_of(name, STARTS_PROGRAMS) or name.startswith(("os.exec", "os.spawn"))) and (
            (module.path, name) not in STARTS_ALLOWED
        ):
            problems.append(module.at(node, f"{name}: hand a Command to the Runner; other programs start in runner.py"))
        if is_of(name, NETWORK) and module.path not in NETWORK_ALLOWED:
            problems.append(module.at(node, f"{name}: only lock and fetch have a network, through web.py"))
    return sorted(set(problems))


def check_writes(module: Module) -> list[str]:
    """In the authority only storage/ writes; `open` and its like are not called elsewhere."""
    if not module.path.startswith(AUTHORITY) or module.path.startswith(AUTHORITY + "storage/"):
        return []
    problems = []
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
        if name in WRITES and (module.path, name) not in WRITES_ALLOWED:
            problems.append(module.at(node, f"{name}: only storage/ touches files; give it a function there"))
    return problems


def check_words(name: str, text: str, words: tuple[str, ...]) -> list[str]:
    """No mirror's host name and no path of somebody's machine stands in the project."""
    return [
        f"{name}:{number}: {word}: take it from the host's configuration or an option"
        for number, line in enumerate(text.splitlines(), 1)
        for word in words
        if word in line
    ]


RULES: tuple[Callable[[Module], list[str]], ...] = (
    check_docstring,
    check_length,
    check_homes,
    check_seam,
    check_floors,
    check_values_are_pure,
    check_ambient,
    check_programs_and_network,
    check_writes,
)


@cache
def project_files() -> tuple[str, ...]:
    """Every file that is or will be tracked, from the house's root."""
    argv = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(argv, cwd=HOUSE, capture_output=True, check=True).stdout.decode().split("\0")
    return tuple(sorted(name for name in set(listed) if name and (HOUSE / name).is_file()))


def modules() -> list[Module]:
    """The two programs' own modules; tests may do what they like."""
    inside = (BUILDER, AUTHORITY, "build.py")
    names = [n for n in project_files() if n.endswith(".py") and (is_under(n, inside))]
    return [Module(name, (HOUSE / name).read_text("utf-8")) for name in names]


def text_of(name: str) -> str:
    """The text of a file, or nothing when it is not text."""
    try:
        return (HOUSE / name).read_text("utf-8")
    except UnicodeDecodeError:
        return ""


def report(problems: list[str]) -> None:
    assert not problems, "\n" + "\n".join(problems)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_module_keeps_the_rule(rule: Callable[[Module], list[str]]) -> None:
    report([problem for module in modules() for problem in rule(module)])


def test_every_test_module_says_what_it_is_for() -> None:
    tests = [n for n in project_files() if n.startswith("tests/") and n.endswith(".py")]
    report([p for n in tests if text_of(n).strip() for p in check_docstring(Module(n, text_of(n)))])


def test_no_mirror_and_no_path_of_a_machine_stands_in_a_file() -> None:
    words = (*FORBIDDEN_WORDS, *([f"{HOUSE}/"] if len(HOUSE.parts) > 2 else []))
    report([problem for name in project_files() for problem in check_words(name, text_of(name), words)])


def test_every_exception_to_a_rule_is_still_needed() -> None:
    by_path = {module.path: module for module in modules()}
    stale = [f"LONGER_ALLOWED: {p}" for p in LONGER_ALLOWED if by_path[p].text.count("\n") <= MOST_LINES]
    stale += [f"NETWORK_ALLOWED: {p}" for p in NETWORK_ALLOWED if p not in by_path]
    for table, title in ((AMBIENT_ALLOWED, "AMBIENT_ALLOWED"), (STARTS_ALLOWED, "STARTS_ALLOWED")):
        for path, name in table:
            used = path in by_path and name in {use for _, use in by_path[path].uses()}
            stale += [] if used else [f"{title}: {path} no longer uses {name}; take the line out"]
    report(stale)


def test_both_programs_end_by_the_same_table() -> None:
    names = {errors.ConfigError: ExitStatus.USAGE, errors.ProgramFailed: ExitStatus.PROGRAM_FAILED}
    names |= {errors.Aborted: ExitStatus.ABORTED, errors.Busy: ExitStatus.BUSY, errors.Refused: ExitStatus.REFUSED}
    names |= {errors.IoFailed: ExitStatus.IO_FAILED, errors.CheckFailed: ExitStatus.CHECK_FAILED}
    names |= {errors.UnlockFailed: ExitStatus.UNLOCK_FAILED}

    assert {kind: kind.status for kind in errors.AslImageError.__subclasses__()} == names


def test_every_hook_says_what_it_is_for_and_resolves() -> None:
    hooks = sorted(path for path in HOOKS.iterdir() if path.is_dir()) if HOOKS.is_dir() else []
    report([f"{h}: no README.rst: say what it does and why no overlay could" for h in hooks if not readme(h)])
    if hooks and needs_module("diskimage_builder"):
        from asl_image.hooks import hook_names, load_hooks

        assert set(load_hooks(hook_names(HOOKS), HOOKS).elements) == {hook.name for hook in hooks}


def readme(hook: Path) -> bool:
    return (hook / "README.rst").is_file()


def must_have(found: bool, tool: str) -> bool:
    """True when `tool` is here; without it the test is skipped at home and fails in CI."""
    if not found and os.environ.get("CI") == "true":
        pytest.fail(f"{tool} is missing; `make setup` installs it")
    if not found:
        pytest.skip(f"{tool} is missing; `make setup` installs it")
    return True


def needs_module(name: str) -> bool:
    return must_have(importlib.util.find_spec(name) is not None, name)


def judge(*argv: str) -> None:
    done = subprocess.run(argv, cwd=HOUSE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"\n{' '.join(argv[:4])}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("arguments", [("check",), ("format", "--check")], ids=" ".join)
def test_ruff_finds_nothing(arguments: tuple[str, ...]) -> None:
    needs_module("ruff")
    judge(sys.executable, "-m", "ruff", *arguments, "--quiet", ".")


def test_mypy_finds_nothing() -> None:
    needs_module("mypy")
    roots = [name for name in ("build.py", "src", "authority/src", "tests") if (HOUSE / name).exists()]
    judge(sys.executable, "-m", "mypy", "--no-error-summary", *roots)


def test_shellcheck_finds_nothing() -> None:
    scripts = [name for name in project_files() if re.match(r"#!.*\b(ba|da)?sh\b", text_of(name))]
    if scripts and must_have(shutil.which("shellcheck") is not None, "shellcheck"):
        judge("shellcheck", "--external-sources", *scripts)


def dib_lint(elements: Path, empty: Path) -> subprocess.CompletedProcess[str]:
    """What diskimage-builder's own checker says of a folder of elements; it needs `python` on PATH."""
    programs = Path(sys.executable).parent
    must_have((programs / "dib-lint").exists(), "diskimage-builder")
    env = {"PATH": f"{programs}:/usr/bin:/bin", "ELEMENTS_DIR": str(elements), "LIB_DIR": str(empty)}
    return subprocess.run([programs / "dib-lint"], cwd=HOUSE, env=env, capture_output=True, text=True, check=False)


def test_dib_lint_finds_nothing_in_our_hooks(tmp_path: Path) -> None:
    done = dib_lint(HOOKS, tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr


def test_dib_lint_finds_a_hook_that_goes_on_after_a_mistake(tmp_path: Path) -> None:
    script = tmp_path / "asl-x" / "install.d" / "10-x"
    script.parent.mkdir(parents=True)
    script.write_text("#!/bin/bash\ntrue\n", "utf-8")

    done = dib_lint(tmp_path, tmp_path)

    assert done.returncode != 0
    assert "is not set -e" in done.stdout
    assert "lacks a README.rst" in done.stdout


BAD: tuple[tuple[Callable[[Module], list[str]], str, str], ...] = (
    (check_docstring, BUILDER + "x.py", "import os"),
    (check_length, BUILDER + "x.py", "x = 1\n" * (MOST_LINES + 1)),
    (check_homes, BUILDER + "x.py", "import sh"),
    (check_homes, BUILDER + "x.py", "def f():\n    from jinja2 import Template"),
    (check_homes, BUILDER + "steps/x.py", "import yaml as y"),
    (check_homes, BUILDER + "hooksy.py", "import diskimage_builder.paths"),
    (check_homes, BUILDER + "x.py", "import testinfra"),
    (check_homes, AUTHORITY + "values/x.py", "import pydantic"),
    (check_homes, BUILDER + "x.py", "import requests"),
    (check_homes, BUILDER + "x.py", "from . import runner"),
    (check_seam, BUILDER + "x.py", "from asl_authority import errors"),
    (check_seam, BUILDER + "x.py", "import asl_authority.front.cli"),
    (check_seam, AUTHORITY + "storage/x.py", "import asl_image"),
    (check_seam, AUTHORITY + "contract/__init__.py", "from asl_authority import __version__"),
    (check_seam, AUTHORITY + "contract/x.py", "from asl_authority.values import finding"),
    (check_floors, AUTHORITY + "values/x.py", "from asl_authority.storage import paths"),
    (check_floors, AUTHORITY + "operations/x.py", "from asl_authority import front"),
    (check_floors, AUTHORITY + "errors.py", "import asl_authority.values.finding"),
    (check_values_are_pure, AUTHORITY + "values/x.py", "from pathlib import Path"),
    (check_values_are_pure, AUTHORITY + "values/x.py", "def f():\n    import os.path"),
    (check_ambient, BUILDER + "x.py", "from datetime import datetime as d\nd.now()"),
    (check_ambient, BUILDER + "x.py", "import datetime\nx = datetime.datetime.now()"),
    (check_ambient, BUILDER + "x.py", "from os import environ\nx = environ['A']"),
    (check_ambient, BUILDER + "x.py", "from pathlib import Path\nPath.cwd()"),
    (check_ambient, BUILDER + "x.py", "print('x')"),
    (check_ambient, BUILDER + "x.py", "import sys\nsys.exit(1)"),
    (check_ambient, AUTHORITY + "operations/x.py", "import random as r\nr.random()"),
    (check_programs_and_network, BUILDER + "x.py", "import subprocess"),
    (check_programs_and_network, BUILDER + "x.py", "import os\nos.execv('/bin/true', [])"),
    (check_programs_and_network, BUILDER + "x.py", "from urllib.request import urlopen"),
    (check_writes, AUTHORITY + "operations/x.py", "def f(p):\n    p.write_bytes(b'')"),
    (check_writes, AUTHORITY + "values/x.py", "open('x')"),
)


@pytest.mark.parametrize(("rule", "path", "text"), BAD)
def test_a_module_that_breaks_the_rule_is_named(rule: Callable[[Module], list[str]], path: str, text: str) -> None:
    assert [problem.split(":")[0] for problem in rule(Module(path, text))] == [path]


GOOD: tuple[tuple[str, str], ...] = (
    (BUILDER + "runner.py", '"""."""\nimport sh'),
    (BUILDER + "verbs/x.py", '"""."""\nimport click\nimport os\nos.environ'),
    (BUILDER + "x.py", '"""."""\nfrom asl_authority import contract\nfrom asl_authority.contract import TOOLS\n'),
    (BUILDER + "x.py", '"""."""\nfrom datetime import datetime, UTC\ndatetime.fromtimestamp(0, UTC)\nself.print(1)'),
    (BUILDER + "x.py", '"""."""\nfrom urllib.parse import quote\nimport time\ntime.sleep(1)'),
    (
        AUTHORITY + "values/x.py",
        '"""."""\nfrom pathlib import PurePosixPath\nfrom asl_authority import contract, errors',
    ),
    (AUTHORITY + "storage/x.py", '"""."""\nimport os\nos.unlink("x")\nfrom asl_authority.values import finding'),
    (AUTHORITY + "front/x.py", '"""."""\nimport sys\nsys.exit(0)\nfrom asl_authority.operations import status'),
)


@pytest.mark.parametrize(("path", "text"), GOOD)
def test_a_module_that_keeps_the_rules_is_left_alone(path: str, text: str) -> None:
    assert [problem for rule in RULES for problem in rule(Module(path, text))] == []


def test_a_forbidden_word_is_found_with_its_line() -> None:
    word = FORBIDDEN_WORDS[0]

    assert check_words("a", f"x\nhttp://{word}/debian\n", FORBIDDEN_WORDS)[0].startswith(f"a:2: {word}")
    assert check_words("a", "a mirror of your own\n", FORBIDDEN_WORDS) == []
