"""What SR3 is trained on: noise levels between the steps of a schedule, and the noise itself (2104.07636, section 2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from restauro.diffusion.schedule import NoiseSchedule, Table

Domain = Literal["level", "gamma"]
"""In what p(gamma) is piecewise uniform: sqrt(gamma), as WaveGrad and the repository have it, or gamma, as the paper has it."""


def draw_levels(
    schedule: NoiseSchedule, n: int, rng: np.random.Generator, *, domain: Domain = "level", one_t: bool = False
) -> Tensor:
    """(n,) float32 levels sqrt(gamma), each between the two of a step t that is drawn uniformly.

    one_t: one t for the whole batch, as the repository has it; only the places in the interval then differ, and the gradient
    varies more than it must.
    """
    t = rng.integers(len(schedule), size=1 if one_t else n)
    return torch.from_numpy(levels_within(schedule, np.broadcast_to(t, n), rng.random(n), domain)).float()


def levels_within(schedule: NoiseSchedule, t: ArrayLike, share: ArrayLike, domain: Domain = "level") -> Table:
    """Levels sqrt(gamma) in the intervals of the indices t (0 = one step of noise): share 0 is the noisier end, 1 the cleaner.

    The interval of t = 0 ends at 1, a picture without noise.
    """
    t = np.asarray(t)
    lower, upper = schedule.alphas_cumprod[t], schedule.alphas_cumprod_prev[t]
    if domain == "level":
        lower, upper = np.sqrt(lower), np.sqrt(upper)
    drawn = lower + (upper - lower) * np.asarray(share)
    return drawn if domain == "level" else np.sqrt(drawn)


def noised(clean: Tensor, levels: Tensor, noise: Tensor) -> Tensor:
    """y~ = sqrt(gamma) y_0 + sqrt(1 - gamma) noise; levels: (N,) sqrt(gamma)."""
    level = levels.to(clean)[:, None, None, None]
    return level * clean + (1 - level.square()).sqrt() * noise


def noise_loss(
    network: Callable[[Tensor, Tensor], Tensor],
    condition: Tensor | None,
    clean: Tensor,
    levels: Tensor,
    noise: Tensor,
    power: Literal[1, 2] = 1,
    told: Domain = "level",
) -> Tensor:
    """(N,): mean of |network - noise|^power over a picture's elements. The repository sums and divides by their count: the same.

    network(x, told): x is the condition, where there is one, before the noisy picture; told is sqrt(gamma) or gamma, (N,).
    """
    x = noised(clean, levels, noise)
    answer = network(x if condition is None else torch.cat([condition, x], 1), levels if told == "level" else levels.square())
    return (answer - noise).abs().pow(power).mean((1, 2, 3))
