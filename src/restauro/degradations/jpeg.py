"""JPEG compression by a real encoder."""

from __future__ import annotations

import io
from typing import Annotated

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params


class Jpeg(Degradation, frozen=True, kw_only=True):
    """Encoded and decoded at a quality drawn uniformly. It has no gradient; `SoftJpeg` has."""

    differentiable = False

    low: Annotated[int, Knob("lowest quality", ge=1, le=100)] = 30
    high: Annotated[int, Knob("highest quality", ge=1, le=100)] = 95

    def sample(self, rng: np.random.Generator) -> Params:
        return {"quality": int(rng.integers(self.low, self.high + 1))}

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        return torch.stack([self._one(one, params["quality"]) for one in picture])

    def _one(self, picture: Tensor, quality: int) -> Tensor:
        levels = ((picture.detach().cpu() + 1) * 127.5).round().clamp(0, 255).byte()
        code = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(levels.permute(1, 2, 0).numpy())).save(code, "JPEG", quality=quality)
        with Image.open(code) as decoded:
            return torch.from_numpy(np.array(decoded)).permute(2, 0, 1).to(picture) / 127.5 - 1
