"""Colour statistics in a region: what is measured there is met there, and nothing else moves."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.recipe import parse_want
from restauro.diffusion.contract import Observation, Property
from restauro.properties._skin import skin
from restauro.properties.colour_statistics import ColourStatistics, Palette, adain, statistics
from restauro.systems.pgdiff import engine
from tests.laws.pictures import disc, observation, waves

CLEAN, SEEN = waves(4, 2, 32), observation(soft=True)
SKIN = ColourStatistics(style="reference", region="skin")


def palette(where: Tensor | None, std: bool = True) -> Palette:
    mean = torch.tensor([0.1, -0.1, -0.2]).double()[None, :, None, None]
    return Palette(mean, torch.tensor([0.3, 0.25, 0.2]).double()[None, :, None, None] if std else None, where)


WEIGHTS = {
    "everywhere": None,
    "equal": torch.ones(2, 1, 32, 32).double(),
    "hole": (1 - disc(32)).expand(2, -1, -1, -1),
    "soft": (1 - disc(32, soft=True)).expand(2, -1, -1, -1),
    "skin": skin(SEEN.picture, SEEN.mask, "ffhq512"),
}
each_region = pytest.mark.parametrize("where", WEIGHTS.values(), ids=WEIGHTS)


@each_region
@pytest.mark.parametrize("std", [True, False], ids=["spread", "mean"])
def test_the_gradient_in_closed_form_is_the_derivative(where: Tensor | None, std: bool) -> None:
    prop, target = ColourStatistics(), palette(where, std)
    for clean in (CLEAN, 2.5 * CLEAN):  # the second is clamped in places
        torch.testing.assert_close(prop.gradient(clean, target), Property.gradient(prop, clean, target))


@each_region
def test_a_projection_meets_the_weighted_statistics_and_moves_nothing_outside(where: Tensor | None) -> None:
    prop, target = ColourStatistics(), palette(where)
    there = prop.project(CLEAN, target)
    mean, std = statistics(there, where)
    torch.testing.assert_close(mean, target.mean.expand_as(mean), atol=1e-6, rtol=0)
    torch.testing.assert_close(std, target.std.expand_as(std), atol=1e-3, rtol=0)  # type: ignore[union-attr]
    torch.testing.assert_close(prop.project(there, target), there, rtol=0, atol=2e-3)
    if where is not None:
        assert torch.equal(there[(where == 0).expand_as(there)], CLEAN[(where == 0).expand_as(there)])


def test_with_all_weights_equal_it_is_the_published_property() -> None:
    prop, flat, open_ = ColourStatistics(), palette(WEIGHTS["equal"]), palette(None)
    for of in (prop.distance, prop.gradient, prop.project):
        torch.testing.assert_close(of(CLEAN, flat), of(CLEAN, open_))
    torch.testing.assert_close(prop.project(CLEAN, flat), adain(CLEAN, open_))


def test_without_its_spread_a_palette_only_shifts() -> None:
    target = palette(None, std=False)
    change = ColourStatistics().project(CLEAN, target) - CLEAN
    torch.testing.assert_close(change, change[:, :, :1, :1].expand_as(change))
    assert not ColourStatistics(spread=False).target(SEEN).std


def test_where_nothing_is_known_nothing_happens() -> None:
    target = ColourStatistics().target(replace(SEEN, mask=torch.ones_like(SEEN.picture[:, :1])))
    prop = ColourStatistics()
    assert torch.equal(prop.project(CLEAN, target), CLEAN)
    assert not prop.gradient(CLEAN, target).any() and not prop.distance(CLEAN, target).any()


def test_what_a_hole_hides_has_no_say() -> None:
    """Unless asked for, as published."""
    hole = disc(32)
    holed = Observation(CLEAN, mask=hole.expand(2, -1, -1, -1))
    other = torch.where(hole > 0, torch.ones_like(CLEAN), CLEAN)
    for region, same in (("known", True), ("all", False)):
        prop = ColourStatistics(region=region)  # type: ignore[arg-type]
        target = prop.target(holed)
        one, two = ((prop.project(x, target) - x)[(hole == 0).expand_as(x)] for x in (CLEAN, other))
        assert torch.allclose(one, two) == same


def test_explicit_numbers_replace_those_of_the_style() -> None:
    want = parse_want("colour-statistics:mean=0.1,-0.1,-0.2,std=0.3,0.25,0.2,region=all")
    prop = engine.property_of(want)
    assert prop == ColourStatistics(mean=(0.1, -0.1, -0.2), std=(0.3, 0.25, 0.2), region="all")
    found = prop.target(SEEN)
    assert found.mean.flatten().tolist() == [0.1, -0.1, -0.2] and found.std.flatten().tolist() == [0.3, 0.25, 0.2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mean=0.1,0.2", "mean is three numbers R,G,B from -1 to 1"),
        ("std=0.1,0.2,-0.1", "std is three numbers R,G,B from 0 to 1"),
        ("mean=a,b,c", "mean"),
        ("region=skin", "region=skin needs style=reference, restored or colorized"),
    ],
)
def test_a_wrong_palette_is_refused_in_one_line(text: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        engine.property_of(parse_want(f"colour-statistics:{text}"))


# -- skin


def face(tone: float, seed: int = 0) -> Tensor:
    """A drawn face on the template of our crops: brown hair, green background, dark eyes, and skin of a lightness."""
    y, x = torch.meshgrid(torch.linspace(0, 1, 64).double(), torch.linspace(0, 1, 64).double(), indexing="ij")
    grain = 0.02 * torch.randn(3, 64, 64, generator=torch.Generator().manual_seed(seed)).double()
    head = ((x - 0.5) / 0.36).square() + ((y - 0.56) / 0.46).square() < 1
    hair, eyes = y < 0.2, ((x - 0.5).abs() - 0.16).square() + (y - 0.45).square() < 0.05**2
    colours = {"back": (-0.5, 0.4, -0.5), "skin": (tone + 0.25, tone, tone - 0.15), "hair": (-0.6, -0.8, -0.9)}
    out = torch.tensor(colours["back"]).double()[:, None, None].expand(3, 64, 64)
    for where, colour in ((head, colours["skin"]), (hair, colours["hair"]), (head & eyes, (-0.95, -0.95, -0.95))):
        out = torch.where(where, torch.tensor(colour).double()[:, None, None], out)
    return (out + grain)[None]


@pytest.mark.parametrize("tone", [-0.7, -0.2, 0.5])
@pytest.mark.parametrize("grey", [False, True])
def test_skin_is_found_in_every_complexion(tone: float, grey: bool) -> None:
    picture = face(tone)
    picture = picture.mean(1, keepdim=True).expand_as(picture) if grey else picture
    found = skin(picture, None, "restauro128")
    assert found.shape == (1, 1, 64, 64) and found.min() >= 0 and found.max() <= 1
    assert found[0, 0, 36:42, 24:40].min() > 0.9, "cheeks and nose"
    assert found[0, 0, :, :6].max() == 0, "background"
    if tone > -0.5:
        assert found[0, 0, 28, 22] < 0.6 * found[0, 0, 38, 32], "eyes"


def test_skin_under_the_mask_is_not_known() -> None:
    mask = torch.zeros(1, 1, 64, 64).double()
    mask[..., 32:, :] = 1
    assert not skin(face(0.2), mask, "restauro128")[..., 32:, :].any()
    assert not skin(face(0.2), torch.ones_like(mask)).any()


def test_skin_takes_the_references_colour_and_clothes_keep_theirs() -> None:
    observed = Observation(face(0.4), reference=torch.cat([face(-0.3), face(-0.3, seed=1)]), template="restauro128")
    target = SKIN.target(observed)
    there = SKIN.project(observed.picture, target)
    middle = there[0, :, 34:44, 26:38].mean((1, 2))
    torch.testing.assert_close(middle, torch.tensor([-0.05, -0.3, -0.45]).double(), atol=0.1, rtol=0)
    assert torch.equal(there[..., :6], observed.picture[..., :6])
    everything = ColourStatistics(style="reference", region="all")
    assert not torch.allclose(
        everything.project(observed.picture, everything.target(observed))[..., :6], observed.picture[..., :6]
    )
