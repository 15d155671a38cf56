"""Unsharp masking: halos at edges, nothing where there are none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.degradations.sharpen import Sharpen


def edge(height: float, side: int = 128) -> Tensor:
    picture = torch.full((1, 3, side, side), -height)
    picture[..., side // 2 :] = height
    return picture


def test_an_edge_gets_halos_and_faint_ones_do_not() -> None:
    one = Sharpen(follow=False)
    found = one.apply(edge(0.4), {"share": 0.5})
    assert 0.5 < found.max() < 0.6 and -0.6 < found.min() < -0.5
    assert torch.equal(found[..., :4], edge(0.4)[..., :4])
    assert torch.equal(one.apply(edge(0.03), {"share": 0.5}), edge(0.03))


def test_more_is_more_and_stays_in_range() -> None:
    one = Sharpen()
    halos = [float(one.apply(edge(0.4), {"share": share}).max()) for share in (0.0, 0.5, 1.0, 5.0)]
    assert halos == sorted(halos) and halos[0] == pytest.approx(0.4) and halos[-1] <= 1


def test_halos_follow_the_picture() -> None:
    """At 128 px they are a quarter as wide as at 512, or as wide in pixels if told so."""

    def width(side: int, follow: bool) -> int:
        found = Sharpen(follow=follow).apply(edge(0.4, side), {"share": 0.5})
        return int((found[0, 0, 0] > 0.45).sum())

    assert width(512, True) == pytest.approx(4 * width(128, True), abs=4)
    assert width(256, False) == width(128, False)


def test_its_range_is_guarded() -> None:
    with pytest.raises(RecipeError, match="low=2 is above high=1"):
        Sharpen(low=2, high=1)
    assert Sharpen(low=0.5, high=0.5).sample(np.random.default_rng(0)) == {"share": 0.5}
