"""From YAML with places to a typed, frozen value: the one merge rule, and every mistake said with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError
from pydantic_core import ErrorDetails

from asl_image.errors import did_you_mean
from asl_image.yamlfile import KeyPath, Node, Place, Plain, Problem, raise_problems, scan_yaml


@dataclass(frozen=True)
class Origin:
    """The YAML that a value was made from; two values are equal whatever files they came from."""

    node: Node | None = field(default=None, compare=False, repr=False)


class Strict(BaseModel):
    """A value that is frozen, takes nothing for something else, and refuses keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    _origin: Origin = PrivateAttr(default_factory=Origin)

    def place(self, *path: str) -> Place | None:
        """Where the value of a key stands: `place("boot", "timeout_s")`, or an item of a list by its text:
        `place("packages", "bash")`. The nearest place on the way when the key was left to its default; None
        for a value that was not read from a file.
        """
        if self._origin.node is None:
            return None
        node = self._origin.node
        for part in path:
            match node.value:
                case dict() as mapping if part in mapping:
                    node = mapping[part]
                case list() as items:
                    node = next((item for item in items if item.value == part), node)
                case _:
                    break
        return node.place


Model = TypeVar("Model", bound=Strict)


def load_model(model: type[Model], file: Path) -> Model:
    """Read one file into `model`. Raises ConfigError with every problem of the file."""
    node, problems = scan_yaml(file)
    value = validated(model, merged(None, node, problems), problems)
    raise_problems(str(file), problems)
    assert value is not None  # noqa: S101 - without a value there is a problem
    return value


def merged(parent: Node | None, child: Node, problems: list[Problem], path: KeyPath = ()) -> Node:
    """The one merge rule: lists add up (parent first, `-item` removes), mappings key by key, all else replaces."""
    over = parent.value if parent is not None else None
    match child.value:
        case dict() as mapping:
            inherited = over if isinstance(over, dict) else {}
            both = dict(inherited)
            for key, node in mapping.items():
                both[key] = merged(inherited.get(key), node, problems, (*path, key))
            return Node(both, child.place, child.key_place)
        case list() as items:
            inherited_items = over if isinstance(over, list) else []
            return Node(_added_up(inherited_items, items, problems, path), child.place, child.key_place)
    return child


def _added_up(inherited: list[Node], items: list[Node], problems: list[Problem], path: KeyPath) -> list[Node]:
    kept = list(inherited)
    added: list[Node] = []
    known = [str(node.value) for node in inherited if isinstance(node.value, str)]
    for item in items:
        if isinstance(item.value, str) and item.value.startswith("-"):
            name = item.value.removeprefix("-")
            left = [node for node in kept if node.value != name]
            if len(left) == len(kept):
                why = f"{item.value}: nothing inherited is called '{name}'{did_you_mean(name, known)}"
                problems.append(Problem(item.place, why, path))
            kept = left
        else:
            added.append(merged(None, item, problems, path))
    seen: dict[str, Place] = {str(node.value): node.place for node in kept if isinstance(node.value, str)}
    for item in added:
        if isinstance(item.value, str):
            if item.value in seen:
                problems.append(Problem(item.place, f"{item.value}: already named in {seen[item.value]}", path))
            seen.setdefault(item.value, item.place)
    return kept + added


def validated(model: type[Model], node: Node, problems: list[Problem], *, whole: bool = True) -> Model | None:
    """`node` as a `model`, or None with what is wrong added to `problems`.

    A place that already has a problem gets no second one. With `whole` false nothing is said of missing keys.
    """
    try:
        value = model.model_validate(_with_tuples(node.plain()))
    except ValidationError as error:
        known = {problem.place for problem in problems}
        for detail in error.errors(include_url=False):
            problem = _problem(model, node, detail)
            if problem.place not in known and (whole or detail["type"] != "missing"):
                problems.append(problem)
        return None
    value._origin = Origin(node)  # noqa: SLF001 - the one place that fills it
    return value


def _with_tuples(value: Plain) -> Any:
    if isinstance(value, list):
        return tuple(_with_tuples(item) for item in value)
    if isinstance(value, dict):
        return {key: _with_tuples(item) for key, item in value.items()}
    return value


def _problem(model: type[Strict], root: Node, detail: ErrorDetails) -> Problem:
    path = _path_in(root, detail["loc"])
    node = root.at(path)
    match detail["type"]:
        case "missing":
            return Problem(root.at(path[:-1]).place, "missing", path)
        case "extra_forbidden":
            return Problem(node.key_place, f"unknown key{_meant(model, path)}", path)
        case _ if detail["loc"][-1:] == ("[key]",):  # pydantic's way to speak of a key
            return Problem(node.key_place, _wording(detail), path[:-1])
        case _:
            return Problem(node.place, _wording(detail), path)


def _path_in(root: Node, location: tuple[int | str, ...]) -> KeyPath:
    """`location` without the names that pydantic puts in for the members of a union."""
    path: KeyPath = ()
    for index, part in enumerate(location):
        value = root.at(path).value
        is_key = (isinstance(value, dict) and part in value) or (isinstance(value, list) and isinstance(part, int))
        if is_key or index == len(location) - 1:
            path = (*path, part)
    return path


def _wording(detail: ErrorDetails) -> str:
    given = detail["input"]
    shown = f"'{given}'" if isinstance(given, str) else str(given).lower() if isinstance(given, bool) else str(given)
    match detail["type"]:
        case "literal_error" | "union_tag_invalid":
            context = detail.get("ctx", {})
            choices = re.findall(r"'([^']*)'", str(context.get("expected") or context.get("expected_tags")))
            meant = did_you_mean(given, choices) if isinstance(given, str) else ""
            return f"{shown if isinstance(given, str) else 'this'} is not one of: {', '.join(choices)}{meant}"
        case "value_error":
            return str(detail.get("ctx", {}).get("error", detail["msg"]))
        case "string_type":
            return "text is expected here" if isinstance(given, (tuple, dict)) else f"{shown} is not text: quote it"
        case "int_type":
            return f"a whole number is expected, not {shown}"
        case "bool_type":
            return f"true or false is expected, not {shown}"
        case "tuple_type":
            return "a list is expected here ([a, b], or one '- item' a line)"
        case "model_type" | "dict_type" | "model_attributes_type":
            return "a mapping (key: value) is expected here"
        case "union_tag_not_found":
            return "the key 'kind' is missing"
    return f"{shown}: {detail['msg'][:1].lower()}{detail['msg'][1:]}"


def _meant(model: type[Strict], path: KeyPath) -> str:
    """What an unknown key may have been meant to be: a neighbour, or a key of that name elsewhere."""
    word = str(path[-1])
    neighbours = [key for parent, key in _keys(model) if parent == tuple(p for p in path[:-1] if isinstance(p, str))]
    if near := did_you_mean(word, neighbours):
        return near
    elsewhere = [".".join((*parent, key)) for parent, key in _keys(model) if key == word]
    return f" (did you mean '{elsewhere[0]}'?)" if elsewhere else ""


def _keys(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every key of a model and of the models in it, with the keys above it."""
    for name, about in model.model_fields.items():
        yield above, name
        for inner in models_in(about.annotation):
            yield from _keys(inner, (*above, name))


def models_in(annotation: object) -> list[type[BaseModel]]:
    """The models that a field's annotation speaks of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]


def plain(value: BaseModel) -> Mapping[str, object]:
    """A model as mappings, lists, text and numbers, ready for `dump_yaml`; keys without a value are left out."""
    return value.model_dump(mode="json", exclude_none=True)
