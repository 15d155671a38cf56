"""DPM-Solver++ 2M SDE: the multistep solver with noise exchanged at each step (Lu et al. 2022, appendix on SDEs)."""

from __future__ import annotations

from collections.abc import Iterator
from math import exp
from typing import Annotated

from torch import Tensor

from restauro.core.knobs import Knob
from restauro.core.noise import Noise
from restauro.diffusion.contract import Denoiser, Estimate, Guidance, Sampler, Step
from restauro.diffusion.denoiser import fixed_small
from restauro.diffusion.samplers._multistep import Ease, FinalSigma, Levels, Past, Solver, correction, parts
from restauro.diffusion.walk import Draw, Proposal, walk


class DpmPP2MSde(Sampler, frozen=True, kw_only=True):
    """x' = (s'/s) e^{-eta h} x - alpha' expm1(-(1 + eta) h) D + s' sqrt(1 - e^{-2 eta h}) z; h and D as in dpmpp-2m.

    eta 1 is the reverse SDE itself, 0 is dpmpp-2m. First order at the first step and at the step to sigma 0.
    """

    eta: Annotated[float, Knob("noise exchanged at each step: 0 none, 1 as the reverse SDE", ge=0, le=2)] = 1.0
    order: Annotated[int, Knob("clean estimates a step is made from; 3 as published is of second order, too", ge=2, le=3)] = 2
    solver: Annotated[Solver, Knob("which second-order formula")] = "midpoint"
    ease: Ease = "short"
    final_sigma: FinalSigma = 0.0

    def steps(self, denoiser: Denoiser, start: Tensor, guidance: Guidance, noise: Noise) -> Iterator[Step]:
        schedule = denoiser.schedule
        levels = Levels.of(schedule, self.final_sigma)
        past = Past(levels, self.order)

        def propose(estimate: Estimate, x: Tensor, t: int, draw: Draw) -> Proposal:
            m, n = parts("clean", schedule, estimate, x, t)
            past.add(t, m)
            bent = m + correction(past, past.order(self.order, self.ease, len(schedule)), self.solver, 1 + self.eta)
            kept = exp(-levels.h(t)) ** self.eta
            mean = float(levels.of_m[t]) * bent + float(levels.of_n[t]) * kept * n
            fresh = float(levels.of_n[t]) * (1 - kept**2) ** 0.5
            return Proposal(mean, fixed_small(schedule, x, t), mean + fresh * draw() if fresh else mean)

        return walk(denoiser, start, guidance, noise, propose)
