"""The rebuild statement: valid by in-toto's own tools and by its schema, one text for one value, strictly read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from jsonschema import Draft202012Validator

from asl_image.builders import load_builders
from asl_image.errors import ConfigError
from asl_image.statement import PREDICATE, parse_statement, statement_schema, statement_text
from support.signers import statement_in

DOCS = Path(__file__).parents[2] / "docs"
SCHEMA = DOCS / "rebuild-1.schema.json"


@pytest.fixture
def text(tmp_path: Path) -> str:
    return statement_in(tmp_path / "x").read_text()


def test_it_is_valid_by_in_toto_s_own_tools(text: str) -> None:
    statement = json_format.ParseDict(json.loads(text), statement_pb2.Statement())
    Statement.copy_from_pb(statement).validate()

    assert statement.predicate_type == PREDICATE


def test_the_published_schema_is_current_and_takes_it(text: str) -> None:
    kept = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(kept)

    assert kept == statement_schema(), "run: ./build.py schema rebuild > docs/rebuild-1.schema.json"
    assert list(Draft202012Validator(kept).iter_errors(json.loads(text))) == []
    assert list(Draft202012Validator(kept).iter_errors({**json.loads(text), "more": 1}))


def test_what_is_written_is_read_and_nothing_else_is(text: str) -> None:
    statement = parse_statement(text, "x")

    assert statement_text(statement) == text
    assert '"time"' not in text


def set_in(whole: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    *way, last = path.split(".")
    inner = whole
    for part in way:
        inner = inner[part]
    inner[last] = value
    return whole


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("_type", "https://in-toto.io/Statement/v0.1", "_type"),
        ("predicateType", "urn:asl-image:rebuild:2", "predicateType"),
        ("predicate.result", "different", "predicate.result"),
        ("predicate.compared", [], "predicate.compared"),
        ("predicate.surroundings.host", "mine", "predicate.surroundings.host"),
        ("predicate.time", "yesterday", "predicate.time"),
        ("subject", [], "subject"),
        ("type", "x", "type"),
    ],
)
def test_another_form_is_refused_by_the_name_of_what_is_odd(text: str, path: str, value: object, said: str) -> None:
    with pytest.raises(ConfigError, match="x: not a rebuild statement") as caught:
        parse_statement(json.dumps(set_in(json.loads(text), path, value)), "x")
    assert any(detail.startswith(said) for detail in caught.value.details)


def test_another_layout_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="not as the builder writes it"):
        parse_statement(json.dumps(json.loads(text)), "x")
    with pytest.raises(ConfigError, match="there twice"):
        parse_statement(text.replace("{", '{"_type": 1, ', 1), "x")


def test_the_example_of_a_builders_file_in_the_documents_is_one(tmp_path: Path) -> None:
    page = (DOCS / "evidence.md").read_text("utf-8")
    example = page[page.index("    format: asl-image.builders/1") :].split("\n\n")[0]
    path = tmp_path / "builders.yaml"
    path.write_text("\n".join(line.removeprefix("    ") for line in example.splitlines()) + "\n")

    assert [builder.name for builder in load_builders(path).builders] == ["alice", "bob"]
