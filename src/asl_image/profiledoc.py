"""Pages made from the profile model: a profile as YAML, its JSON Schema for editors, and the reference page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from asl_image.profile import Profile
from asl_image.strictmodel import models_in, plain
from asl_image.yamlfile import dump_flow, dump_yaml

FOR_EDITORS = "# yaml-language-server: $schema=profile.schema.json\n"

_HEAD = """\
# Profiles

A profile says what an image is. It is a YAML file, `profiles/NAME.yaml`; `./build.py show NAME` prints it as a whole.

<!-- Made from the models in src/asl_image/profile.py by `./build.py schema --markdown > docs/profile.md`. -->

**One merge rule.** A profile adds to the one that it `extends`: lists add up (what is inherited comes first), and
everything else replaces, key by key. `-item` in a list takes away `item` that was inherited; taking away what is not
there, and naming anything twice, are errors.

**Strict YAML.** Unknown keys and duplicate keys are errors. So are values that readers of YAML disagree about, such as
`on`, `010`, `1:30`, `1.10` or `2026-01-02` without quotes, and anchors, aliases and tags. All problems are told at
once, each with file, line and column.

| key | kind | default | meaning |
|---|---|---|---|
"""


def profile_text(profile: Profile) -> str:
    """The profile as the YAML of a profile that extends nothing; reading it gives the same profile."""
    return FOR_EDITORS + dump_yaml(plain(profile))


def profile_schema() -> dict[str, Any]:
    """The JSON Schema of profile files as they are written: what can be inherited may be left out."""
    schema = Profile.model_json_schema()
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **cast("dict[str, Any]", _as_written(schema))}
    schema["required"] = ["name", "summary"]
    schema["title"] = "Profile of an asl-image"
    return schema


def _as_written(part: object) -> object:
    """`part` of the schema without what holds for whole profiles only."""
    if isinstance(part, list):
        return [_as_written(item) for item in part]
    if not isinstance(part, dict):
        return part
    if any(option == {"type": "null"} for option in part.get("anyOf", ())):  # a key is left out, never null
        rest = {key: value for key, value in part.items() if key not in ("anyOf", "default")}
        return {**_as_mapping(_as_written(part["anyOf"][0])), **rest}
    written = {key: _as_written(value) for key, value in part.items() if key not in ("required", "minItems")}
    if "pattern" in _as_mapping(written.get("items")):
        item = dict(_as_mapping(written["items"]))
        item["pattern"] = "^-?" + item["pattern"].removeprefix("^")
        written["items"] = item
    return written


def _as_mapping(part: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", part) if isinstance(part, dict) else {}


def profile_reference() -> str:
    """The reference page of profiles, Markdown."""
    return _HEAD + "".join(f"| {' | '.join(row)} |\n" for row in _rows(Profile, profile_schema(), ""))


def _rows(model: type[BaseModel], schema: Mapping[str, Any], above: str) -> Iterator[tuple[str, str, str, str]]:
    definitions = profile_schema()["$defs"]
    for name, about in model.model_fields.items():
        entry = schema["properties"][name]
        meaning = str(about.description)
        if inner := models_in(about.annotation):
            yield f"`{above}{name}`", "mapping", "", meaning
            yield from _rows(inner[0], definitions[inner[0].__name__], f"{above}{name}.")
        else:
            yield f"`{above}{name}`", _kind(entry), _default(about.default, required=about.is_required()), meaning


def _kind(entry: Mapping[str, Any]) -> str:
    if "const" in entry:
        return f"`{entry['const']}`"
    if "enum" in entry:
        return " or ".join(f"`{choice}`" for choice in entry["enum"])
    if entry["type"] == "array":
        return "list"
    if entry["type"] == "integer":
        return f"number, {entry['minimum']} to {entry['maximum']}"
    return "text"


def _default(value: object, *, required: bool) -> str:
    if required or value is PydanticUndefined:
        return "required"
    return "" if value is None else f"`{dump_flow(value)}`"
