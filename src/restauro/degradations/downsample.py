"""Lost resolution: the picture is reduced and enlarged again (bilinear, antialiased, as the blind-face chains do)."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params, length_scale


class Downsample(Degradation, frozen=True, kw_only=True):
    """Reduced by a factor drawn uniformly; at smaller pictures the low-resolution picture keeps its pixel count."""

    low: Annotated[float, Knob("smallest factor at 512 px", ge=0.5, le=64)] = 1.0
    high: Annotated[float, Knob("largest factor at 512 px", ge=0.5, le=64)] = 12.0

    def sample(self, rng: np.random.Generator) -> Params:
        return {"factor": float(rng.uniform(self.low, self.high))}

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        return enlarge(self.reduce(picture, params), picture)

    def reduce(self, picture: Tensor, params: Params) -> Tensor:
        """The low-resolution picture itself: chains put noise and JPEG on it before it is enlarged."""
        height, width = picture.shape[-2:]
        factor = max(params["factor"] * min(1.0, length_scale(picture)), 1.0)
        size = (max(1, round(height / factor)), max(1, round(width / factor)))
        if size == (height, width):
            return picture
        return F.interpolate(picture, size, mode="bilinear", antialias=True, align_corners=False)


def enlarge(small: Tensor, like: Tensor) -> Tensor:
    """Back to the size of `like`, bilinear."""
    if small.shape[-2:] == like.shape[-2:]:
        return small
    return F.interpolate(small, like.shape[-2:], mode="bilinear", align_corners=False)
