"""Euler: one call per step down the probability-flow ODE, with or without churn (Karras et al. 2022, algorithms 1 and 2)."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from restauro.core.noise import Noise
from restauro.diffusion.contract import Denoiser, Estimate, Guidance, Step
from restauro.diffusion.denoiser import fixed_small
from restauro.diffusion.samplers._churn import Churned
from restauro.diffusion.walk import Draw, Proposal, walk


class Euler(Churned, frozen=True, kw_only=True):
    """y' = y + (sigma' - sigma) d, d = (y - D) / sigma the noise, y = x / sqrt(a). Without churn it is DDIM with eta 0."""

    def steps(self, denoiser: Denoiser, start: Tensor, guidance: Guidance, noise: Noise) -> Iterator[Step]:
        schedule = denoiser.schedule

        def propose(estimate: Estimate, x: Tensor, t: int, draw: Draw) -> Proposal:
            d = schedule.noise_from_clean(x, self.raised(schedule, t), estimate.clean)
            below = float(schedule.alphas_cumprod_prev[t])
            x_next = below**0.5 * estimate.clean + (1 - below) ** 0.5 * d
            return Proposal(x_next, fixed_small(schedule, x, t), x_next)

        return walk(denoiser, start, guidance, noise, propose, self.stirred(schedule))
