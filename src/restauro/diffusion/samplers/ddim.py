"""DDIM: few deterministic steps, or with noise in between (Song et al. 2021, equation 12)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.core.noise import Noise
from restauro.diffusion.contract import Denoiser, Estimate, Guidance, Sampler, Step
from restauro.diffusion.denoiser import fixed_small
from restauro.diffusion.walk import Draw, Proposal, walk


class Ddim(Sampler, frozen=True, kw_only=True):
    """x' = sqrt(a') x_0 + sqrt(1 - a' - s^2) eps + s z, s^2 = eta^2 times the fixed small variance.

    eps is derived from the clean estimate after clipping and guidance, so that the two always fit together.
    """

    eta: Annotated[float, Knob("noise added back at each step: 0 none, 1 as much as ancestral sampling", ge=0, le=1)] = 0.0

    def steps(self, denoiser: Denoiser, start: Tensor, guidance: Guidance, noise: Noise) -> Iterator[Step]:
        schedule = denoiser.schedule

        def propose(estimate: Estimate, x: Tensor, t: int, draw: Draw) -> Proposal:
            before, spread = float(schedule.alphas_cumprod_prev[t]), self.eta * float(schedule.posterior_variance[t]) ** 0.5
            eps = schedule.noise_from_clean(x, t, estimate.clean)
            mean = before**0.5 * estimate.clean + max(1 - before - spread**2, 0.0) ** 0.5 * eps
            x_next = mean + spread * draw() if t and self.eta else mean
            return Proposal(mean, fixed_small(schedule, x, t), x_next)

        return walk(denoiser, start, guidance, noise, propose)


@torch.no_grad()
def ddim_reverse(denoiser: Denoiser, clean: Tensor) -> Iterator[Step]:
    """From a picture to the noise that DDIM (eta 0) would make it from: the same ODE, walked upwards.

    The last step goes to alpha-bar 0: noise alone.
    """
    schedule, x = denoiser.schedule, clean
    for t in range(len(schedule)):
        estimate = denoiser(x, t)
        above = float(schedule.alphas_cumprod_next[t])
        x = above**0.5 * estimate.clean + (1 - above) ** 0.5 * schedule.noise_from_clean(x, t, estimate.clean)
        yield Step(index=t, total=len(schedule), t=float(schedule.original_index[t]), clean=estimate.clean, x=x)
