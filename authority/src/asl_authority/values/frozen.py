"""Frozen values, as `dataclass(frozen=True)` makes them, for modules that every verification loads.

`dataclasses` compiles the methods of each class when it is defined, and loads `inspect` before: for the two dozen
classes on the way of `dam verify` that takes longer than to verify. Here all classes share their methods. What asks for
the fields of one, such as `dataclasses.replace` and `asdict`, finds them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def frozen(cls: type[T]) -> type[T]:
    """Make a class of annotated fields, with or without defaults, one of values that never change.

    They are equal when class and all fields are. What the class defines itself stays; `__post_init__` is called, and
    may set fields by `object.__setattr__`. Not for subclasses of such a class.
    """
    names = tuple(cls.__annotations__)
    defaults = {name: cls.__dict__[name] for name in names if name in cls.__dict__}
    check = cls.__dict__.get("__post_init__")
    members: dict[str, Any] = {
        "__init__": _init_of(names, defaults, check),
        "__match_args__": names,
        "__eq__": _eq,
        "__hash__": _hash,
        "__repr__": _repr,
        "__setattr__": _refuse,
        "__delattr__": _refuse,
        "__dataclass_fields__": _DataclassFields(defaults),
    }
    for name, member in members.items():
        if name not in cls.__dict__:
            setattr(cls, name, member)
    return cls


def replace(value: T, **changes: Any) -> T:
    """The value with other fields. Raises what making one raises."""
    names: tuple[str, ...] = type(value).__match_args__  # type: ignore[attr-defined]
    return type(value)(**{name: getattr(value, name) for name in names} | changes)


def _init_of(names: tuple[str, ...], defaults: Mapping[str, Any], check: Callable[[Any], None] | None) -> Any:
    def __init__(self: Any, *given: Any, **named: Any) -> None:  # noqa: N807
        if len(given) != len(names) or named:
            given = _completed(type(self), names, defaults, given, named)
        self.__dict__.update(zip(names, given, strict=True))
        if check is not None:
            check(self)

    return __init__


def _completed(
    cls: type, names: tuple[str, ...], defaults: Mapping[str, Any], given: tuple[Any, ...], named: Mapping[str, Any]
) -> tuple[Any, ...]:
    """All values in order. Raises TypeError, as for the arguments of any function."""
    values = dict(zip(names, given, strict=False))
    twice, unknown = values.keys() & named.keys(), named.keys() - set(names)
    values = {**defaults, **values, **named}
    missing = [name for name in names if name not in values]
    if len(given) > len(names) or twice or unknown or missing:
        words = f"{len(given)} in order; twice {sorted(twice)}, unknown {sorted(unknown)}, missing {missing}"
        raise TypeError(f"{cls.__name__}{names}: {words}")
    return tuple(values[name] for name in names)


def _members(value: Any) -> tuple[Any, ...]:
    return tuple(getattr(value, name) for name in value.__match_args__)


def _eq(self: Any, other: object) -> Any:
    return _members(self) == _members(other) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash(_members(self))


def _repr(self: Any) -> str:
    shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
    return f"{type(self).__qualname__}({shown})"


def _refuse(self: Any, name: str, *_: Any) -> None:
    raise AttributeError(f"{type(self).__name__}.{name} never changes")


class _DataclassFields:
    """`__dataclass_fields__`, made only when somebody asks for it."""

    def __init__(self, defaults: Mapping[str, Any]) -> None:
        self.defaults = defaults

    def __get__(self, instance: object, cls: type) -> Any:
        from dataclasses import dataclass

        twin: Any = type(cls.__name__, (), {"__annotations__": cls.__annotations__, **self.defaults})
        found = dataclass(init=False, repr=False, eq=False)(twin).__dataclass_fields__
        type.__setattr__(cls, "__dataclass_fields__", found)
        return found
