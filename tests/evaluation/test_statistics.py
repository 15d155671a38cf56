import numpy as np
import pytest
import torch

from restauro.core.errors import InputError
from restauro.evaluation.statistics import mean_interval, paired_difference


def test_interval_agrees_with_the_normal_one():
    values = np.random.default_rng(0).normal(3, 2, 400)
    found = mean_interval(values)
    half = 1.96 * values.std() / 20
    assert found.mean == pytest.approx(values.mean()) and found.n == 400
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.1)
    assert found == mean_interval(torch.from_numpy(values))  # seeded


def test_coverage():
    rng = np.random.default_rng(1)
    hits = [(i := mean_interval(rng.normal(0, 1, 60), resamples=500, seed=s)).low < 0 < i.high for s in range(200)]
    assert 0.9 < np.mean(hits) < 0.99


def test_pairs_remove_what_pictures_share():
    rng = np.random.default_rng(2)
    difficulty, gain = rng.normal(25, 4, 100), rng.normal(0.3, 0.2, 100)
    found = paired_difference(difficulty + gain, difficulty)
    assert found.decided and found.low > 0.2
    assert not paired_difference(difficulty, rng.permutation(difficulty)).decided


def test_refusals():
    with pytest.raises(InputError, match="same pictures"):
        paired_difference([1.0, 2.0], [1.0])
    for values in ([], [1.0, float("inf")]):
        with pytest.raises(InputError, match="finite"):
            mean_interval(values)
