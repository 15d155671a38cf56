"""Knobs: one declaration (default, range, unit, help) serves validation, the command line, JSON and the docs.

A knob is an annotated field of a frozen struct::

    class Lightness(Property):
        weights: Annotated[Literal["mean", "luma"], Knob("which channel sum")] = "mean"
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import msgspec

from restauro.core.errors import RecipeError


def Knob(help: str, *, ge: float | None = None, le: float | None = None, unit: str = "") -> msgspec.Meta:
    """The annotation of a knob: `ge` and `le` are inclusive bounds."""
    bounds: dict[str, Any] = {name: value for name, value in (("ge", ge), ("le", le)) if value is not None}
    return msgspec.Meta(description=help, extra={"unit": unit} if unit else None, **bounds)


class KnobInfo(NamedTuple):
    """What a struct declares about one of its knobs."""

    name: str
    default: Any
    help: str
    unit: str
    range: str
    type: Any


class Knobbed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of everything with knobs. Values are checked on construction; a bad one is a `RecipeError`.

    They are stored in their declared type (a list given for a tuple becomes one), so that equal settings are equal.
    """

    def __post_init__(self) -> None:
        for field in msgspec.structs.fields(type(self)):
            value = getattr(self, field.name)
            try:
                msgspec.structs.force_setattr(self, field.name, msgspec.convert(value, field.type))
            except msgspec.ValidationError as error:
                reason = _plain(error, field)
                raise RecipeError(f"{type(self).__name__}.{field.name}={value!r}: {reason}") from None


def knobs(cls: type[msgspec.Struct]) -> list[KnobInfo]:
    """The knobs of a struct, in order."""
    found = []
    for field in msgspec.structs.fields(cls):
        kind, meta = _declared(field.type)
        default = field.default if field.default is not msgspec.NODEFAULT else None
        if default is None and field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        unit = (meta.extra or {}).get("unit", "")
        found.append(KnobInfo(field.name, default, meta.description or "", unit, _range(kind, meta), kind))
    return found


def _declared(annotation: Any) -> tuple[Any, msgspec.Meta]:
    """The bare type and the `Knob` of `Annotated[float, Knob(...)]`, also where it stands in `... | None`."""
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        return arguments[0], next((a for a in arguments if isinstance(a, msgspec.Meta)), msgspec.Meta())
    if get_origin(annotation) in (Union, UnionType):
        parts = [_declared(one) for one in arguments]
        return Union[tuple(kind for kind, _ in parts)], next((m for _, m in parts if m.description), msgspec.Meta())  # noqa: UP007
    return annotation, msgspec.Meta()


def _range(kind: Any, meta: msgspec.Meta) -> str:
    choices = _choices(kind)
    if choices or meta.ge is None is meta.le:
        return "|".join(choices)
    return f"{'' if meta.ge is None else f'{meta.ge:g}'}..{'' if meta.le is None else f'{meta.le:g}'}"


def _choices(kind: Any) -> list[str]:
    if get_origin(kind) is Literal:
        return [str(choice) for choice in get_args(kind)]
    return [choice for part in get_args(kind) for choice in _choices(part)] if get_origin(kind) in (Union, UnionType) else []


def build(cls: type, settings: Mapping[str, Any], *, name: str = "", lax: bool = False) -> Any:
    """An instance of `cls` from plain values. Unknown names and bad values are a `RecipeError` that names the knob.

    lax: accept strings for numbers ("0.5") and lists ("1,2,3"), as they come from a command line.
    """
    name = name or cls.__name__
    known = {field.name: field for field in msgspec.structs.fields(cls)}
    for key in settings:
        if key not in known:
            raise RecipeError(f"{name} has no knob {key!r}{suggest(key, known)}")
    plain = {key: _listed(value, known[key]) if lax else value for key, value in settings.items()}
    try:
        return msgspec.convert(plain, cls, strict=not lax)
    except msgspec.ValidationError as error:
        raise RecipeError(f"{name}: {_plain(error, *msgspec.structs.fields(cls))}") from None


def _listed(value: Any, field: msgspec.structs.FieldInfo) -> Any:
    """The parts of "1,2,3" where a list is meant."""
    kind = _declared(field.type)[0]
    several = any(get_origin(one) is tuple for one in (kind, *get_args(kind)))
    return [part.strip() for part in value.split(",")] if several and isinstance(value, str) and "," in value else value


def suggest(word: str, known: Iterable[str]) -> str:
    """The tail of an error message: the nearest known word, or all of them."""
    known = sorted(known)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known: {', '.join(known)}" if known else ""


def parse_settings(text: str) -> tuple[str, dict[str, str]]:
    """`"name:a=1,b=x"` -> `("name", {"a": "1", "b": "x"})`; `"name:a=1,2,3"` -> `("name", {"a": "1,2,3"})`."""
    name, _, rest = text.partition(":")
    settings: dict[str, str] = {}
    key = ""
    for part in filter(None, rest.split(",")):
        if "=" in part:
            key, _, value = part.partition("=")
            key = key.strip().replace("-", "_")
            settings[key] = value.strip()
        elif key:
            settings[key] += f",{part.strip()}"
        else:
            raise RecipeError(f"{text!r}: expected NAME:knob=value,..., found {part!r}")
    return name.strip(), settings


def _plain(error: Exception, *fields: msgspec.structs.FieldInfo) -> str:
    """msgspec's words, in ours: `Expected float <= 1.0 - at $.fidelity` -> `fidelity: expected float <= 1.0`."""
    text, _, path = str(error).partition(" - at `$")
    text = text[:1].lower() + text[1:].replace("`", "")
    where = path.rstrip("`").lstrip(".")
    field = next((field for field in fields if field.name == where or not where), None)
    choices = _choices(_declared(field.type)[0]) if field else []
    if choices and text.startswith("invalid enum value"):
        text = f"{text.removeprefix('invalid enum value ')} is none of {', '.join(choices)}"
    return f"{where}: {text}" if where else text
