"""LMS: a linear multistep down the probability-flow ODE, one call per step (Adams and Bashforth, in sigma)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite, prod
from typing import Annotated, Literal

import numpy as np
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.core.noise import Noise
from restauro.diffusion.contract import Denoiser, Estimate, Guidance, Sampler, Step
from restauro.diffusion.denoiser import fixed_small
from restauro.diffusion.walk import Draw, Proposal, walk


class Lms(Sampler, frozen=True, kw_only=True):
    """y' = y + integral of d from sigma to sigma', d the polynomial in sigma through the last noises; y = x / sqrt(a).

    First order from pure noise on. Not made for the ODE's linear part, as dpmpp-2m is.
    """

    order: Annotated[int, Knob("noises a step is made from", ge=1, le=4)] = 4
    ease: Annotated[Literal["end", "never"], Knob("first order at the step to sigma 0, or nowhere (as published)")] = "end"

    def steps(self, denoiser: Denoiser, start: Tensor, guidance: Guidance, noise: Noise) -> Iterator[Step]:
        schedule = denoiser.schedule
        past: list[tuple[int, Tensor]] = []

        def propose(estimate: Estimate, x: Tensor, t: int, draw: Draw) -> Proposal:
            d = schedule.noise_from_clean(x, t, estimate.clean)
            past[:] = [(t, d), *(one for one in past if one[0] != t and isfinite(schedule.sigma(one[0])))][: self.order]
            below = float(schedule.sigma(t - 1)) if t else 0.0
            y = estimate.clean + below * d
            if len(past) > 1 and (t or self.ease == "never"):
                weights = _integrals([float(schedule.sigma(one)) for one, _ in past], below)
                y = y + sum(weight * (one - d) for weight, (_, one) in zip(weights[1:], past[1:], strict=True))
            x_next = float(schedule.alphas_cumprod_prev[t]) ** 0.5 * y
            return Proposal(x_next, fixed_small(schedule, x, t), x_next)

        return walk(denoiser, start, guidance, noise, propose)


def _integrals(sigmas: Sequence[float], end: float) -> list[float]:
    """Of Lagrange's polynomials of the places `sigmas`, from the first of them to `end`; Gauss' rule is exact for them."""
    places, weights = np.polynomial.legendre.leggauss(2)
    half = (end - sigmas[0]) / 2
    taus = sigmas[0] + half * (places + 1)
    return [
        float(half * (weights * prod((taus - other) / (one - other) for other in sigmas if other != one)).sum()) for one in sigmas
    ]
