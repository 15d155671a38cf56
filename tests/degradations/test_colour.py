"""Changes of colour: shift, brightness, contrast, saturation, hue."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
import torch
from torch import Tensor

from restauro.degradations.colour_jitter import ColourJitter, grey, turn_hue
from restauro.degradations.colour_shift import ColourShift

STILL = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0}
ORDER = list(STILL)


def colours(side: int = 16) -> Tensor:
    """(1, 3, side, side) in [0, 1], greys and primaries among them."""
    x = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    x[0, :, 0, :5] = torch.tensor([[0.0, 1, 0.5, 1, 0], [0, 1, 0.5, 0, 1], [0, 1, 0.5, 0, 1]])
    return x


@pytest.mark.parametrize("turns", [-0.3, 0.0, 0.1, 0.5])
def test_hue_is_that_of_hsv(turns: float) -> None:
    x = colours()
    found = turn_hue(x, turns)[0].flatten(1).T.numpy()
    for before, after in zip(x[0].flatten(1).T.tolist(), found, strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*before)
        np.testing.assert_allclose(after, colorsys.hsv_to_rgb((hue + turns) % 1, saturation, value), atol=1e-5)


def test_nothing_drawn_changes_nothing() -> None:
    picture = colours() * 2 - 1
    torch.testing.assert_close(ColourJitter().apply(picture, {**STILL, "order": ORDER}), picture, atol=1e-5, rtol=0)


def test_each_does_what_its_name_says() -> None:
    x = colours() * 0.5 + 0.2

    def after(**changed: float) -> Tensor:
        return (ColourJitter().apply(x * 2 - 1, {**STILL, **changed, "order": ORDER}) + 1) / 2

    torch.testing.assert_close(after(brightness=0.5), x * 0.5)
    torch.testing.assert_close(after(contrast=0.0), grey(x).mean().expand_as(x))
    torch.testing.assert_close(after(saturation=0.0), grey(x).expand_as(x))
    chroma = [float((one - grey(one)).abs().mean()) for one in (after(saturation=0.5), x, after(saturation=1.2))]
    assert chroma == sorted(chroma)


def test_order_matters_and_is_drawn() -> None:
    orders = {tuple(ColourJitter().sample(np.random.default_rng(seed))["order"]) for seed in range(300)}
    assert len(orders) == 24
    picture, drawn = colours() * 2 - 1, {**STILL, "brightness": 1.4, "contrast": 0.6}
    one, other = (ColourJitter().apply(picture, {**drawn, "order": order}) for order in (ORDER, ORDER[::-1]))
    assert not torch.allclose(one, other)


def test_a_shift_moves_each_channel_by_its_own() -> None:
    picture = torch.zeros(1, 3, 4, 4)
    params = ColourShift(most=20).sample(np.random.default_rng(0))
    moved = ColourShift().apply(picture, params)[0, :, 0, 0] * 127.5
    torch.testing.assert_close(moved, torch.tensor(params["shift"]), atol=1e-4, rtol=0)
    assert len(set(params["shift"])) == 3 and max(map(abs, params["shift"])) <= 20
