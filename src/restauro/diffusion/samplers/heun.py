"""Heun: two calls per step, second order, with or without churn (Karras et al. 2022, algorithms 1 and 2)."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Annotated, Literal

from torch import Tensor

from restauro.core.knobs import Knob
from restauro.core.noise import Noise
from restauro.diffusion.contract import Denoiser, Estimate, Guidance, Step
from restauro.diffusion.denoiser import fixed_small
from restauro.diffusion.samplers._churn import Churned
from restauro.diffusion.walk import Draw, Proposal, guided, walk


class Heun(Churned, frozen=True, kw_only=True):
    """y' = y + (sigma' - sigma) (d + d_2) / 2, d = (y - D) / sigma the noise, d_2 that of Euler's y'; y = x / sqrt(a).

    Steps from pure noise and to sigma 0 are Euler's. Look "middle": y' = y + (sigma' - sigma) d_2, d_2 taken at
    sqrt(sigma sigma'), as DPM-Solver-2 (Lu et al. 2022).
    """

    look: Annotated[Literal["end", "middle"], Knob("where in a step the second call looks")] = "end"

    def calls(self, steps: int) -> int:
        return 2 * steps - 1

    def steps(self, denoiser: Denoiser, start: Tensor, guidance: Guidance, noise: Noise) -> Iterator[Step]:
        schedule = denoiser.schedule

        def propose(estimate: Estimate, x: Tensor, t: int, draw: Draw) -> Proposal:
            def towards(t: float, d: Tensor) -> Tensor:
                return schedule.q_sample(estimate.clean, t, d)

            at = self.raised(schedule, t)
            d = schedule.noise_from_clean(x, at, estimate.clean)
            if t and isfinite(sigma := float(schedule.sigma(at))):
                below = float(schedule.sigma(t - 1))
                second = t - 1 if self.look == "end" else float(schedule.t_of_sigma((sigma * below) ** 0.5))
                said, there = guided(denoiser, guidance, towards(second, d), second)
                turn = schedule.noise_from_clean(there, second, said.clean) - d
                d = d + (1 - sigma / below) * (turn / 2 if self.look == "end" else turn)
            x_next = towards(t - 1, d) if t else estimate.clean
            return Proposal(x_next, fixed_small(schedule, x, t), x_next)

        return walk(denoiser, start, guidance, noise, propose, self.stirred(schedule))
