"""Between two pictures, through the prior (Ho et al. 2020, figure 8)."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from restauro.core.noise import Noise
from restauro.diffusion.contract import Denoiser, Sampler, Step, Unguided


def interpolate(
    denoiser: Denoiser,
    sampler: Sampler,
    first: Tensor,
    second: Tensor,
    share: float | Tensor,
    t: int,
    noise: Noise,
    *,
    spherical: bool = False,
) -> Iterator[Step]:
    """Both pictures (N, C, H, W) diffused to index t with `noise(0, 0)` and `noise(0, 1)`, mixed, and walked back.

    share: 0 the first, 1 the second; or (N,) of them. Published is the linear mixture, whose noise is too weak in the
    middle, so that middle pictures come out smooth; spherical mixes the noise so that it keeps its strength.
    """
    schedule = denoiser.schedule
    one, two = noise(0, 0), noise(0, 1)
    part = torch.as_tensor(share).to(first).reshape(-1, 1, 1, 1)
    angle = part * (math.pi / 2)
    mixed = angle.cos() * one + angle.sin() * two if spherical else (1 - part) * one + part * two
    start = schedule.q_sample((1 - part) * first + part * second, t, mixed)
    return sampler.steps(denoiser.on(schedule.respace(range(t + 1))), start, Unguided(), noise)
