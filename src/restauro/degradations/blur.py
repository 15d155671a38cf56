"""Gaussian blur, isotropic or anisotropic at any angle (GFPGAN, CodeFormer, DifFace chains)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from restauro.degradations._base import Params
from restauro.degradations._elliptic import Elliptic, squared_sigmas


class Blur(Elliptic, frozen=True, kw_only=True):
    """Half of the draws are isotropic, half have two widths and an angle."""

    def profile(self, squared: Tensor, params: Params) -> Tensor:
        return torch.exp(-squared / 2)


def gaussian_kernel(sigma_x: float, sigma_y: float, angle: float = 0.0) -> Tensor:
    """(k, k), sum 1, k odd and wide enough for 3 sigma."""
    sigma_x, sigma_y = max(sigma_x, 1e-3), max(sigma_y, 1e-3)
    kernel = torch.exp(-squared_sigmas(sigma_x, sigma_y, angle, max(1, math.ceil(3 * max(sigma_x, sigma_y)))) / 2)
    return kernel / kernel.sum()
