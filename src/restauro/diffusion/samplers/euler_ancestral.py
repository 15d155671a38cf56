"""Euler ancestral: Euler to a lower level than the next, then noise up to it (Song et al. 2021 with Karras' levels)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from torch import Tensor

from restauro.core.knobs import Knob
from restauro.core.noise import Noise
from restauro.diffusion.contract import Denoiser, Estimate, Guidance, Sampler, Step
from restauro.diffusion.denoiser import fixed_small
from restauro.diffusion.samplers._ancestral import down_and_up
from restauro.diffusion.walk import Draw, Proposal, walk


class EulerAncestral(Sampler, frozen=True, kw_only=True):
    """y' = D + down d + up z, d = (y - D) / sigma the noise, y = x / sqrt(a);
    up = min(sigma', eta (sigma' / sigma) sqrt(sigma^2 - sigma'^2)), down^2 = sigma'^2 - up^2.

    eta 1 draws from p(x_{t-1} | x_t) with the fixed small variance; more forgets more of the noise. Up to 1 it is DDIM's eta.
    """

    eta: Annotated[float, Knob("noise added back at each step: 0 none, 1 as much as ancestral sampling", ge=0, le=10)] = 1.0

    def steps(self, denoiser: Denoiser, start: Tensor, guidance: Guidance, noise: Noise) -> Iterator[Step]:
        schedule = denoiser.schedule

        def propose(estimate: Estimate, x: Tensor, t: int, draw: Draw) -> Proposal:
            sigma, below = float(schedule.sigma(t)), float(schedule.sigma(t - 1)) if t else 0.0
            down, up = down_and_up(sigma, below, self.eta)
            d = schedule.noise_from_clean(x, t, estimate.clean)
            scale = float(schedule.alphas_cumprod_prev[t]) ** 0.5
            mean = scale * (estimate.clean + down * d)
            return Proposal(mean, fixed_small(schedule, x, t), mean + scale * up * draw() if up else mean)

        return walk(denoiser, start, guidance, noise, propose)
