"""Churn: before each step the noise is raised a little, so that errors made above are forgotten (Karras et al. 2022)."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from restauro.core.knobs import Knob
from restauro.diffusion.contract import Sampler
from restauro.diffusion.schedule import NoiseSchedule
from restauro.diffusion.walk import Draw, Stir


class Churned(Sampler, frozen=True, kw_only=True):
    """sigma^ = (1 + gamma) sigma, gamma = min(churn / steps, sqrt(2) - 1) where sigma lies between the two bounds.

    Never above the level that the prior was trained to.
    """

    churn: Annotated[float, Knob("noise raised over the whole walk; 0: none, the ODE", ge=0, le=1000)] = 0.0
    churn_above: Annotated[float, Knob("only from this noise level on", ge=0, unit="sigma")] = 0.05
    churn_below: Annotated[float, Knob("only up to this noise level", ge=0, unit="sigma")] = 50.0
    churn_noise: Annotated[float, Knob("strength of the fresh noise; a little above 1 keeps detail", ge=0, le=2)] = 1.003

    def raised(self, schedule: NoiseSchedule, t: int) -> float:
        """The t of sigma^."""
        sigma = float(schedule.sigma(t))
        if not self.churn or not self.churn_above <= sigma <= self.churn_below:
            return t
        return float(schedule.t_of_sigma(sigma * (1 + min(self.churn / len(schedule), 2**0.5 - 1))))

    def stirred(self, schedule: NoiseSchedule) -> Stir:
        def stir(x: Tensor, t: int, draw: Draw) -> tuple[Tensor, float]:
            at = self.raised(schedule, t)
            if at == t:
                return x, t
            a, below, above = float(schedule.alpha_bar(at)), float(schedule.sigma(t)), float(schedule.sigma(at))
            x = (a / float(schedule.alphas_cumprod[t])) ** 0.5 * x
            return x + (a * (above**2 - below**2)) ** 0.5 * self.churn_noise * draw(), at

        return stir
