"""DPM-Solver++ 2M: second order from the last two clean estimates, one call per step (Lu et al. 2022, algorithm 2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from torch import Tensor

from restauro.core.knobs import Knob
from restauro.core.noise import Noise
from restauro.diffusion.contract import Denoiser, Estimate, Guidance, Sampler, Step
from restauro.diffusion.denoiser import fixed_small
from restauro.diffusion.samplers._multistep import Ease, FinalSigma, Form, Levels, Past, Solver, correction, parts
from restauro.diffusion.walk import Draw, Proposal, walk


class DpmPP2M(Sampler, frozen=True, kw_only=True):
    """x' = (s'/s) x - alpha' expm1(-h) D, h = lambda' - lambda, lambda = log(alpha / s), alpha^2 = a, s^2 = 1 - a;
    D = D_i + (D_i - D_{i-1}) / 2r, r = h_before / h.

    First order at the first step and at the step to sigma 0. Deterministic; best on "karras:N" or "logsnr:N" steps.
    """

    order: Annotated[int, Knob("clean estimates a step is made from; 3 as published is of second order, too", ge=2, le=3)] = 2
    solver: Annotated[Solver, Knob("which second-order formula")] = "midpoint"
    form: Annotated[Form, Knob("what is extrapolated: the clean estimate, or the noise (DPM-Solver without ++)")] = "clean"
    ease: Ease = "short"
    final_sigma: FinalSigma = 0.0

    def steps(self, denoiser: Denoiser, start: Tensor, guidance: Guidance, noise: Noise) -> Iterator[Step]:
        schedule = denoiser.schedule
        levels = Levels.of(schedule, self.final_sigma, self.form)
        past = Past(levels, self.order)

        def propose(estimate: Estimate, x: Tensor, t: int, draw: Draw) -> Proposal:
            m, n = parts(self.form, schedule, estimate, x, t)
            past.add(t, m)
            bent = m + correction(past, past.order(self.order, self.ease, len(schedule)), self.solver)
            x_next = float(levels.of_m[t]) * bent + float(levels.of_n[t]) * n
            return Proposal(x_next, fixed_small(schedule, x, t), x_next)

        return walk(denoiser, start, guidance, noise, propose)
