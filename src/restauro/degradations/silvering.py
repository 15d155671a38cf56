"""Silvering: silver has come to the surface of the shadows, above all near the edges, and shines bluish in the scan."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params, seed_of
from restauro.degradations._marks import clouds

SHEEN = (0.78, 0.88, 1.0)


class Silvering(Degradation, frozen=True, kw_only=True):
    """Light is added where the picture is dark; white stays white."""

    strength: Annotated[float, Knob("strongest sheen", ge=0, le=1)] = 0.5
    reach: Annotated[float, Knob("how far it comes in from the edges, at most", ge=0.02, le=1, unit="of the shorter side")] = 0.3

    def sample(self, rng: np.random.Generator) -> Params:
        return {
            "strength": float(rng.uniform(0.2, 1) * self.strength),
            "reach": float(rng.uniform(0.3, 1) * self.reach),
            "seed": seed_of(rng),
        }

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        height, width = picture.shape[-2:]
        rng = np.random.default_rng(params["seed"])
        x, y = np.arange(width, dtype=np.float32)[None] + 0.5, np.arange(height, dtype=np.float32)[:, None] + 0.5
        border = np.minimum(np.minimum(x, width - x), np.minimum(y, height - y)) / (params["reach"] * min(height, width))
        ragged = 0.5 * clouds(rng, (height, width), 6) + 0.25 * clouds(rng, (height, width), 30)
        where = torch.from_numpy(np.clip(1 - border + ragged * (border < 1.5), 0, 1)).to(picture)
        dark = ((1 - picture.mean(1, keepdim=True)) / 2).square()
        sheen = picture.new_tensor(SHEEN)[:, None, None] * (params["strength"] * where * dark)
        return picture + sheen * (1 - picture)
