"""The door understands or refuses a command line, and ends with a status of the one table."""

from __future__ import annotations

import errno
import json
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest

from asl_authority import __version__, contract
from asl_authority.contract import ExitStatus
from asl_authority.front import cli
from asl_authority.front.manpage import man_page
from asl_authority.front.parser import EPILOG, load_verbs

SOURCES = Path(cli.__file__).parents[2]


def call(*words: str, machine: Path = Path("/")) -> tuple[ExitStatus, str, str]:
    out, err = StringIO(), StringIO()
    status = cli.run(words, program="asl-auth-host", stdout=out, stderr=err, machine=machine)
    return status, out.getvalue(), err.getvalue()


def test_version_says_the_name_and_the_version() -> None:
    assert call("--version") == (ExitStatus.DONE, f"asl-auth-host {__version__}\n", "")


@pytest.mark.parametrize("words", [("--json", "self-test"), ("self-test", "--json")])
def test_an_option_may_stand_before_or_after_the_verb(words: tuple[str, ...]) -> None:
    status, out, _ = call(*words)

    assert status is ExitStatus.DONE
    assert json.loads(out)["ok"] is True


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("statsu",), "did you mean status?"),
        (("selftest",), "did you mean self-test?"),
        (("quux",), "see: asl-auth-host --help"),
        (("status", "--jsno"), "did you mean --json?"),
        (("--verison",), "did you mean --version?"),
        (("status", "extra"), "'extra': not understood here"),
        ((), "say what to do"),
        (("--root",), "expected one argument"),
        (("status", "--root", "/nonexistent/tree"), "no such directory"),
        (("status", "--machine", "/nonexistent/tree"), "no such directory"),
        (("policy",), "one of: new, check, hash, show"),
        (("policy", "hsah", "x"), "did you mean hash?"),
        (("policy", "hash"), "required: FILE"),
        (("policy", "hash", "/nonexistent/file"), "no such file"),
        (("--completion", "fish"), "invalid choice"),
        (("--js", "status"), "not understood"),
        (("st\x1b[2Jatus",), "\\x1b"),
    ],
)
def test_a_command_line_that_makes_no_sense_ends_with_2_and_a_way_on(words: tuple[str, ...], message: str) -> None:
    status, out, err = call(*words)

    assert status is ExitStatus.USAGE
    assert out == ""
    assert message in err
    assert "\x1b" not in err
    assert "Traceback" not in err


def test_an_error_is_an_object_too_when_one_was_asked_for() -> None:
    status, out, err = call("statsu", "--json")

    answer = json.loads(out)
    assert answer["status"] == status == 2
    assert answer["hint"] == "did you mean status?"
    assert "statsu" in err


@pytest.mark.parametrize(
    "words", [("--version",), ("--help",), ("status",), ("self-test",), ("--man-page",), ("--completion", "bash"), ()]
)
def test_json_is_exactly_one_object_whatever_was_asked(words: tuple[str, ...], tmp_path: Path) -> None:
    status, out, _ = call(*words, "--json", machine=tmp_path)

    answer = json.loads(out)
    assert answer["program"] == "asl-auth-host"
    assert answer["status"] == status


def seal(root: Path, mode: str) -> Path:
    layer = {"name": "base", "root_hash": "01" * 32, "salt": "", "data_blocks": 1}
    state = {
        "image": "02" * 32,
        "mode": mode,
        "medium": "/dev/sr0",
        "layers": [layer],
        "in_memory": True,
        "times_ms": {},
    }
    (root / "run/asl").mkdir(parents=True)
    (root / "run/asl/seal.json").write_text(json.dumps(state), "utf-8")
    return root


def test_a_group_of_verbs_has_its_help(tmp_path: Path) -> None:
    status, out, _ = call("policy", "--help")

    assert status is ExitStatus.DONE
    assert out.startswith("usage: asl-auth-host [options] policy VERB ...\n")
    assert "  policy hash   print the hash of a policy\n" in out
    assert "domain" not in out
    assert json.loads(call("policy", "-h", "--json")[1])["help"] == out
    assert call("status", "--help")[1].startswith("usage: asl-auth-host status [")


