"""What a prior is trained on: the simple loss, the variational bound, and their hybrid.

Ho et al. 2020, equations 5, 13 and 14; Nichol and Dhariwal 2021, section 3.1. t: (N,) indices. Every result is (N,).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from restauro.diffusion.contract import Estimate
from restauro.diffusion.denoiser import NetworkDenoiser, posterior
from restauro.diffusion.schedule import NoiseSchedule, Time

Kind = Literal["mse", "rescaled_mse", "kl", "rescaled_kl"]
LN2 = math.log(2.0)


class Losses(NamedTuple):
    """`loss` is what to minimise; `mse` and `vb` (bits per dimension) are its parts, where it has them."""

    loss: Tensor
    mse: Tensor | None
    vb: Tensor | None


def training_losses(denoiser: NetworkDenoiser, clean: Tensor, t: Tensor, noise: Tensor, kind: Kind = "mse") -> Losses:
    """mse: squared error of what the network predicts; with a learned variance also the bound's term, which trains the
    variance only. rescaled_mse weights that term by T / 1000 (the hybrid loss of the paper). kl: the bound's term alone;
    rescaled_kl times T, an unbiased estimate of the bound.
    """
    schedule = denoiser.schedule
    x = schedule.q_sample(clean, t, noise)
    output = denoiser.output(x, t)
    if kind in ("kl", "rescaled_kl"):
        vb = bound_term(denoiser, output, clean, x, t)
        return Losses(vb * len(schedule) if kind == "rescaled_kl" else vb, None, vb)
    channels = x.shape[1]
    match denoiser.predicts:
        case "eps":
            wanted = noise
        case "v":
            wanted = schedule.v_target(clean, t, noise)
        case "clean":
            wanted = clean
        case "mean":
            wanted = schedule.posterior_mean(clean, x, t)
    mse = (wanted - output[:, :channels]).square().mean((1, 2, 3))
    if not denoiser.variance.startswith("learned"):
        return Losses(mse, mse, None)
    vb = bound_term(denoiser, torch.cat([output[:, :channels].detach(), output[:, channels:]], 1), clean, x, t)
    if kind == "rescaled_mse":
        vb = vb * (len(schedule) / 1000)
    return Losses(mse + vb, mse, vb)


def bound_term(denoiser: NetworkDenoiser, output: Tensor, clean: Tensor, x: Tensor, t: Tensor, *, clip: bool = False) -> Tensor:
    """L_t in bits per dimension: the decoder's at t = 0, else KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t)).

    Training never clips, since a clipped estimate has no gradient; evaluation does.
    """
    return step_bits(denoiser.schedule, replace(denoiser, clip=clip).read(output, x, t), clean, x, t)


def step_bits(schedule: NoiseSchedule, estimate: Estimate, clean: Tensor, x: Tensor, t: Time) -> Tensor:
    """The same of what any denoiser says about x at t."""
    mean, _, log_variance = posterior(schedule, estimate, x, t)
    true_mean = schedule.posterior_mean(clean, x, t)
    true_log_variance = schedule.gather(schedule.posterior_log_variance_clipped, t, x).expand_as(x)
    kl = normal_kl(true_mean, true_log_variance, mean, log_variance).mean((1, 2, 3)) / LN2
    decoder = -discretised_log_likelihood(clean, mean, 0.5 * log_variance).mean((1, 2, 3)) / LN2
    return torch.where(torch.as_tensor(t, device=x.device) == 0, decoder, kl)


def prior_bits(schedule: NoiseSchedule, clean: Tensor) -> Tensor:
    """L_T in bits per dimension: what the last step still knows of the picture."""
    last = len(schedule) - 1
    mean = schedule.gather(schedule.sqrt_alphas_cumprod, last, clean) * clean
    log_variance = schedule.gather(schedule.log_one_minus_alphas_cumprod, last, clean)
    zero = clean.new_zeros(())
    return normal_kl(mean, log_variance, zero, zero).mean((1, 2, 3)) / LN2


def normal_kl(mean1: Tensor, log_variance1: Tensor, mean2: Tensor, log_variance2: Tensor) -> Tensor:
    """KL(N1 || N2) in nats, elementwise."""
    spread = torch.exp(log_variance1 - log_variance2)
    return 0.5 * (-1 + log_variance2 - log_variance1 + spread + (mean1 - mean2).square() * torch.exp(-log_variance2))


def discretised_log_likelihood(x: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """log P of 8-bit pictures x in [-1, 1] under a Gaussian cut into 256 bins, in nats, elementwise.

    The edge bins are open. The normal distribution function is its tanh approximation, as published.
    """
    centred, inverse = x - mean, torch.exp(-log_scale)
    upper, lower = _normal_cdf(inverse * (centred + 1 / 255)), _normal_cdf(inverse * (centred - 1 / 255))
    mass = torch.where(x < -0.999, upper, torch.where(x > 0.999, 1 - lower, upper - lower))
    return mass.clamp_min(1e-12).log()


def _normal_cdf(x: Tensor) -> Tensor:
    return 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
