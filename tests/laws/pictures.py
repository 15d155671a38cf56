"""Pictures that are the same at every size, and what the laws' properties are told about them."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from restauro.diffusion.contract import Observation


def waves(seed: int, n: int, height: int, width: int | None = None, dtype: torch.dtype = torch.float64) -> Tensor:
    """(n, 3, H, W) in [-0.6, 0.6]: one low frequency a channel, so that small and large ones are the same picture.

    No value is further than 1.5 standard deviations from its mean: published palettes do not drive it out of [-1, 1]. Nor
    do they the visible part of those of seed 11.
    """
    width = width or height
    y, x = ((torch.arange(side, dtype=dtype) + 0.5) / side for side in (height, width))
    out = torch.zeros(n, 3, height, width, dtype=dtype)
    for picture in range(n):
        generator = torch.Generator().manual_seed(1000 * seed + picture)  # a picture is the same in every batch
        for channel in range(3):
            level, strength, phase, *turns = torch.rand(5, generator=generator).tolist()
            down, right = ((0, 1), (1, 0), (1, 1), (2, 1), (1, 2))[int(turns[0] * 5)]
            wave = torch.cos(2 * math.pi * (down * y[:, None] + right * x[None] + phase))
            out[picture, channel] = 0.3 * (level - 0.5) + (0.2 + 0.2 * strength) * wave
    return out


def disc(size: int, *, soft: bool = False) -> Tensor:
    """(1, 1, H, W): a missing disc, sharp or fading out."""
    place = (torch.arange(size, dtype=torch.float64) + 0.5) / size - 0.45
    distance = (place[:, None].square() + place[None].square()).sqrt()
    return ((0.35 - distance) / 0.15).clamp(0, 1)[None, None] if soft else (distance < 0.28).double()[None, None]


def observation(size: int = 32, n: int = 2, *, soft: bool = False, dtype: torch.dtype = torch.float64) -> Observation:
    """Everything a property may ask for."""
    return Observation(
        picture=waves(1, n, size).to(dtype),
        mask=disc(size, soft=soft).expand(n, -1, -1, -1).to(dtype),
        reference=waves(2, 1, size).to(dtype),
        restored=waves(3, n, size).to(dtype),
        coloured=waves(5, n, size).to(dtype),
        template="ffhq512",
    )


def one_of(observed: Observation, index: int) -> Observation:
    """What is known of a single picture of a batch."""

    def cut(part: Tensor | None) -> Tensor | None:
        return None if part is None else part[index : index + 1]

    parts = {name: cut(getattr(observed, name)) for name in ("picture", "mask", "restored", "coloured")}
    return replace(observed, **parts)
