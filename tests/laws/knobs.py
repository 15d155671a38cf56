"""What the laws need to know of knobs: other legal values, illegal ones, and whether a knob does anything."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
import pytest

from restauro.core.errors import RecipeError
from restauro.core.knobs import build, knobs
from restauro.core.registry import Registry

OTHER_WORDS = {"embedder": "tiny-identity", "features": "tiny-identity", "critic": "tiny-critic", "network": "tiny-classifier"}
"""Legal values of knobs that name weights: the laws' own."""

Setting = tuple[str, Any]


def every_knob(registry: Registry) -> list[tuple[str, str]]:
    """(entry, knob), to parametrise over."""
    return [(name, knob.name) for name in registry for knob in knobs(registry.get(name))]


def others(cls: type, knob: str) -> list[Any]:
    """Legal values of a knob that are not its default."""
    field = next(field for field in msgspec.structs.fields(cls) if field.name == knob)
    info = next(info for info in knobs(cls) if info.name == knob)
    default, kind = info.default, info.type
    low, high = bounds(field.type)
    if get_origin(kind) is Literal:
        found: list[Any] = list(get_args(kind))
    elif get_origin(kind) is tuple:
        found = [(0.2, 0.3, 0.5)]
    elif get_origin(kind) in (Union, UnionType):
        found = [choice for one in get_args(kind) if get_origin(one) is Literal for choice in get_args(one)]
    elif kind is bool:
        found = [not default]
    elif kind in (int, float):
        steps = [
            low,
            high,
            default * 2,
            default / 2,
            default + 1,
            default + 0.004,
            default / 2 + (default if high is None else high) / 2,
        ]
        found = [kind(step) for step in steps if step is not None]
    else:
        found = [OTHER_WORDS[knob]] if knob in OTHER_WORDS else []
    return [value for value in found if value != default and legal(cls, {knob: value})]


def bounds(annotation: Any) -> tuple[float | None, float | None]:
    metas = [meta for meta in get_args(annotation) if isinstance(meta, msgspec.Meta)]
    return (metas[0].ge, metas[0].le) if metas else (None, None)  # type: ignore[return-value]


def legal(cls: type, settings: dict[str, Any]) -> bool:
    try:
        build(cls, settings)
    except RecipeError:
        return False
    return True


def outcome_of(outcome: Callable[[Any], Any], cls: type, settings: dict[str, Any]) -> Any:
    """None where these settings do not fit each other or the run."""
    try:
        return outcome(build(cls, settings))
    except RecipeError:
        return None


def settings_around(cls: type, knob: str) -> Iterator[dict[str, Any]]:
    """The default, then every change of one other knob: a knob may only act together with another."""
    yield {}
    for info in knobs(cls):
        if info.name != knob:
            yield from ({info.name: value} for value in others(cls, info.name))


def assert_alive(cls: type, knob: str, outcome: Callable[[Any], Any], same: Callable[[Any, Any], bool]) -> None:
    """Some legal value of the knob changes the outcome."""
    values = others(cls, knob)
    assert values, f"{cls.__name__}.{knob} has no second legal value: it is no knob"
    for around in settings_around(cls, knob):
        before = outcome_of(outcome, cls, around)
        for value in values:
            after = outcome_of(outcome, cls, {**around, knob: value})
            if before is not None and after is not None and not same(before, after):
                return
    raise AssertionError(f"{cls.__name__}.{knob} is dead: none of {values} changes anything")


def assert_guarded(cls: type, name: str) -> None:
    """Values out of range or of another type, and unknown knobs, are refused in words that name the knob."""
    for field in msgspec.structs.fields(cls):
        low, high = bounds(field.type)
        wrong: list[Any] = [bound + by for bound, by in ((low, -1), (high, 1)) if bound is not None]
        for value in [*wrong, object()]:
            with pytest.raises(RecipeError, match=field.name):
                cls(**{field.name: value})
        for value in [*wrong, [["no such value"]]]:
            with pytest.raises(RecipeError, match=field.name):
                build(cls, {field.name: value}, name=name)
        with pytest.raises(RecipeError, match=f"{name} has no knob.*did you mean {field.name!r}"):
            build(cls, {field.name + "x": field.default}, name=name)
    with pytest.raises(RecipeError, match="qqq"):
        build(cls, {"qqq": 1}, name=name)


def assert_described(registry: Registry, name: str) -> None:
    """Name, one-line summary, docstring, and help of every knob."""
    cls = registry.get(name)
    assert name == name.lower() and "_" not in name and " " not in name
    assert registry.name_of(cls) == name and name.replace("-", "_") not in set(registry) - {name}
    summary = registry.summary(name)
    assert 10 <= len(summary) <= 130, f"{name}: the module's first line is its summary: {summary!r}"
    assert inspect.cleandoc(cls.__doc__ or ""), f"{cls.__name__} has no docstring"
    for knob in knobs(cls):
        assert knob.help, f"{cls.__name__}.{knob.name} has no help"
        assert knob.default is not None, f"{cls.__name__}.{knob.name} has no default"
