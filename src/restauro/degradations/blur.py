"""Gaussian blur, isotropic or anisotropic at any angle (GFPGAN, CodeFormer, DifFace chains)."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params, filter2d, length_scale


class Blur(Degradation, frozen=True, kw_only=True):
    """Half of the draws are isotropic, half have two widths and an angle."""

    low: Annotated[float, Knob("smallest sigma", ge=0, le=50, unit="px of 512")] = 0.1
    high: Annotated[float, Knob("largest sigma", ge=0, le=50, unit="px of 512")] = 10.0
    anisotropic: Annotated[float, Knob("share of anisotropic kernels", ge=0, le=1)] = 0.5

    def sample(self, rng: np.random.Generator) -> Params:
        first, second = rng.uniform(self.low, self.high, 2)
        if rng.random() >= self.anisotropic:
            second = first
        return {"sigma": [float(first), float(second)], "angle": float(rng.uniform(0, math.pi))}

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        scale = length_scale(picture)
        return filter2d(picture, gaussian_kernel(params["sigma"][0] * scale, params["sigma"][1] * scale, params["angle"]))


def gaussian_kernel(sigma_x: float, sigma_y: float, angle: float = 0.0) -> Tensor:
    """(k, k), sum 1, k odd and wide enough for 3 sigma."""
    sigma_x, sigma_y = max(sigma_x, 1e-3), max(sigma_y, 1e-3)
    radius = max(1, math.ceil(3 * max(sigma_x, sigma_y)))
    y, x = torch.meshgrid(*[torch.arange(-radius, radius + 1.0)] * 2, indexing="ij")
    u = (x * math.cos(angle) + y * math.sin(angle)) / sigma_x
    v = (y * math.cos(angle) - x * math.sin(angle)) / sigma_y
    kernel = torch.exp(-(u.square() + v.square()) / 2)
    return kernel / kernel.sum()
