"""What the multistep solvers share: the levels they walk, the estimates they remember, the order they may take.

With alpha^2 = a, s^2 = 1 - a and lambda = log(alpha / s), a step of first order (DDIM) goes to x' = alpha' m + s' n, m the clean
estimate and n the noise; a step of higher order corrects m by what m did before. Exchanging m with n, alpha with s and lambda
with -lambda gives the noise form of the same solver.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import numpy as np
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.knobs import Knob
from restauro.diffusion.contract import Estimate
from restauro.diffusion.schedule import NoiseSchedule, Table

Form = Literal["clean", "noise"]
Solver = Literal["midpoint", "heun"]
Ease = Annotated[
    Literal["short", "always", "never"], Knob("order falling to 1 over the last steps: in walks under 15 steps, always, never")
]
FinalSigma = Annotated[float, Knob("noise level where the walk ends, below its last step; 0: clean", ge=0, unit="sigma")]
SHORT = 15
"""Steps under which a walk is short (diffusers' lower_order_final)."""


class Levels(NamedTuple):
    """(T + 1,) tables. Entry t + 1 belongs to index t of the schedule, so entry t to where the step from there leads."""

    of_m: Table
    of_n: Table
    lam: Table

    @classmethod
    def of(cls, schedule: NoiseSchedule, final_sigma: float, form: Form = "clean") -> Levels:
        """RecipeError where the walk would have to end above its last step."""
        if final_sigma >= schedule.sigma(0):
            raise RecipeError(f"final_sigma {final_sigma:g}: the steps already go down to {float(schedule.sigma(0)):.3g}")
        a = np.append(1 / (1 + final_sigma**2), schedule.alphas_cumprod)
        alpha, spread = np.sqrt(a), np.sqrt(1 - a)
        with np.errstate(divide="ignore"):
            lam = np.log(alpha) - np.log(spread)
        return cls(alpha, spread, lam) if form == "clean" else cls(spread, alpha, -lam)

    def h(self, t: int) -> float:
        """The length of the step from index t."""
        return float(self.lam[t] - self.lam[t + 1])


def parts(form: Form, schedule: NoiseSchedule, estimate: Estimate, x: Tensor, t: int) -> tuple[Tensor, Tensor]:
    """m and n: the clean estimate and the noise that fits it, or the other way round."""
    noise = schedule.noise_from_clean(x, t, estimate.clean)
    return (estimate.clean, noise) if form == "clean" else (noise, estimate.clean)


class Past:
    """m at the last indices, the newest first. A repeat at the same t replaces its own."""

    def __init__(self, levels: Levels, longest: int):
        self.levels, self.longest = levels, longest
        self.seen: list[tuple[int, Tensor]] = []

    def add(self, t: int, m: Tensor) -> None:
        self.seen = [(t, m), *(one for one in self.seen if one[0] != t)][: self.longest]

    def order(self, wanted: int, ease: Ease, total: int) -> int:
        """As far as the past reaches; 1 where the walk ends at sigma 0; falling to 1 over its last steps if it eases out."""
        t, lam = self.seen[0][0], self.levels.lam
        if ease == "always" or (ease == "short" and total < SHORT) or np.isinf(lam[t]):
            wanted = min(wanted, t + 1)
        return max(min(wanted, sum(bool(np.isfinite(lam[one + 1])) for one, _ in self.seen)), 1)

    def slopes(self, order: int) -> list[tuple[float, Tensor]]:
        """(r, (m_j - m_0) / r) for the order - 1 estimates before the newest, r = (lambda_j - lambda_0) / h < 0."""
        (t, newest), *older = self.seen[:order]
        places = [float(self.levels.lam[one + 1] - self.levels.lam[t + 1]) / self.levels.h(t) for one, _ in older]
        return [(r, (m - newest) / r) for r, (_, m) in zip(places, older, strict=True)]


def correction(past: Past, order: int, solver: Solver, noisier: float = 1.0) -> Tensor | float:
    """Of m in a step of DPM-Solver++: 0 at first order, two formulas at second, one at third (Lu et al. 2022, appendix).

    noisier: 1 + eta, by which noise lengthens the step. At third order the authors' code halves the curvature, and so does
    everyone after them: it is of second order with a smaller error.
    """
    if order == 1:
        return 0.0
    h = noisier * past.levels.h(past.seen[0][0])
    phi_1 = float(-np.expm1(-h))
    phi_2 = 1 - phi_1 / h
    (r, slope), *further = past.slopes(order)
    if not further:
        return (phi_2 if solver == "heun" else phi_1 / 2) * slope
    ((r_2, slope_2),) = further
    curvature = (slope - slope_2) / (r - r_2)
    return phi_2 * (slope - r * curvature) + (0.5 - phi_2 / h) * curvature
