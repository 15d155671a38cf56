"""Between two pictures, through the prior (Ho et al. 2020, figure 8)."""

from __future__ import annotations

import math
from collections.abc import Iterator

from torch import Tensor

from restauro.core.noise import Noise
from restauro.diffusion.contract import Denoiser, Sampler, Step, Unguided


def interpolate(
    denoiser: Denoiser,
    sampler: Sampler,
    first: Tensor,
    second: Tensor,
    share: float,
    t: int,
    noise: Noise,
    *,
    spherical: bool = False,
) -> Iterator[Step]:
    """Both pictures (N, C, H, W) diffused to index t with `noise(0, 0)` and `noise(0, 1)`, mixed, and walked back.

    share: 0 the first, 1 the second. Published is the linear mixture, whose noise is too weak in the middle, so that
    middle pictures come out smooth; spherical keeps the noise's strength.
    """
    schedule = denoiser.schedule
    one, two = schedule.q_sample(first, t, noise(0, 0)), schedule.q_sample(second, t, noise(0, 1))
    a, b = (math.cos(share * math.pi / 2), math.sin(share * math.pi / 2)) if spherical else (1 - share, share)
    return sampler.steps(denoiser.on(schedule.respace(range(t + 1))), a * one + b * two, Unguided(), noise)
