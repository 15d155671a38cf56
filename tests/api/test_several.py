"""Variants in Python."""

from __future__ import annotations

import numpy as np
import pytest

import restauro
from restauro.core.errors import RecipeError


@pytest.fixture(scope="module")
def crop() -> np.ndarray:
    ramp = np.linspace(0, 1, 96, dtype=np.float32)
    return np.stack([ramp[:, None] * ramp, ramp[:, None] + 0 * ramp, 0.5 + 0 * ramp[:, None] * ramp], -1)


def test_results_and_where_they_differ(crop: np.ndarray) -> None:
    results, spread = restauro.variants(crop, 3, seed=7, steps=2, aligned=True)
    assert [one.recipe.seed for one in results] == [7, 8, 9] and spread.count == 3
    alone = restauro.restore(crop, seed=8, steps=2, aligned=True)
    assert (alone.pixels == results[1].pixels).all() and alone.recipe == results[1].recipe
    wanted = np.sqrt(np.var([one.pixels for one in results], 0, ddof=1).mean(-1)) * 255
    np.testing.assert_allclose(spread.deviation, wanted, atol=1e-2)


def test_enlarged_ones_are_compared_at_their_own_size(crop: np.ndarray) -> None:
    """Each is enlarged by its own seed, as it would be alone."""
    results, spread = restauro.variants(crop, 2, task="enhance", upscale=2, steps=1, aligned=True)
    assert spread.deviation.shape == (192, 192) and spread.map().width >= 192
    alone = restauro.enhance(crop, seed=results[1].recipe.seed, upscale=2, steps=1, aligned=True)
    assert (alone.pixels == results[1].pixels).all()


def test_one_cannot_differ(crop: np.ndarray) -> None:
    with pytest.raises(RecipeError, match="at least 2"):
        restauro.variants(crop, 1)
