"""The contract of a degradation: everything random is in its parameters, so the same parameters give the same picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.knobs import Knobbed

Params = dict[str, Any]

REFERENCE_SIDE = 512
"""Lengths in knobs are pixels of a 512-px picture; `apply` scales them with the picture (facts of the field's chains)."""


class Degradation(Knobbed, frozen=True, kw_only=True):
    """One forward model of damage. Pictures are (N, 3, H, W) in [-1, 1]; all N get the same damage.

    Knobs named `low` and `high` are the ends of a range that is drawn from.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        low, high = getattr(self, "low", None), getattr(self, "high", None)
        if low is not None and high is not None and low > high:
            raise RecipeError(f"{type(self).__name__}: low={low:g} is above high={high:g}")

    def sample(self, rng: np.random.Generator) -> Params:
        """Draw everything random: plain numbers, ready for JSON."""
        raise NotImplementedError

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        raise NotImplementedError

    def mask(self, picture: Tensor, params: Params) -> Tensor | None:
        """(1, 1, H, W), 1 where nothing of the picture is left; None where this damage destroys no pixels."""
        return None


def length_scale(picture: Tensor) -> float:
    """Pixels of this picture per pixel of the 512-px reference."""
    return max(picture.shape[-2:]) / REFERENCE_SIDE


def filter2d(picture: Tensor, kernel: Tensor) -> Tensor:
    """Correlate every channel with one odd kernel (k, k), borders reflected."""
    radius = kernel.shape[-1] // 2
    channels = picture.shape[1]
    # reflection needs radius < side; tiny pictures fall back to repeating the edge
    mode = "reflect" if radius < min(picture.shape[-2:]) else "replicate"
    padded = F.pad(picture, (radius,) * 4, mode=mode)
    weight = kernel.to(picture)[None, None].expand(channels, 1, -1, -1)
    return F.conv2d(padded, weight, groups=channels)


def seed_of(rng: np.random.Generator) -> int:
    """A seed for the part of the damage that is a whole field (noise, strokes)."""
    return int(rng.integers(2**31))


def field(seed: int, *shape: int) -> Tensor:
    """Standard normal numbers of one seed."""
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape, dtype=np.float32))
