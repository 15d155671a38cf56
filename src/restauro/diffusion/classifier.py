"""Classifier guidance: the gradient of log p(y | x_t), evaluated at x_t (Dhariwal and Nichol 2021, algorithms 1 and 2).

Neither of the two moves clips again: a guided estimate may leave [-1, 1].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from restauro.diffusion.contract import Estimate, Move, Unguided
from restauro.diffusion.schedule import NoiseSchedule

Score = Callable[[Tensor, float], Tensor]
"""`score(x_t, timestep)` -> (N, C, H, W), with the schedule's original timestep."""


@dataclass(frozen=True)
class GuidedMean(Unguided):
    """The step's mean moves by variance * score: made for ancestral sampling."""

    score: Score
    schedule: NoiseSchedule

    def step(self, move: Move, redo: Callable[[Tensor], Move]) -> Tensor:
        return move.x_next + move.variance * self.score(move.x, float(self.schedule.original_index[move.t]))


@dataclass(frozen=True)
class GuidedScore(Unguided):
    """The noise moves by -sqrt(1 - a) * score, and the clean estimate with it: made for DDIM."""

    score: Score
    schedule: NoiseSchedule

    def clean(self, estimate: Estimate, x: Tensor, t: float) -> Estimate:
        a = float(self.schedule.alpha_bar(t))
        shift = (1 - a) * self.score(x, float(self.schedule.told(t)))
        # both from the one shift: through the noise and back would cost float32 three digits where a is small
        clean = estimate.clean + shift / a**0.5
        return replace(estimate, clean=clean, noise=self.schedule.noise_from_clean(x, t, estimate.clean) - shift / (1 - a) ** 0.5)
