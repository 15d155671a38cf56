"""Scratches, cracks and dust: thin bright or dark marks that destroy what lies under them."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params, field, length_scale, seed_of
from restauro.degradations.holes import draw_strokes


class Scratches(Degradation, frozen=True, kw_only=True):
    """Nearly straight thin strokes and specks; about two thirds are bright, as bare paper."""

    most: Annotated[int, Knob("largest number of scratches", ge=1, le=60)] = 8
    width: Annotated[float, Knob("widest scratch", ge=2, le=60, unit="px of 512")] = 14.0
    dust: Annotated[int, Knob("largest number of specks", ge=0, le=500)] = 25

    def sample(self, rng: np.random.Generator) -> Params:
        level = rng.uniform(0.6, 1.0) if rng.random() < 0.67 else rng.uniform(-1.0, -0.6)
        return {
            "count": int(rng.integers(1, self.most + 1)),
            "dust": int(rng.integers(0, self.dust + 1)),
            "width": float(rng.uniform(2, self.width)),
            "level": float(level),
            "seed": seed_of(rng),
        }

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        mask = self.mask(picture, params)
        # paint is never perfectly even
        paint = params["level"] + 0.08 * field(params["seed"], 1, 1, *picture.shape[-2:]).to(picture)
        return picture * (1 - mask) + paint.clamp(-1, 1) * mask

    def mask(self, picture: Tensor, params: Params) -> Tensor:
        canvas = np.zeros(picture.shape[-2:], np.uint8)
        rng = np.random.default_rng(params["seed"])
        widest = max(1.0, params["width"] * length_scale(picture))
        draw_strokes(canvas, rng, widest=widest, strokes=(params["count"], params["count"]), turn=0.0)
        height, width = canvas.shape
        for _ in range(params["dust"]):
            y, x = int(rng.integers(height)), int(rng.integers(width))
            size = max(1, int(rng.uniform(0.3, 1.2) * widest))
            canvas[y : y + size, x : x + size] = 1
        return torch.from_numpy(canvas).to(picture)[None, None]
