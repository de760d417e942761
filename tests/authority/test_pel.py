"""PEL: a program makes the same of the same inputs, and nothing that a program may not do can be said."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from asl_authority.errors import Malformed
from asl_authority.values.pel import FORBIDDEN, Member, Operator, Program, Step, read_program
from asl_authority.values.pel_run import RunLimits, run_program
from asl_authority.values.ustar import read_archive
from support.samples.pel import FIRST, INPUTS, PROGRAM, SMALL, step, with_steps

OUTPUTS = run_program(PROGRAM, INPUTS).outputs


def refused(program: Program, inputs: dict[str, bytes], limits: RunLimits = RunLimits()) -> str:  # noqa: B008
    with pytest.raises(Malformed) as refusal:
        run_program(program, inputs, limits)
    return refusal.value.check_id


def test_each_operator_makes_what_it_says() -> None:
    packed = OUTPUTS["packed.tar"]
    index = json.loads(OUTPUTS["index.json"])

    assert OUTPUTS["digest.txt"] == f"{FIRST}\n".encode()
    assert read_archive(packed).files == {"a/first.txt": b"first\n", "b/empty": b""}
    sealed = json.loads(OUTPUTS["sealed.json"])
    assert (sealed["block_id"], sealed["size"]) == (hashlib.sha256(packed).hexdigest(), len(packed))
    assert [(each["name"], each["size"]) for each in index["entries"]] == [("a/first.txt", 6), ("b/empty", 0), ("c", 5)]


def test_sha256sum_checks_what_a_program_snapshots(tmp_path: Path) -> None:
    for name, data in (("a/first.txt", b"first\n"), ("b/empty", b"")):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(data)

    argv = ["sha256sum", "--check", "--strict", "-"]
    subprocess.run(argv, cwd=tmp_path, input=OUTPUTS["snapshot.blocks"], check=True, capture_output=True)


def test_the_same_program_and_inputs_give_the_same_outputs_and_trace() -> None:
    program = read_program(PROGRAM.to_bytes())
    backwards = dict(reversed(INPUTS.items()))

    assert run_program(program, backwards) == run_program(PROGRAM, INPUTS)
    assert run_program(program, INPUTS).program_id == hashlib.sha256(PROGRAM.to_bytes()).hexdigest()


def test_the_inputs_are_those_that_the_program_ingests() -> None:
    extra = hashlib.sha256(b"extra").hexdigest()

    assert refused(SMALL, {}) == "PEL-INPUTS"
    assert refused(SMALL, {FIRST: b"first\n", extra: b"extra"}) == "PEL-INPUTS"
    assert refused(SMALL, {FIRST: b"swapped"}) == "PEL-INPUTS"
    assert run_program(SMALL, {FIRST: b"first\n"}).outputs == {"a": b"first\n"}


@pytest.mark.parametrize("word", FORBIDDEN)
def test_what_no_program_may_do_is_named_with_the_reason(word: str) -> None:
    with pytest.raises(Malformed, match=word) as refusal:
        read_program(with_steps(step(word, value="a")))

    assert refusal.value.check_id == "PEL-FORBIDDEN"
    assert FORBIDDEN[word] in str(refusal.value)


def test_a_program_that_grows_is_stopped_before_the_memory_is_taken() -> None:
    def doubled(n: int) -> Step:
        members = tuple(Member(f"{copy:04}", f"v{n}") for copy in range(64))
        return Step(Operator.PACK, members, f"v{n + 1}")

    bomb = Program((Step(Operator.INGEST, FIRST, "v0"), *(doubled(n) for n in range(20))), (Member("x", "v20"),))

    assert refused(bomb, {FIRST: b"first\n"}) == "PEL-LIMIT-BYTES"
    assert refused(bomb, {FIRST: b"first\n"}, RunLimits(steps=100, size=1 << 60)) == "PEL-LIMIT-STEPS"


def test_limits_count_what_is_read_and_made_to_the_step() -> None:
    steps = len(PROGRAM.steps) + sum(len(each.uses) for each in PROGRAM.steps)

    assert run_program(PROGRAM, INPUTS, RunLimits(steps=steps)).outputs == OUTPUTS
    assert refused(PROGRAM, INPUTS, RunLimits(steps=steps - 1)) == "PEL-LIMIT-STEPS"


def test_a_program_of_as_many_steps_as_a_run_takes_is_read() -> None:
    def lists(count: int) -> Program:
        members = tuple(Member(f"m{n:04}", "v") for n in range(3998))
        steps = tuple(Step(Operator.SNAPSHOT, members, f"v{n}") for n in range(count))
        return Program((Step(Operator.INGEST, FIRST, "v"), *steps), (Member("x", f"v{count - 1}"),))

    most = read_program(lists(5).to_bytes())

    assert run_program(most, {FIRST: b"first\n"}).outputs
    assert refused(read_program(lists(6).to_bytes()), {FIRST: b"first\n"}) == "PEL-LIMIT-STEPS"


FORMS = {
    Operator.INGEST: some.just(FIRST),
    Operator.HASH: some.just("v0"),
    Operator.SEAL: some.just("v0"),
    Operator.PACK: some.just((Member("x", "v0"),)),
    Operator.INDEX: some.just(()),
    Operator.SNAPSHOT: some.just((Member("x", "v0"), Member("y", "v0"))),
}


@given(some.lists(some.sampled_from(Operator).flatmap(lambda o: some.tuples(some.just(o), FORMS[o])), max_size=6))
def test_any_program_is_read_as_it_was_written(forms: list[tuple[Operator, str | tuple[Member, ...]]]) -> None:
    first = Step(Operator.INGEST, FIRST, "v0")
    steps = tuple(Step(operator, operand, f"v{n}") for n, (operator, operand) in enumerate(forms, 1))
    program = replace(SMALL, steps=(first, *steps), outputs=(Member("out", f"v{len(steps)}"),))

    assert read_program(program.to_bytes()) == program
    assert run_program(program, {FIRST: b"first\n"}) == run_program(program, {FIRST: b"first\n"})
