"""Lost resolution: the picture is reduced and enlarged again (bilinear, antialiased unless a paper's chain is meant)."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params, length_scale
from restauro.degradations._resize import Kernel, resize


class Downsample(Degradation, frozen=True, kw_only=True):
    """Reduced by a factor drawn uniformly; at smaller pictures the low-resolution picture keeps its pixel count."""

    low: Annotated[float, Knob("smallest factor at 512 px", ge=0.5, le=64)] = 1.0
    high: Annotated[float, Knob("largest factor at 512 px", ge=0.5, le=64)] = 12.0
    least: Annotated[float, Knob("smallest factor at any size; below 1 pictures may be enlarged", ge=0.5, le=1)] = 1.0
    kernel: Annotated[Kernel, Knob("how it is reduced")] = "bilinear"
    antialias: Annotated[bool, Knob("the kernel widens with the reduction; the published chains' does not")] = True

    def sample(self, rng: np.random.Generator) -> Params:
        return {"factor": float(rng.uniform(self.low, self.high))}

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        return enlarge(self.reduce(picture, params), picture)

    def link(self, picture: Tensor, params: Params, clean: Tensor) -> Tensor:
        return self.reduce(picture, params)

    def reduce(self, picture: Tensor, params: Params) -> Tensor:
        """The low-resolution picture itself: chains put noise and JPEG on it before it is enlarged."""
        height, width = picture.shape[-2:]
        factor = max(params["factor"] * min(1.0, length_scale(picture)), self.least)
        size = (max(1, round(height / factor)), max(1, round(width / factor)))
        return resize(picture, *size, self.kernel, antialias=self.antialias)


def enlarge(picture: Tensor, like: Tensor) -> Tensor:
    """To the size of `like`, bilinear."""
    return resize(picture, *like.shape[-2:], antialias=False)
