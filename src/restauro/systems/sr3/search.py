"""Which few noise levels to visit: tried, and scored on held-out pictures (SR3, 2104.07636, section 3.2; WaveGrad, 2009.00713).

A network that is told the level walks any schedule. The result is one word, as `NoiseSchedule.respace` takes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from restauro.core.errors import RecipeError
from restauro.diffusion.schedule import NoiseSchedule

FIRST = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
LAST = (*(float(f"{end:.2g}") for end in np.geomspace(0.02, 0.9, 9)), 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)
"""What the first and the last beta of a new schedule are tried from; very few steps end with one near 1."""
FAMILIES = ("ho-linear", "ho-quad")
KEEP = 4
"""Of how many that were tried roughly, one is tried on."""


class Found(NamedTuple):
    """A schedule by its word, and its score, of which less is better."""

    steps: str
    score: float


def candidates(schedule: NoiseSchedule, count: int) -> Iterator[str]:
    """Schedules of `count` steps that start from noise alone: linear and quadratic betas of many ends, cosine, and the trained
    schedule's own levels, spaced in the known ways."""
    ends = [f"@{first:g}..{last:g}" for first in FIRST for last in LAST if first < last]
    words = [f"{family}:{count}{end}" for family in FAMILIES for end in ["", *ends]]
    words += [f"{rule}:{count}" for rule in ("cosine", "karras", "logsnr", "trailing", "linspace")]
    for word in words:
        try:
            schedule.respace(word)
        except RecipeError:  # it starts from what is not noise, or is noisier than the network knows
            continue
        yield word


def search(
    schedule: NoiseSchedule, count: int, score: Callable[[NoiseSchedule, int], float], pictures: int, rough: int = 4
) -> list[Found]:
    """The best schedules of `count` steps, the best first.

    score(schedule, n): of a walk on n held-out pictures, always the same first ones; less is better. All candidates are
    scored on `rough` pictures, then the best quarter on four times as many, and so on up to `pictures`.
    """
    left, n = list(candidates(schedule, count)), min(rough, pictures)
    while True:
        found = sorted((Found(word, score(schedule.respace(word), n)) for word in left), key=lambda one: one.score)
        if n == pictures:
            return found
        left, n = [one.steps for one in found[: max(KEEP, len(found) // KEEP)]], min(n * KEEP, pictures)
