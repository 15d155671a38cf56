"""A network, whatever it predicts, as a denoiser; and the reverse step's distribution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from restauro.diffusion.contract import Estimate
from restauro.diffusion.schedule import NoiseSchedule, Time

Predicts = Literal["eps", "v", "clean", "mean"]
Variance = Literal["fixed_small", "fixed_small_clipped", "fixed_large", "learned", "learned_range"]


@dataclass(frozen=True)
class NetworkDenoiser:
    """`network(x, told)` -> (N, C, H, W), with another C channels for a learned variance.

    told: (N,), the original timesteps of the schedule, times 1000 / original T if `rescale_timesteps`; or what says the same
    on any schedule: "level", sqrt(alpha-bar) (WaveGrad), or "gamma", alpha-bar itself (SR3). float32, or x's if that is finer.
    predicts: the noise, v, the clean picture or mu-tilde. variance: Ho et al.'s two fixed ones (the small one with
    OpenAI's or the floored logarithm at t = 0), or Nichol and Dhariwal's learned ones.
    clip: the clean estimate to [-1, 1]. The estimate's `noise` stays what the network said: samplers derive theirs
    from the clean estimate, which guidance may have bent.
    """

    network: Callable[[Tensor, Tensor], Tensor]
    schedule: NoiseSchedule
    shape: tuple[int, int, int]
    predicts: Predicts = "eps"
    variance: Variance = "fixed_small"
    clip: bool = True
    rescale_timesteps: bool = False
    told: Literal["timesteps", "level", "gamma"] = "timesteps"

    def on(self, schedule: NoiseSchedule) -> NetworkDenoiser:
        return replace(self, schedule=schedule)

    def __call__(self, x: Tensor, t: Time) -> Estimate:
        return self.read(self.output(x, t), x, t)

    def output(self, x: Tensor, t: Time) -> Tensor:
        """The network's own answer at index t of the schedule, or at (N,) indices."""
        if self.told != "timesteps":
            told = self.schedule.level(t) ** (1 if self.told == "level" else 2)
        else:
            told = self.schedule.told(t)
            if self.rescale_timesteps:
                told = told * (1000.0 / self.schedule.original_steps)
        dtype = torch.promote_types(x.dtype, torch.float32)
        return self.network(x, torch.as_tensor(told, dtype=dtype, device=x.device).expand(len(x)))

    def read(self, output: Tensor, x: Tensor, t: Time) -> Estimate:
        """What an output of the network says about x_t."""
        schedule = self.schedule
        said = output[:, : x.shape[1]] if self.variance.startswith("learned") else output
        match self.predicts:
            case "eps":
                clean, noise = schedule.clean_from_noise(x, t, said), said
            case "v":
                clean, noise = schedule.clean_from_v(x, t, said), schedule.noise_from_v(x, t, said)
            case "clean":
                clean, noise = said, schedule.noise_from_clean(x, t, said)
            case "mean":
                clean = schedule.clean_from_mean(x, t, said)
                noise = schedule.noise_from_clean(x, t, clean)
        return Estimate(
            clean=clean.clamp(-1, 1) if self.clip else clean,
            noise=noise,
            log_variance=self._log_variance(output, x, t),
            mean=said if self.predicts == "mean" else None,
        )

    def _log_variance(self, output: Tensor, x: Tensor, t: Time) -> Tensor | None:
        """None for the fixed small one, which every schedule has."""
        schedule = self.schedule
        match self.variance:
            case "fixed_small":
                return None
            case "fixed_small_clipped":
                return schedule.gather(schedule.posterior_log_variance_floored, t, x).expand_as(x)
            case "fixed_large":
                return schedule.gather(schedule.fixed_large_log_variance, t, x).expand_as(x)
            case "learned":
                return output[:, x.shape[1] :]
            case "learned_range":  # v is not clamped
                share = (output[:, x.shape[1] :] + 1) / 2
                large = schedule.gather(schedule.log_betas, t, x)
                return share * large + (1 - share) * schedule.gather(schedule.posterior_log_variance_clipped, t, x)


def posterior(schedule: NoiseSchedule, estimate: Estimate, x: Tensor, t: Time) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, variance and log-variance of p(x_{t-1} | x_t), each (N, C, H, W).

    The mean is the network's own where it predicts mu-tilde, else that of the clean estimate; the variance is the
    estimate's, or the fixed small one. At t = 0 the small variance is 0 and its logarithm is not.
    """
    mean = schedule.posterior_mean(estimate.clean, x, t) if estimate.mean is None else estimate.mean
    if estimate.log_variance is not None:
        return mean, estimate.log_variance.exp(), estimate.log_variance
    log_variance = schedule.gather(schedule.posterior_log_variance_clipped, t, x).expand_as(x)
    return mean, fixed_small(schedule, x, t), log_variance


def fixed_small(schedule: NoiseSchedule, x: Tensor, t: Time) -> Tensor:
    """beta-tilde at t in the shape of x."""
    return schedule.gather(schedule.posterior_variance, t, x).expand_as(x)
