"""A weight, or the grey of a mask, counts once in a whole walk: from any start, in any number of steps, with any sampler.

On the Gaussian laboratory; what counts is how much of an unguided walk's distance to the input is left: `mask` of it.
"""

from __future__ import annotations

from functools import cache

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from restauro.core.registry import SAMPLERS
from restauro.diffusion.contract import Observation, Property
from restauro.diffusion.guidance import Wanted
from restauro.properties.known_region import KnownRegion
from restauro.properties.lightness import Lightness
from tests.diffusion.test_guidance import COUNT, SIDE, TRUTH, likely, ours, sample

FIRST_ORDER = {"ancestral", "ddim", "euler", "euler-ancestral", "heun"}
BLURRED = F.avg_pool2d(F.pad(TRUTH, (1, 1, 1, 1), mode="replicate"), 3, 1)
WALKS: dict[str, Tensor | None] = {
    "karras:5": None,
    "karras:10": None,
    "karras:40": None,
    "karras:5@0.4": BLURRED,
    "karras:10@0.4": BLURRED,
    "karras:40@0.4": BLURRED,
}


def masked(value: float) -> Observation:
    return Observation(TRUTH, mask=torch.full((COUNT, 1, SIDE, SIDE), value, dtype=torch.float64))


def walked(sampler: str, how: str, observed: Observation, wanted: Wanted) -> Tensor:
    return sample(SAMPLERS.get(sampler)(), how, ours(wanted, observed=observed), warm=WALKS[how])


@cache
def free(sampler: str, how: str) -> Tensor:
    return walked(sampler, how, masked(1.0), Wanted(KnownRegion(), 0.0))


def left(found: Tensor, sampler: str, how: str, prop: Property | None = None) -> float:
    """1: as far from the input as without guidance; 0: there."""
    away, before = found - TRUTH, free(sampler, how) - TRUTH
    if isinstance(prop, Lightness):
        away, before = prop.measure(away), prop.measure(before)
    return float((away * before).sum() / before.square().sum())


@pytest.mark.parametrize("sampler", SAMPLERS.names())
def test_half_a_mask_goes_half_the_way(sampler: str) -> None:
    """From 0.37 (second order, ten steps from pure noise) to 0.58; dealt out evenly over the steps, 0.46 to 0.79."""
    bound = 0.09 if sampler in FIRST_ORDER else 0.14
    for how in WALKS:
        assert abs(left(walked(sampler, how, masked(0.5), Wanted(KnownRegion())), sampler, how) - 0.5) < bound, how


@pytest.mark.parametrize("sampler", ["ddim", "dpmpp-2m"])
@pytest.mark.parametrize("how", ["karras:10", "karras:10@0.4"])
def test_between_all_and_nothing_it_is_a_slider(sampler: str, how: str) -> None:
    found = [walked(sampler, how, masked(value), Wanted(KnownRegion())) for value in (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)]
    shares = [left(x, sampler, how) for x in found]
    assert shares == sorted(shares)
    torch.testing.assert_close(found[0], TRUTH)
    torch.testing.assert_close(found[-1], free(sampler, how))
    assert all(likely(x) < 1.3 for x in found), "and none of them is odd"


@pytest.mark.parametrize("how", WALKS)
def test_a_weight_is_what_a_mask_is(how: str) -> None:
    """A property by half, wherever it is known, is the property, known by half."""
    for prop in (KnownRegion(), Lightness()):
        by_mask = walked("ddim", how, masked(0.5), Wanted(prop))
        by_weight = walked("ddim", how, masked(0.0), Wanted(prop, 0.5))
        torch.testing.assert_close(by_mask, by_weight)
        assert abs(left(by_mask, "ddim", how, prop) - 0.5) < 0.09


def test_each_pixel_has_its_own_share() -> None:
    levels = torch.linspace(0, 1, SIDE, dtype=torch.float64).expand(COUNT, 1, SIDE, SIDE)
    found = walked("ddim", "karras:10", Observation(TRUTH, mask=levels), Wanted(KnownRegion()))
    away = (found - TRUTH).square().mean((0, 1, 2)).sqrt()
    assert away[0] == 0 and (away.diff() > -0.01).all() and away[SIDE // 2] < 0.8 * away[-1]
