"""The rebuild statement: somebody built an image again and got the same bytes. Writer, reader and schema in one."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from asl_image.errors import ConfigError
from asl_image.jsontext import rendered, strict_value
from asl_image.lock import Locked, ReleaseDate, Sha256, Text

STATEMENT: Literal["https://in-toto.io/Statement/v1"] = "https://in-toto.io/Statement/v1"
PREDICATE: Literal["urn:asl-image:rebuild:1"] = "urn:asl-image:rebuild:1"


class Digest(Locked):
    """SHA-256 and nothing else."""

    sha256: Sha256


class StatementSubject(Locked):
    """A file that the statement is about."""

    name: Text
    digest: Digest


class RebuiltFrom(Locked):
    """The locks of the build."""

    state: Literal["reviewed", "renewed"]
    sha256: Sha256 = Field(description="SHA-256 of the lock file of the image's packages.")
    tools_tree: Sha256 = Field(description="SHA-256 of the lock file of the build's own tools.")


class Surroundings(Locked):
    """Where the rebuild ran, as far as that tells nothing of the person or the machine."""

    user: Literal["root", "ordinary"]
    distribution: Text = Field(description="ID and VERSION_ID of the host's os-release.")
    python: Text


class Rebuild(Locked):
    """The predicate."""

    profile: Text
    result: Literal["equal"] = Field(description="There are no statements of another result.")
    compared: tuple[Text, ...] = Field(
        min_length=1, description="The files that were compared, byte by byte or by SHA-256; all were equal. Sorted."
    )
    builder: Text = Field(description="Version of the builder, which is that of the manifest.")
    lock: RebuiltFrom
    surroundings: Surroundings
    time: ReleaseDate | None = Field(None, description="When, in UTC; only if the person who ran it gave it.")


class RebuildStatement(Locked):
    """An in-toto Statement v1; its subjects are the ISO and its manifest, in this order."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    type: Literal["https://in-toto.io/Statement/v1"] = Field(STATEMENT, alias="_type")
    subject: tuple[StatementSubject, StatementSubject]
    predicate_type: Literal["urn:asl-image:rebuild:1"] = Field(PREDICATE, alias="predicateType")
    predicate: Rebuild

    @property
    def iso(self) -> str:
        """SHA-256 of the ISO."""
        return self.subject[0].digest.sha256

    @property
    def manifest(self) -> str:
        """SHA-256 of the manifest."""
        return self.subject[1].digest.sha256


def statement_text(statement: RebuildStatement) -> str:
    """The one text of a statement."""
    return rendered(statement.model_dump(mode="json", exclude_none=True))


def parse_statement(text: str, name: str) -> RebuildStatement:
    """The statement in a text that a person knows as `name`. Raises ConfigError."""
    try:
        strict_value(text)
        statement = RebuildStatement.model_validate_json(text, by_name=False, by_alias=True)
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise ConfigError(f"{name}: not a rebuild statement ({PREDICATE})", details=tuple(problems)) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{name}: not a rebuild statement: {error}") from None
    if statement_text(statement) != text:
        raise ConfigError(f"{name}: says what a rebuild statement may say, but not as the builder writes it")
    return statement


def statement_schema() -> dict[str, Any]:
    """The JSON Schema of this version of the form."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **RebuildStatement.model_json_schema(),
        "title": PREDICATE,
    }
