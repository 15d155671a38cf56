import math

import numpy as np
import pytest
import torch
from torch import Tensor

from restauro.diffusion.denoiser import NetworkDenoiser, Predicts
from restauro.diffusion.losses import discretised_log_likelihood, normal_kl, prior_bits, training_losses
from restauro.diffusion.schedule import NoiseSchedule

SCHEDULE = NoiseSchedule.named("openai-linear")


@pytest.mark.parametrize("predicts", ["eps", "v", "clean", "mean"])
def test_a_perfect_network_has_no_loss(predicts: Predicts) -> None:
    generator = torch.Generator().manual_seed(0)
    clean, noise = (torch.rand(3, 3, 4, 4, generator=generator) for _ in range(2))
    t = torch.tensor([1, 500, 999])

    def network(x: Tensor, timesteps: Tensor) -> Tensor:
        return {
            "eps": noise,
            "v": SCHEDULE.v_target(clean, t, noise),
            "clean": clean,
            "mean": SCHEDULE.posterior_mean(clean, x, t),
        }[predicts]

    found = training_losses(NetworkDenoiser(network, SCHEDULE, (3, 4, 4), predicts), clean, t, noise)
    assert found.loss.max() == 0 and found.vb is None
    bound = training_losses(NetworkDenoiser(network, SCHEDULE, (3, 4, 4), predicts), clean, t, noise, "kl")
    assert bound.loss.abs().max() < 1e-4 and bound.mse is None


def test_the_bound_trains_only_the_variance() -> None:
    output = torch.zeros(2, 6, 4, 4, requires_grad=True)
    denoiser = NetworkDenoiser(lambda x, t: output, SCHEDULE, (3, 4, 4), "eps", "learned_range")
    found = training_losses(denoiser, torch.rand(2, 3, 4, 4), torch.tensor([0, 300]), torch.randn(2, 3, 4, 4))
    assert found.vb is not None and found.mse is not None
    torch.testing.assert_close(found.loss, found.mse + found.vb)
    (gradient,) = torch.autograd.grad(found.vb.sum(), output)
    assert gradient[:, :3].abs().max() == 0 and gradient[:, 3:].abs().min() > 0


def test_rescaled_kinds() -> None:
    short = SCHEDULE.respace("50")
    clean, noise, t = torch.rand(2, 3, 4, 4), torch.randn(2, 3, 4, 4), torch.tensor([0, 30])
    denoiser = NetworkDenoiser(lambda x, t: torch.cat([x, x], 1), short, (3, 4, 4), "eps", "learned_range")
    hybrid, rescaled = (training_losses(denoiser, clean, t, noise, kind) for kind in ("mse", "rescaled_mse"))
    assert hybrid.vb is not None and rescaled.vb is not None
    torch.testing.assert_close(rescaled.vb, hybrid.vb * 0.05)
    bound, whole = (training_losses(denoiser, clean, t, noise, kind).loss for kind in ("kl", "rescaled_kl"))
    torch.testing.assert_close(whole, bound * 50)


def test_the_decoder_is_a_distribution_over_256_levels() -> None:
    levels = torch.linspace(-1, 1, 256, dtype=torch.float64)
    for mean, scale in ((0.0, 0.5), (0.9, 0.02), (-3.0, 0.1)):
        likelihood = discretised_log_likelihood(levels, torch.full_like(levels, mean), torch.full_like(levels, math.log(scale)))
        assert float(likelihood.exp().sum()) == pytest.approx(1, abs=1e-6)


def test_kl_and_prior() -> None:
    zero = torch.zeros(1)
    assert normal_kl(zero, zero, zero, zero) == 0
    assert normal_kl(zero, zero, zero + 1, zero).item() == pytest.approx(0.5)
    assert prior_bits(SCHEDULE, torch.zeros(1, 3, 2, 2)).item() < 1e-4
    ends_early = SCHEDULE.respace(np.arange(500).tolist())
    assert prior_bits(ends_early, torch.ones(1, 3, 2, 2)).item() > 0.01
