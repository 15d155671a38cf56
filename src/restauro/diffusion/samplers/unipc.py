"""UniPC: predict, then correct with the next call's own estimate: one order more at no cost (Zhao et al. 2023)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import expm1, factorial, isfinite
from typing import Annotated, Literal

import numpy as np
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.core.noise import Noise
from restauro.diffusion.contract import Denoiser, Estimate, Guidance, Sampler, Step
from restauro.diffusion.denoiser import fixed_small
from restauro.diffusion.samplers._multistep import Ease, FinalSigma, Form, Levels, Past, parts
from restauro.diffusion.walk import Draw, Proposal, walk


class UniPC(Sampler, frozen=True, kw_only=True):
    """x' = (s'/s) x - alpha' (expm1(-h) m_0 + B(h) sum_j rho_j (m_j - m_0) / r_j), r_j = (lambda_j - lambda_0) / h.

    The rho_j make it exact for polynomials in lambda (algorithms 5 to 8). The correction adds the new estimate, r = 1, to
    the sum: it moves the state from which the next step is predicted; the new estimate itself is not asked for again.
    """

    order: Annotated[int, Knob("of the prediction; the correction adds one", ge=1, le=3)] = 2
    b: Annotated[Literal["bh1", "bh2"], Knob("B(h): bh1 is h, bh2 is exp(h) - 1, both with the sign of -h")] = "bh2"
    correct: Annotated[bool, Knob("correct each step with the next call's estimate")] = True
    form: Annotated[Form, Knob("what is extrapolated: the clean estimate or the noise")] = "clean"
    ease: Ease = "always"
    final_sigma: FinalSigma = 0.0

    def steps(self, denoiser: Denoiser, start: Tensor, guidance: Guidance, noise: Noise) -> Iterator[Step]:
        schedule = denoiser.schedule
        levels = Levels.of(schedule, self.final_sigma, self.form)
        past = Past(levels, self.order)
        made: tuple[int, int, Tensor | float] = len(schedule), 0, 0.0  # the last step: from t, of order, with the correction

        def propose(estimate: Estimate, x: Tensor, t: int, draw: Draw) -> Proposal:
            nonlocal made
            m, n = parts(self.form, schedule, estimate, x, t)
            before, order, predicted = made
            if self.correct and t < before < len(schedule) and isfinite(levels.h(before)):
                slopes = [*past.slopes(order), (1.0, m - past.seen[0][1])]
                n = n + float(levels.of_m[t + 1] / levels.of_n[t + 1]) * (self._sum(slopes, levels.h(before)) - predicted)
            past.add(t, m)
            order = past.order(self.order, self.ease, len(schedule))
            made = t, order, self._sum(past.slopes(order), levels.h(t))
            x_next = float(levels.of_m[t]) * (m + made[2]) + float(levels.of_n[t]) * n
            return Proposal(x_next, fixed_small(schedule, x, t), x_next)

        return walk(denoiser, start, guidance, noise, propose)

    def _sum(self, slopes: Sequence[tuple[float, Tensor]], h: float) -> Tensor | float:
        """-B(h) sum_j rho_j slope_j, with R rho = b of equation (10)."""
        if not slopes:
            return 0.0
        B = -h if self.b == "bh1" else expm1(-h)
        rho: Sequence[float] = [0.5]  # not solved for: B(h) may be any function of h up to O(h^2)
        if len(slopes) > 1:
            phi, b = expm1(-h), []
            for i in range(1, len(slopes) + 1):
                phi = phi / -h - 1 / factorial(i)
                b.append(phi * factorial(i) / B)
            rho = np.linalg.solve(np.vander([r for r, _ in slopes], increasing=True).T, b).tolist()
        return -B * sum(weight * slope for weight, (_, slope) in zip(rho, slopes, strict=True))
