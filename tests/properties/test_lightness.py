"""Lightness: any weights, grey masks, and no loss of it where colours leave the range."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.recipe import Recipe, Want, parse_want
from restauro.diffusion.contract import Observation
from restauro.diffusion.guidance import CleanGuidance, Wanted
from restauro.diffusion.schedule import NoiseSchedule
from restauro.properties.lightness import Lightness
from restauro.systems.pgdiff import engine
from tests.laws.pictures import observation, waves

BASE = NoiseSchedule.named("openai-linear")
EVERY = [Lightness(), Lightness(weights="mean"), Lightness(weights=(0.1, 0.5, 0.6))]
each = pytest.mark.parametrize("prop", EVERY, ids=lambda prop: str(prop.weights))


def vivid(n: int = 2, side: int = 32) -> Tensor:
    """Colours that leave [-1, 1] here and there, of a lightness that never does."""
    x = 2.2 * waves(4, n, side)
    return x - Lightness().measure(x) + waves(5, n, side)[:, :1]


@each
def test_a_grey_picture_is_its_own_lightness(prop: Lightness) -> None:
    grey = waves(1, 1, 16)[:, :1]
    torch.testing.assert_close(prop.measure(grey.expand(1, 3, -1, -1)), grey)


@each
def test_what_leaves_the_range_loses_chroma_and_not_lightness(prop: Lightness) -> None:
    x = vivid() - prop.measure(vivid()) + waves(5, 2, 32)[:, :1]
    there = prop.within(x)
    assert x.abs().max() > 1.2 and there.abs().max() <= 1 + 1e-12
    torch.testing.assert_close(prop.measure(there), prop.measure(x))
    outside = (x.abs() > 1).any(1, keepdim=True).expand_as(x)
    assert torch.equal(there[~outside], x[~outside]), "what fits is left alone"
    grey = prop.measure(x)
    hue, before = there - grey, x - grey
    torch.testing.assert_close(hue * before.norm(dim=1, keepdim=True), before * hue.norm(dim=1, keepdim=True))
    torch.testing.assert_close(prop.within(there), there)


def test_black_and_white_have_no_room_for_colour() -> None:
    prop = Lightness()
    for level in (-1.0, 1.0, -1.3, 1.3):
        tinted = level + torch.tensor([0.3, -0.1, -0.2719298])[None, :, None, None]  # of luma 0
        torch.testing.assert_close(prop.within(tinted), torch.full((1, 3, 1, 1), max(-1.0, min(1.0, level))))


@pytest.mark.parametrize(
    ("weights", "words"), [((0.5, -0.1, 0.6), "none below 0"), ((0.0, 0.0, 0.0), "none below 0"), ((1.0, 2.0), "weights")]
)
def test_wrong_weights_are_refused(weights: tuple[float, ...], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        Lightness(weights=weights)  # type: ignore[arg-type]


def test_weights_come_from_the_command_line_and_travel_in_the_recipe() -> None:
    wanted = parse_want("lightness:weights=0.1,0.5,0.6,weight=0.5")
    recipe = Recipe.from_json(Recipe(wants=(wanted,)).to_json())
    assert engine.property_of(recipe.wants[0]) == EVERY[2] and recipe.wants[0].weight == 0.5
    with pytest.raises(RecipeError, match="weights"):
        engine.property_of(Want(property="lightness", knobs={"weights": "lumma"}))


def test_a_picture_made_with_other_weights_is_met_with_these() -> None:
    """Film that saw no red: measured as the eye sees it, the same face would be too dark."""
    colour, blind = waves(1, 2, 16), Lightness(weights=(0.0, 0.4, 0.6))
    print_ = Observation(blind.measure(colour).expand_as(colour))
    assert blind.distance(colour, blind.target(print_)).max() < 1e-12
    assert (Lightness().distance(colour, Lightness().target(print_)) > 1e-3).all()


def test_grey_levels_of_the_mask_are_weights() -> None:
    observed, clean = observation(soft=True), waves(4, 2, 32)
    prop = Lightness()
    kept = CleanGuidance([Wanted(prop)], observed, BASE).impose(clean)
    mask = observed.mask
    assert mask is not None
    torch.testing.assert_close(prop.measure(kept), prop.measure(observed.picture) * (1 - mask) + prop.measure(clean) * mask)


def test_the_engine_brings_colours_into_range_and_keeps_their_lightness() -> None:
    recipe = Recipe(task="colorize", wants=(Want(property="lightness"),))
    out = engine._within(recipe, vivid().float())
    assert out.abs().max() <= 1
    levels, wanted = ((Lightness().measure(x) + 1) * 127.5 for x in (_rounded(out), vivid().float()))
    assert (levels - wanted).abs().max() <= 0.51
    cut = engine._within(Recipe(task="colorize"), vivid().float())
    assert torch.equal(cut, vivid().float().clamp(-1, 1))


def _rounded(picture: Tensor) -> Tensor:
    return torch.from_numpy(np.rint((picture.numpy() + 1) * 127.5) / 127.5 - 1)
