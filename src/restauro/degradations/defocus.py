"""Defocus: every point becomes the even disc of a lens aperture."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Measured, Params, fast_filter2d


class Defocus(Measured, frozen=True, kw_only=True):
    """A disc of a radius drawn uniformly."""

    low: Annotated[float, Knob("smallest radius", ge=0, le=100, unit="px of 512")] = 1.0
    high: Annotated[float, Knob("largest radius", ge=0, le=100, unit="px of 512")] = 12.0

    def sample(self, rng: np.random.Generator) -> Params:
        return {"radius": float(rng.uniform(self.low, self.high))}

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        return fast_filter2d(picture, disc_kernel(params["radius"] * self.scale(picture)))


def disc_kernel(radius: float) -> Tensor:
    """(k, k), sum 1: pixels on the rim count by the share that lies inside, nearly."""
    reach = max(1, math.ceil(radius))
    place = torch.arange(-reach, reach + 1.0)
    kernel = (radius + 0.5 - torch.hypot(place[:, None], place[None])).clamp(0, 1)
    return kernel / kernel.sum()
