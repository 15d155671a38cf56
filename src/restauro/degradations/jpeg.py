"""JPEG compression by a real encoder."""

from __future__ import annotations

import io
from typing import Annotated

import numpy as np
from PIL import Image
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params
from restauro.degradations._pillow import through


class Jpeg(Degradation, frozen=True, kw_only=True):
    """Encoded and decoded at a quality drawn uniformly. It has no gradient; `SoftJpeg` has."""

    differentiable = False

    low: Annotated[int, Knob("lowest quality", ge=1, le=100)] = 30
    high: Annotated[int, Knob("highest quality", ge=1, le=100)] = 95

    def sample(self, rng: np.random.Generator) -> Params:
        return {"quality": int(rng.integers(self.low, self.high + 1))}

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        return through(picture, lambda one: _coded(one, params["quality"]))


def _coded(picture: Image.Image, quality: int) -> Image.Image:
    code = io.BytesIO()
    picture.save(code, "JPEG", quality=quality)
    return Image.open(code)
