"""One declaration serves checks, messages, the command line and JSON."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import pytest

from restauro.core.errors import RecipeError
from restauro.core.knobs import Knob, Knobbed, build, knobs, parse_settings, suggest


class Paint(Knobbed, frozen=True, kw_only=True):
    weight: Annotated[float, Knob("how much", ge=0, le=1)] = 0.5
    width: Annotated[int, Knob("of the brush", ge=1, unit="px")] = 2
    tone: Annotated[Literal["warm", "cold"], Knob("which way")] = "warm"
    limit: Annotated[float, Knob("upper end", ge=0)] | None = None
    hue: Annotated[Literal["red", "blue"] | None, Knob("one colour only")] = None
    levels: Annotated[tuple[float, ...], Knob("of each layer")] = (1.0, 2.0)
    dry: Annotated[bool, Knob("wait in between")] = False


class Picture(Knobbed, frozen=True, kw_only=True):
    layers: tuple[Paint, ...] = ()
    ground: Paint = Paint()
    notes: dict[str, Any] = {}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weight": 2}, "Paint.weight=2: expected float <= 1.0"),
        ({"weight": -0.1}, "Paint.weight=-0.1: expected float >= 0.0"),
        ({"weight": float("nan")}, "Paint.weight=nan: expected float >= 0.0"),
        ({"weight": True}, "Paint.weight=True: expected float, got bool"),
        ({"weight": "0.5"}, "Paint.weight='0.5': expected float, got str"),
        ({"width": 1.5}, "Paint.width=1.5: expected int, got float"),
        ({"tone": "hot"}, "Paint.tone='hot': 'hot' is none of warm, cold"),
        ({"hue": "green"}, "Paint.hue='green': 'green' is none of red, blue"),
        ({"limit": -1}, "Paint.limit=-1: expected float >= 0.0"),
        ({"levels": (1, "x")}, "Paint.levels=(1, 'x'): [1]: expected float, got str"),
    ],
)
def test_a_bad_value_is_one_line(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Paint(**settings)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"wieght": 1}, "paint has no knob 'wieght'; did you mean 'weight'?"),
        ({"zzz": 1}, "paint has no knob 'zzz'; known: dry, hue, levels, limit, tone, weight, width"),
        ({"weight": "0.5"}, "paint: weight: expected float, got str"),
        ({"tone": "hot"}, "paint: tone: 'hot' is none of warm, cold"),
        ({"levels": [1, None]}, "paint: levels[1]: expected float, got null"),
    ],
)
def test_build_names_the_knob(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        build(Paint, settings, name="paint")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({"layers": [{}, {"weight": 3}]}, r"layers\[1\].weight: expected float <= 1.0"),
        ({"layers": [{"wieght": 0}]}, r"layers\[0\]: .*unknown field wieght"),
        ({"ground": {"tone": "hot"}}, "ground.tone: invalid enum value 'hot'"),
        ({"layers": 3}, "layers: expected array, got int"),
    ],
)
def test_a_nested_error_says_where(settings: dict[str, Any], where: str) -> None:
    with pytest.raises(RecipeError, match=where):
        build(Picture, settings)


def test_an_unknown_keyword_is_an_error() -> None:
    with pytest.raises(TypeError, match="wieght"):
        Paint(wieght=1)  # type: ignore[call-arg]


def test_strings_of_a_command_line_are_read_when_told() -> None:
    built = build(Paint, {"weight": "0.25", "width": "7", "dry": "true", "limit": "null", "tone": "cold"}, lax=True)
    assert built == Paint(weight=0.25, width=7, dry=True, tone="cold")
    for wrong in ({"weight": "much"}, {"weight": "1.5"}, {"width": "1.5"}, {"weight": "nan"}, {"dry": "perhaps"}):
        with pytest.raises(RecipeError):
            build(Paint, wrong, lax=True)


def test_values_are_stored_in_their_declared_type() -> None:
    given = Paint(levels=[1, 2], weight=1)  # type: ignore[arg-type]
    assert given == Paint(weight=1.0)
    assert hash(given) == hash(Paint(weight=1.0))
    assert msgspec.json.encode(given) == msgspec.json.encode(Paint(weight=1.0))


def test_defaults_are_not_shared() -> None:
    one, other = Picture(), Picture()
    one.notes["a"] = 1
    assert other.notes == {}


def test_json_there_and_back() -> None:
    picture = Picture(layers=(Paint(weight=0.1), Paint(tone="cold")), ground=Paint(limit=3))
    assert build(Picture, msgspec.json.decode(msgspec.json.encode(picture))) == picture


def test_what_is_declared_can_be_listed() -> None:
    told = {knob.name: knob for knob in knobs(Paint)}
    assert list(told) == ["weight", "width", "tone", "limit", "hue", "levels", "dry"]
    assert (told["weight"].default, told["weight"].help, told["weight"].range, told["weight"].type) == (
        0.5,
        "how much",
        "0..1",
        float,
    )
    assert (told["width"].range, told["width"].unit) == ("1..", "px")
    assert told["tone"].range == "warm|cold"
    assert (told["limit"].help, told["limit"].range, told["limit"].default) == ("upper end", "0..", None)
    assert told["hue"].range == "red|blue"
    assert (told["levels"].range, told["levels"].default) == ("", (1.0, 2.0))
    assert {knob.name: knob.default for knob in knobs(Picture)}["notes"] == {}


def test_settings_in_one_word() -> None:
    assert parse_settings("lightness") == ("lightness", {})
    assert parse_settings("known-region: soft-edge=3, mode=a=b ,") == ("known-region", {"soft_edge": "3", "mode": "a=b"})
    assert parse_settings("lightness:weights=0.3, 0.6,0.1,weight=1") == ("lightness", {"weights": "0.3,0.6,0.1", "weight": "1"})
    with pytest.raises(RecipeError, match="expected NAME:knob=value"):
        parse_settings("lightness:weights")


def test_suggestions() -> None:
    assert suggest("lightnes", ["lightness", "identity"]) == "; did you mean 'lightness'?"
    assert suggest("q", ["b", "a"]) == "; known: a, b"
    assert suggest("q", []) == ""
