"""Kernels whose weight falls with the distance from their centre, round or elliptic at any angle."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.knobs import Knob
from restauro.degradations._base import Measured, Params, fast_filter2d, filter2d


class Elliptic(Measured, frozen=True, kw_only=True):
    """A blur of two widths and an angle; a subclass says by `profile` how the weight falls."""

    low: Annotated[float, Knob("smallest sigma", ge=0, le=50, unit="px of 512")] = 0.1
    high: Annotated[float, Knob("largest sigma", ge=0, le=50, unit="px of 512")] = 10.0
    anisotropic: Annotated[float, Knob("share of anisotropic kernels", ge=0, le=1)] = 0.5
    fewest: Annotated[int, Knob("narrowest kernel, where `most` is given", ge=3, le=101, unit="taps at 512 px")] = 7
    most: Annotated[int, Knob("widest kernel, cut off as the papers do; 0: three sigma", ge=0, le=101, unit="taps at 512 px")] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if 0 < self.most < self.fewest:
            raise RecipeError(f"{type(self).__name__}: fewest={self.fewest} is above most={self.most}")

    def sample(self, rng: np.random.Generator) -> Params:
        first, second = rng.uniform(self.low, self.high, 2)
        if rng.random() >= self.anisotropic:
            second = first
        params: Params = {"sigma": [float(first), float(second)], "angle": float(rng.uniform(0, math.pi))}
        return {**params, "taps": draw_taps(self.fewest, self.most, rng)} if self.most else params

    def profile(self, squared: Tensor, params: Params) -> Tensor:
        """Weights at so many squared sigmas from the centre."""
        raise NotImplementedError

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        scale = self.scale(picture)
        across, along = (max(sigma * scale, 1e-3) for sigma in params["sigma"])
        reach = params["taps"] // 2 * scale if "taps" in params else math.ceil(3 * max(across, along))
        kernel = self.profile(squared_sigmas(across, along, params["angle"], max(1, round(reach))), params)
        # benchmarks know the pictures of whole kernels to the bit
        return (fast_filter2d if "taps" in params else filter2d)(picture, kernel / kernel.sum())


def squared_sigmas(sigma_x: float, sigma_y: float, angle: float, radius: int) -> Tensor:
    """(k, k) with k = 2 radius + 1: the squared distance from the centre, measured in sigmas of the turned axes."""
    y, x = torch.meshgrid(*[torch.arange(-radius, radius + 1.0)] * 2, indexing="ij")
    u = (x * math.cos(angle) + y * math.sin(angle)) / sigma_x
    v = (y * math.cos(angle) - x * math.sin(angle)) / sigma_y
    return u.square() + v.square()


def draw_taps(fewest: int, most: int, rng: np.random.Generator) -> int:
    """An odd number."""
    return 2 * int(rng.integers(fewest // 2, (most - 1) // 2 + 1)) + 1
