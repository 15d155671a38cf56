"""Timesteps by the second moments of their losses: uniform until all are known, then an unbiased estimate of less variance."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from restauro.diffusion.resampling import SecondMoments


def filled(losses: np.ndarray, history: int = 10) -> SecondMoments:
    sampler = SecondMoments(len(losses), history)
    for _ in range(history):
        sampler.update(np.arange(len(losses)), torch.from_numpy(losses))
    return sampler


def test_uniform_until_every_t_has_its_history() -> None:
    sampler = SecondMoments(4, 2)
    sampler.update(np.array([0, 0, 1, 1, 2, 2, 3]), torch.tensor([9.0, 9, 1, 1, 1, 1, 1]))
    assert (sampler.probabilities() == 0.25).all()
    sampler.update(np.array([3]), torch.tensor([1.0]))
    assert sampler.probabilities()[0] == pytest.approx(0.999 * 9 / 12 + 0.001 / 4)


def test_only_the_last_losses_count() -> None:
    sampler = filled(np.array([1.0, 1.0]), 3)
    sampler.update(np.array([0, 0, 0, 0]), torch.tensor([50.0, 2, 2, 2]))
    assert sampler.probabilities()[0] == pytest.approx(0.999 * 2 / 3 + 0.0005)


def test_the_estimate_is_unbiased_and_varies_less() -> None:
    losses = np.array([0.01, 0.1, 1.0, 10.0])
    sampler = filled(losses)
    t, factors = sampler.draw(20_000, np.random.default_rng(0))
    estimates = losses[t] * factors
    assert estimates.mean() == pytest.approx(losses.mean(), rel=0.01)
    assert estimates.std() < 0.2 * losses[np.random.default_rng(0).integers(4, size=20_000)].std()


def test_no_loss_at_all_is_no_division_by_zero() -> None:
    t, factors = filled(np.zeros(3)).draw(5, np.random.default_rng(0))
    assert np.isfinite(factors).all() and len(t) == 5


def test_it_is_stored_with_what_is_trained() -> None:
    sampler, other = filled(np.array([1.0, 2.0])), SecondMoments(2)
    other.load_state_dict(sampler.state_dict())
    assert (other.probabilities() == sampler.probabilities()).all() and other.probabilities()[1] > 0.6
