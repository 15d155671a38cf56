"""DPM-Solver++ 2M: second order from the last two clean estimates, one call per step (Lu et al. 2022, algorithm 2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated

import numpy as np
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.knobs import Knob
from restauro.core.noise import Noise
from restauro.diffusion.contract import Denoiser, Estimate, Guidance, Sampler, Step
from restauro.diffusion.denoiser import fixed_small
from restauro.diffusion.walk import Proposal, walk

FEW = 15  # with fewer steps the last one is of first order even where it need not be (diffusers' lower_order_final)


class DpmPP2M(Sampler, frozen=True, kw_only=True):
    """x' = (s'/s) x - alpha' expm1(-h) D, h = lambda' - lambda, lambda = log(alpha / s), alpha^2 = a, s^2 = 1 - a;
    D = D_i + (D_i - D_{i-1}) / 2r, r = h_before / h.

    First order at the first step and at the step to sigma 0. Deterministic; best on "karras:N" or "logsnr:N" steps.
    """

    final_sigma: Annotated[float, Knob("noise level where the walk ends, below its last step; 0: clean", ge=0, unit="sigma")] = (
        0.0
    )

    def steps(self, denoiser: Denoiser, start: Tensor, guidance: Guidance, noise: Noise) -> Iterator[Step]:
        schedule = denoiser.schedule
        total = len(schedule)
        if self.final_sigma >= schedule.sigma(0):
            raise RecipeError(f"final_sigma {self.final_sigma:g}: the steps already go down to {float(schedule.sigma(0)):.3g}")
        abar = np.append(1 / (1 + self.final_sigma**2), schedule.alphas_cumprod)  # abar[t] is where step t leads
        alpha, spread = np.sqrt(abar), np.sqrt(1 - abar)
        with np.errstate(divide="ignore"):
            lam = np.log(alpha) - np.log(spread)
        at = total
        before: Tensor | None = None
        latest: Tensor | None = None

        def propose(estimate: Estimate, x: Tensor, t: int, draw: Callable[[], Tensor]) -> Proposal:
            nonlocal at, before, latest
            if t != at:  # a repeat at the same t replaces its estimate, it does not become its own predecessor
                at, before = t, latest
            latest = estimate.clean
            direction, h = estimate.clean, lam[t] - lam[t + 1]
            if before is not None and not (t == 0 and (self.final_sigma == 0 or total < FEW)):
                direction = direction + (direction - before) * float(0.5 * h / (lam[t + 1] - lam[t + 2]))
            x_next = float(spread[t] / spread[t + 1]) * x - float(alpha[t] * np.expm1(-h)) * direction
            return Proposal(x_next, fixed_small(schedule, x, t), x_next)

        return walk(denoiser, start, guidance, noise, propose)
