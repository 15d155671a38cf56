"""Noise whose strength depends on the light: Poisson, speckle, ISO."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.degradations.iso_noise import IsoNoise, to_light, to_srgb
from restauro.degradations.poisson import Poisson, ladder
from restauro.degradations.speckle import Speckle

RNG = np.random.default_rng


def steps(levels: list[int], side: int = 160) -> Tensor:
    """(1, 3, side, n side): flat fields of these levels of 255, and one line of all levels."""
    row = torch.tensor(levels).repeat_interleave(side) / 127.5 - 1
    picture = row.expand(1, 3, side, -1).clone()
    picture[..., 0, :256] = torch.arange(256) / 127.5 - 1
    return picture


def deviations(noisy: Tensor, clean: Tensor, fields: int) -> list[float]:
    """Of each field, of 255."""
    return [float(one[..., 1:, :].std()) * 127.5 for one in (noisy - clean).chunk(fields, -1)]


def test_photons_vary_by_their_root() -> None:
    """256 levels: white is 256 photons, so level l varies by sqrt(l / 255 / 256) of the range, times the scale."""
    clean = steps([16, 64, 128, 192])
    found = deviations(Poisson().apply(clean, {"scale": 1.0, "grey": False, "seed": 0}), clean, 4)
    expected = [255 * (level / 255 / 256) ** 0.5 for level in (16, 64, 128, 192)]
    assert found == pytest.approx(expected, rel=0.03)
    twice = deviations(Poisson().apply(clean, {"scale": 2.0, "grey": False, "seed": 0}), clean, 4)
    assert twice[1:3] == pytest.approx([2 * one for one in expected[1:3]], rel=0.03)
    grey = Poisson().apply(clean, {"scale": 1.0, "grey": True, "seed": 0}) - clean
    torch.testing.assert_close(grey[:, 0], grey[:, 1], atol=1e-6, rtol=0)


def test_few_levels_are_few_photons() -> None:
    """As published: 4 levels are 4 photons at white, which is far noisier."""
    few = torch.tensor([-1.0, -0.5, 0.0, 0.5]).repeat_interleave(100).expand(1, 3, 100, -1)
    found = deviations(Poisson().apply(few, {"scale": 0.1, "grey": False, "seed": 0}), few, 4)
    assert found == pytest.approx([0.1 * 255 * (level / 255 / 4) ** 0.5 for level in (0, 64, 128, 191)], rel=0.03)


@pytest.mark.parametrize("photons", [1, 8, 256])
def test_the_ladder_is_the_poisson_distribution(photons: int) -> None:
    share = ladder(photons)[128] - 128
    counts = RNG(0).poisson(128 / 255 * photons, 40000)
    for k in range(0, len(share), max(1, photons // 32)):
        assert share[k] == pytest.approx(np.mean(counts <= k), abs=0.012)


def test_nearly_the_same_picture_gets_nearly_the_same_noise() -> None:
    clean = steps([90, 120])
    params = {"scale": 2.0, "grey": False, "seed": 0}
    one, other = Poisson().apply(clean, params), Poisson().apply((clean + 1 / 127.5).clamp(-1, 1), params)
    assert (one - other).abs().mean() < 0.3 * (one - clean).abs().mean()


def test_speckle_multiplies() -> None:
    clean = steps([0, 50, 100, 150])[..., 1:, :]
    found = [
        float(one.std()) * 127.5
        for one in (Speckle().apply(clean, {"sigma": 0.1, "grey": False, "seed": 0}) - clean).chunk(4, -1)
    ]
    assert found == pytest.approx([0, 5, 10, 15], rel=0.02, abs=1e-6)


def test_iso_noise_is_shot_and_read_noise_in_linear_light() -> None:
    one = IsoNoise(well=10000, read=4)
    clean = steps([60, 120, 200])[..., 1:, :]
    noisy = one.apply(clean, {"iso": 800.0, "seed": 0})
    white = 10000 / 8
    for level, before, after in zip((60, 120, 200), clean.chunk(3, -1), noisy.chunk(3, -1), strict=True):
        light = float(to_light(torch.tensor(level / 255)))
        found = to_light((after + 1) / 2) - to_light((before + 1) / 2)
        assert float(found.std()) == pytest.approx((light / white + (4 / white) ** 2) ** 0.5, rel=0.02)
    strengths = [float((one.apply(clean, {"iso": iso, "seed": 0}) - clean).std()) for iso in (100.0, 800.0, 6400.0)]
    assert strengths == sorted(strengths)
    with pytest.raises(RecipeError, match="low=900 is above high=200"):
        IsoNoise(low=900, high=200)


def test_light_and_back() -> None:
    x = torch.linspace(0, 1, 1001, dtype=torch.float64, requires_grad=True)
    back = to_srgb(to_light(x))
    torch.testing.assert_close(back, x, atol=1e-6, rtol=0)
    (slope,) = torch.autograd.grad(back.sum(), x)
    assert slope.isfinite().all()
