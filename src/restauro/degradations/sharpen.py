"""Sharpened by an unsharp mask, as cameras and scanners do, with halos where it is too much (Real-ESRGAN, section 3.5)."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Measured, Params

REACH = 3.125
"""Standard deviations that the kernel reaches: 51 taps for 8 px, as OpenCV has it."""


class Sharpen(Measured, frozen=True, kw_only=True):
    """The picture and some of its difference from a blurred copy, where that is large enough to be an edge.

    Real-ESRGAN's, which its training takes for the truth: low=high=0.5, follow=false.
    """

    low: Annotated[float, Knob("smallest share of the difference that is added", ge=0, le=5)] = 0.3
    high: Annotated[float, Knob("largest share of the difference that is added", ge=0, le=5)] = 1.5
    sigma: Annotated[float, Knob("of the blurred copy", ge=0.3, le=50, unit="px of 512")] = 8.0
    threshold: Annotated[float, Knob("least difference that is an edge", ge=0, le=255, unit="of 255")] = 10.0

    def sample(self, rng: np.random.Generator) -> Params:
        return {"share": float(rng.uniform(self.low, self.high))}

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        sigma = self.sigma * self.scale(picture)
        rest = picture - _blurred(picture, sigma)
        edges = _blurred((rest.abs() * 127.5 > self.threshold).to(picture), sigma)
        return picture.lerp((picture + params["share"] * rest).clamp(-1, 1), edges)


def _blurred(picture: Tensor, sigma: float) -> Tensor:
    """By a Gaussian, row by row and column by column; borders are mirrored, or repeated where the picture is too small."""
    radius = max(1, round(REACH * sigma))
    place = torch.arange(-radius, radius + 1.0, dtype=torch.float64) / max(sigma, 1e-3)
    kernel = torch.exp(-place.square() / 2)
    weight = (kernel / kernel.sum()).to(picture).expand(picture.shape[1], 1, -1)
    mode = "reflect" if radius < min(picture.shape[-2:]) else "replicate"
    padded = F.pad(picture, (radius,) * 4, mode=mode)
    rows = F.conv2d(padded, weight[:, :, None], groups=picture.shape[1])
    return F.conv2d(rows, weight[..., None], groups=picture.shape[1])
