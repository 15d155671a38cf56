"""Weights are of the clean picture's error, whatever the network predicts."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch

from restauro.diffusion.denoiser import NetworkDenoiser, Predicts
from restauro.diffusion.losses import training_losses
from restauro.diffusion.schedule import NoiseSchedule
from restauro.diffusion.weighting import factors

SCHEDULE = NoiseSchedule.named("openai-linear")
T = np.array([1, 30, 200, 600, 999])


@pytest.mark.parametrize("kind", ["min-snr", "edm"])
@pytest.mark.parametrize("predicts", get_args(Predicts))
def test_the_same_error_costs_the_same(kind: str, predicts: str) -> None:
    """Of an answer that is off by 0.01 in the clean picture."""
    clean, noise = torch.randn(2, len(T), 3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    t = torch.from_numpy(T)
    x = SCHEDULE.q_sample(clean, t, noise)
    off = clean + 0.01
    answer = {
        "clean": off,
        "eps": SCHEDULE.noise_from_clean(x, t, off),
        "v": SCHEDULE.v_target(off, t, SCHEDULE.noise_from_clean(x, t, off)),
        "mean": SCHEDULE.posterior_mean(off, x, t),
    }[predicts]
    denoiser = NetworkDenoiser(lambda x, t: answer, SCHEDULE, (3, 4, 4), predicts)  # type: ignore[arg-type]
    mse = training_losses(denoiser, clean, t, noise).mse
    assert mse is not None
    snr = SCHEDULE.alphas_cumprod[T] / (1 - SCHEDULE.alphas_cumprod[T])
    expected = np.minimum(snr, 5) if kind == "min-snr" else snr + 4
    found = mse.numpy() * factors(kind, SCHEDULE, T, predicts)  # type: ignore[arg-type]
    np.testing.assert_allclose(found, 1e-4 * expected, rtol=1e-6)


def test_none_is_one() -> None:
    assert (factors("none", SCHEDULE, T, "eps") == 1).all()


def test_edm_weighs_a_fresh_networks_levels_alike() -> None:
    """With data of spread 0.5, lambda is one over the variance of EDM's target."""
    sigma = SCHEDULE.sigma(T.astype(float))
    np.testing.assert_allclose(factors("edm", SCHEDULE, T, "clean"), (sigma**2 + 0.25) / (0.5 * sigma) ** 2, rtol=1e-9)