def test_another_root_is_refused_on_a_sealed_host(tmp_path: Path) -> None:
    machine = seal(tmp_path / "m", "host")

    assert call("status", "--root", str(tmp_path), machine=machine)[0] is ExitStatus.REFUSED
    assert call("status", "--machine", str(tmp_path), machine=machine)[0] is ExitStatus.REFUSED


def test_another_root_is_refused_when_the_seal_cannot_be_read(tmp_path: Path) -> None:
    machine = seal(tmp_path / "m", "host")
    (machine / "run/asl/seal.json").write_text("{", "utf-8")

    status, out, _ = call("status", "--root", str(tmp_path), machine=machine)

    assert status is ExitStatus.CHECK_FAILED
    assert out == ""


def test_another_root_is_looked_at_in_rehearsal(tmp_path: Path) -> None:
    machine = seal(tmp_path / "m", "rehearsal")

    status, out, _ = call("status", "--machine", str(tmp_path), machine=machine)

    assert status is ExitStatus.CHECK_FAILED  # an empty tree
    assert "Mode        unknown" in out


class Broken(StringIO):
    """An output that fails with `error` at the first word."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def write(self, text: str) -> int:
        raise self.error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KeyboardInterrupt(), ExitStatus.ABORTED),
        (BrokenPipeError(), ExitStatus.IO_FAILED),
        (OSError(28, "No space left on device"), ExitStatus.IO_FAILED),
        (ZeroDivisionError(), ExitStatus.OUR_FAULT),
    ],
)
def test_what_stops_a_verb_half_way_has_its_own_status(error: BaseException, status: ExitStatus) -> None:
    err = StringIO()

    ended = cli.run(["--version"], program="asl-auth-host", stdout=Broken(error), stderr=err)

    assert ended is status
    assert ("Traceback" in err.getvalue()) is (status is ExitStatus.OUR_FAULT)
    assert ("OUR-FAULT" in err.getvalue()) is (status is ExitStatus.OUR_FAULT)


def test_json_is_one_object_too_when_a_file_fails_that_nobody_expected_to() -> None:
    def fail(_: object) -> None:
        raise OSError(errno.EIO, "Input/output error", "some/file")

    out, err = StringIO(), StringIO()
    words = ["self-test", "--json"]
    status = cli.run(words, program="asl-auth-host", stdout=out, stderr=err, heard=fail)

    assert status is ExitStatus.IO_FAILED
    assert json.loads(out.getvalue())["error"] == "some/file: Input/output error"


def test_an_output_that_fails_is_not_told_so_once_more() -> None:
    err, full = StringIO(), Broken(OSError(errno.ENOSPC, "No space left on device"))

    for words in (["--version"], ["self-test"]):
        status = cli.run([*words, "--json"], program="asl-auth-host", stdout=full, stderr=err)
        assert status is ExitStatus.IO_FAILED
    assert err.getvalue().count("asl-auth-host: INPUT-OUTPUT: output: No space left on device\n") == 2
    assert err.getvalue().count("\n") == 4


def test_a_full_disk_under_stdout_ends_with_8_and_without_a_traceback() -> None:
    with Path("/dev/full").open("wb") as full:
        done = start("--version", stdout=full)

    assert done.returncode == 8
    assert b"Traceback" not in done.stderr


START = f"import sys; sys.path.insert(0, {str(SOURCES)!r}); from asl_authority.front.cli import start; start()"


def test_it_ends_as_it_should_though_nobody_listens_to_its_errors() -> None:
    argv = [sys.executable, "-I", "-c", START]
    closed = ["sh", "-c", 'exec "$@" 2>&-', "sh", *argv, "--version"]
    done = subprocess.run(closed, capture_output=True, check=False)

    assert (done.returncode, done.stdout) == (0, f"asl-auth-host {__version__}\n".encode())


def start(*words: str, stdout: object = subprocess.PIPE) -> subprocess.CompletedProcess[bytes]:
    """Run the program as its own process."""
    argv = [sys.executable, "-I", "-c", START, *words]
    return subprocess.run(argv, stdout=stdout, stderr=subprocess.PIPE, check=False)  # type: ignore[call-overload, no-any-return]


def test_a_start_for_the_version_loads_no_cryptography_and_no_dataclasses() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(SOURCES)!r}); sys.argv = ['x', '--version']\n"
        "from asl_authority.front.cli import main; main()\n"
        "print(*sorted({'cryptography', 'dataclasses', 'json', 'hashlib'} & sys.modules.keys()))"
    )

    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines() == [f"asl-auth-host {__version__}", ""]


def test_the_program_answers_by_each_of_its_names() -> None:
    assert cli._program("/asl-auth-host/tools/asl-admin") == "asl-admin"
    assert cli._program("-c") == "asl-auth-host"


def test_help_names_every_verb_and_every_exit_status() -> None:
    text = " ".join(call("--help")[1].split())

    assert all(verb.summary in text for verb in load_verbs())
    assert max(map(len, call("--help")[1].splitlines())) < 80
    assert call("--help")[1].isascii()
    assert all(f"{int(status)} " in EPILOG for status in ExitStatus)
    assert EPILOG in text


def test_the_manual_page_is_good_roff_and_names_every_verb() -> None:
    page = man_page()

    assert page.startswith(".TH ASL-AUTH-HOST 1 ")
    assert all(verb.name.replace("-", "\\-") in page for verb in load_verbs())
    assert all(f"\\-\\-{word}" in page for word in ("man\\-page", "completion"))
    macros = {line.split(" ")[0] for line in page.splitlines() if line.startswith((".", "'"))}
    assert macros <= {".TH", ".SH", ".TP", ".PP", ".B", ".I", ".RS", ".RE"}


@pytest.mark.workstation
@pytest.mark.parametrize("words", [(), ("domain", "create"), ("self-test",)], ids=lambda words: "-".join(words))
def test_groff_reads_the_manual_page_and_that_of_a_verb_without_a_complaint(words: tuple[str, ...]) -> None:
    status, page, _ = call(*words, "--man-page")
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww"], input=page.encode(), capture_output=True, check=False)

    assert (status, done.returncode, done.stderr) == (ExitStatus.DONE, 0, b"")
    read = re.sub(rb"\x1b\[\d+m|.\x08", b"", done.stdout)
    assert b"EXIT STATUS" in read
    assert " ".join(("asl-auth-host", *words)).encode() in read


def test_help_says_how_to_have_manual_page_and_completion() -> None:
    assert all(f"  {word} " in call("--help")[1] for word in ("--man-page", "--completion bash", "--version"))


def test_every_path_of_the_contract_is_absolute_and_the_layout_is_the_papers() -> None:
    assert [path.name for path in contract.LAYOUT] == ["host", "domains", "env-claims", "sops-bundles", "tools"]
    assert str(contract.tool_directory("sops", "3.11.0")) == "/asl-auth-host/tools/versions/sops-3.11.0"
    assert str(contract.tool_link("sops")) == "/asl-auth-host/tools/sops"


@pytest.mark.parametrize(
    "at", ["machine/asl-auth-host/p.yaml", "machine/asl-auth-host/../asl-auth-host/p.yaml", "link/p.yaml"]
)
def test_nothing_is_put_into_the_store_by_naming_a_place_in_it(tmp_path: Path, at: str) -> None:
    machine = tmp_path / "machine"
    (machine / "asl-auth-host").mkdir(parents=True)
    (tmp_path / "link").symlink_to(machine / "asl-auth-host")
    said = StringIO()

    words = ["policy", "new", "--output", str(tmp_path / at)]
    status = cli.run(words, program="asl-auth-host", stdout=said, stderr=said, machine=machine)

    assert status is ExitStatus.REFUSED
    assert "nothing is put by hand" in said.getvalue()
    assert list((machine / "asl-auth-host").iterdir()) == []
