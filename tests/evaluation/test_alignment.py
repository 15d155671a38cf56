"""The energy coefficient: nothing between samples of one distribution, more the farther two are, whatever the scale."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from restauro.core.errors import InputError
from restauro.evaluation.alignment import pooled, unlikeness, unlikeness_difference


def codes(seed: int, n: int = 60, shift: float = 0.0) -> torch.Tensor:
    return torch.randn(n, 8, generator=torch.Generator().manual_seed(seed)) + shift


def test_it_grows_with_the_distance_and_knows_no_scale() -> None:
    near, far = (unlikeness(codes(0), codes(1, shift=shift)) for shift in (0.3, 1.0))
    assert 0 < near.mean < far.mean < 1 and far.low > near.mean and near.low < near.mean < near.high
    assert unlikeness(5 * codes(0), 5 * codes(1, shift=1.0)).mean == pytest.approx(far.mean, rel=1e-5)


def test_it_is_the_formula() -> None:
    x, y = codes(0, 5), codes(1, 4)
    between = np.mean([float((a - b).norm()) for a in x for b in y])
    within = [np.mean([float((z[i] - z[j]).norm()) for i in range(len(z)) for j in range(len(z)) if i != j]) for z in (x, y)]
    assert unlikeness(x, y).mean == pytest.approx(1 - sum(within) / (2 * between), rel=1e-5)


def test_of_one_distribution_it_is_zero_on_average() -> None:
    found = [unlikeness(codes(2 * i), codes(2 * i + 1), resamples=200) for i in range(30)]
    assert abs(np.mean([one.mean for one in found])) < 0.003
    assert np.mean([one.low <= 0 <= one.high for one in found]) > 0.8  # also of resampled ones, where codes come twice


def test_a_difference_is_decided_by_pairs() -> None:
    old, synthetic = codes(0), codes(1, shift=0.8)
    nearer = unlikeness_difference((old, synthetic), (old, synthetic - 0.4))
    assert nearer.mean < 0 and nearer.decided
    assert not unlikeness_difference((old, synthetic), (2 * old, 2 * synthetic)).decided


def test_pooled_and_errors() -> None:
    latents = torch.randn(3, 4, 5, 6)
    assert torch.equal(pooled(latents)[:, :4], latents.mean((2, 3))) and pooled(latents).shape == (3, 8)
    with pytest.raises(InputError, match="two of each"):
        unlikeness(codes(0, 1), codes(1))
