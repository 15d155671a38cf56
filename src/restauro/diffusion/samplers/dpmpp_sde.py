"""DPM-Solver++ SDE: two calls per step, noise exchanged before each of them (Lu et al. 2022, appendix on SDEs)."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Annotated

from torch import Tensor

from restauro.core.knobs import Knob
from restauro.core.noise import Noise
from restauro.diffusion.contract import Denoiser, Estimate, Guidance, Sampler, Step
from restauro.diffusion.denoiser import fixed_small
from restauro.diffusion.samplers._ancestral import down_and_up
from restauro.diffusion.walk import Draw, Proposal, guided, walk


class DpmPPSde(Sampler, frozen=True, kw_only=True):
    """y' = D_2 + (down / sigma) (y - D_2) + up z, y = x / sqrt(a), D_2 the clean estimate at the middle sqrt(sigma sigma'), to
    which an ancestral Euler step went; down and up as in euler-ancestral.

    Without noise it is dpm-singlestep. Steps from pure noise and to sigma 0 are of first order.
    """

    eta: Annotated[float, Knob("noise exchanged at each step: 0 none, 1 as the reverse SDE", ge=0, le=2)] = 1.0

    def calls(self, steps: int) -> int:
        return 2 * steps - 1

    def steps(self, denoiser: Denoiser, start: Tensor, guidance: Guidance, noise: Noise) -> Iterator[Step]:
        schedule = denoiser.schedule

        def propose(estimate: Estimate, x: Tensor, t: int, draw: Draw) -> Proposal:
            sigma, below = float(schedule.sigma(t)), float(schedule.sigma(t - 1)) if t else 0.0
            clean, d = estimate.clean, schedule.noise_from_clean(x, t, estimate.clean)

            def towards(level: float, at: float, correction: Tensor | float = 0.0) -> tuple[Tensor, Tensor]:
                down, up = down_and_up(sigma, level, self.eta)
                scale = float(schedule.alpha_bar(at)) ** 0.5 if level else 1.0
                mean = scale * (clean + down * d + (1 - down / sigma) * correction)
                return mean, mean + scale * up * draw() if up else mean

            turn: Tensor | float = 0.0
            if t and isfinite(sigma):
                middle = (sigma * below) ** 0.5
                at = float(schedule.t_of_sigma(middle))
                seen = towards(middle, at)[1]
                said, moved = guided(denoiser, guidance, seen, at)
                # without what guidance moved: a step is bent once
                turn = said.clean + (seen - moved) / float(schedule.alpha_bar(at)) ** 0.5 - clean
            mean, x_next = towards(below, t - 1, turn)
            return Proposal(mean, fixed_small(schedule, x, t), x_next)

        return walk(denoiser, start, guidance, noise, propose)
