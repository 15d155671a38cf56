"""Knobs become options: range, unit, default and help come from the one declaration."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Mapping
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

from restauro.core.knobs import KnobInfo, knobs

METAVARS: dict[Any, str] = {int: "N", float: "X", str: "NAME"}


def add_knobs(
    group: argparse._ArgumentGroup,
    struct: type[msgspec.Struct],
    *,
    skip: Collection[str] = (),
    short: Mapping[str, str] | None = None,
    defaults: msgspec.Struct | None = None,
    more: Mapping[str, str] | None = None,
) -> None:
    """One option a knob, absent from the result (None) where it was not given.

    short: one-letter spellings. defaults: where the shown defaults come from. more: further words of help.
    """
    fields = {field.name: field for field in msgspec.structs.fields(struct)}
    for knob in knobs(struct):
        if knob.name in skip:
            continue
        flags = [*filter(None, [(short or {}).get(knob.name)]), f"--{knob.name.replace('_', '-')}"]
        default = getattr(defaults, knob.name) if defaults is not None else knob.default
        words = f"{knob.help}{(more or {}).get(knob.name, '')}{_facts(knob, default)}"
        if knob.type is bool and default:
            group.add_argument(*flags, dest=knob.name, action=argparse.BooleanOptionalAction, help=words)
        elif knob.type is bool:
            group.add_argument(*flags, dest=knob.name, action="store_const", const=True, help=words)
        else:
            group.add_argument(
                *flags, dest=knob.name, type=_reader(knob, fields[knob.name].type), metavar=_metavar(knob), help=words
            )


def given(args: argparse.Namespace, struct: type[msgspec.Struct]) -> dict[str, Any]:
    """The knobs of the struct that were on the command line."""
    return {name: value for name in struct.__struct_fields__ if (value := getattr(args, name, None)) is not None}


def value_of(text: str) -> Any:
    """A plain value from `name=value` where the type is not known yet: number, true/false, list, or the text."""
    for attempt in (text, f"[{text}]") if text else ():  # nothing is the empty text, not the empty list
        try:
            return msgspec.json.decode(attempt)
        except msgspec.DecodeError:
            continue
    return text


def whole(low: int, high: int) -> Callable[[str], int]:
    """Reads a whole number within bounds, both included."""

    def read(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
        return int(text)

    return read


def _reader(knob: KnobInfo, declared: Any) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return msgspec.convert(_parts(text) if get_origin(knob.type) is tuple else text, declared, strict=False)
        except msgspec.ValidationError:
            raise argparse.ArgumentTypeError(f"{text!r} is not {_expected(knob)}") from None

    return read


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _expected(knob: KnobInfo) -> str:
    bare = _bare(knob.type)
    if get_origin(bare) is Literal:
        return f"one of {knob.range.replace('|', ', ')}"
    if get_origin(knob.type) is tuple:
        return "two numbers like 0.7,1" if float in get_args(knob.type) else "a list of whole numbers like 1,3"
    kind = {int: "a whole number", float: "a number"}.get(bare, "a value")
    low, _, high = knob.range.partition("..")
    if low and high:
        return f"{kind} from {low} to {high}"
    return f"{kind}{f' of at least {low}' if low else ''}{f' of at most {high}' if high else ''}"


def _metavar(knob: KnobInfo) -> str:
    low, _, high = knob.range.partition("..")
    if low and high and len(knob.range) < 8 and knob.type is float:
        return knob.range
    if get_origin(_bare(knob.type)) is Literal:
        return knob.range if len(knob.range) < 60 else "NAME"
    if get_origin(knob.type) is tuple:
        return "X,X" if float in get_args(knob.type) else "1,3,..."
    return METAVARS.get(_bare(knob.type), "VALUE")


def _bare(kind: Any) -> Any:
    """Without the None of a knob that need not be given."""
    parts = [part for part in get_args(kind) if part is not NoneType] if get_origin(kind) in (Union, UnionType) else []
    return parts[0] if len(parts) == 1 else kind


def _facts(knob: KnobInfo, default: Any) -> str:
    if knob.type is bool:
        return ""
    facts = [knob.unit] if knob.unit else []
    if isinstance(default, tuple) and default:
        default = ",".join(f"{one:g}" for one in default)
    if default not in (None, "", (), {}):
        facts.append(f"default {default:g}" if isinstance(default, float) else f"default {default}")
    return f" ({', '.join(facts)})" if facts else ""
