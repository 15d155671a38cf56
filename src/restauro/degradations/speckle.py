"""Speckle: noise that multiplies, as in scans of grainy film."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params, field, seed_of


class Speckle(Degradation, frozen=True, kw_only=True):
    """Levels from black are multiplied by 1 + noise of a standard deviation drawn uniformly: black stays black."""

    low: Annotated[float, Knob("smallest standard deviation", ge=0, le=2, unit="of the level")] = 0.0
    high: Annotated[float, Knob("largest standard deviation", ge=0, le=2, unit="of the level")] = 0.3
    grey: Annotated[float, Knob("share of noise that is equal in all channels", ge=0, le=1)] = 0.5

    def sample(self, rng: np.random.Generator) -> Params:
        return {"sigma": float(rng.uniform(self.low, self.high)), "grey": bool(rng.random() < self.grey), "seed": seed_of(rng)}

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        channels = 1 if params["grey"] else picture.shape[1]
        noise = field(params["seed"], 1, channels, *picture.shape[-2:]).to(picture)
        return ((picture + 1) * (1 + params["sigma"] * noise) - 1).clamp(-1, 1)
