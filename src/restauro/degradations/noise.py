"""Gaussian sensor noise, in colour or the same in all channels."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params, field, seed_of


class Noise(Degradation, frozen=True, kw_only=True):
    """White noise of a standard deviation drawn uniformly."""

    low: Annotated[float, Knob("smallest standard deviation", ge=0, le=255, unit="of 255")] = 0.0
    high: Annotated[float, Knob("largest standard deviation", ge=0, le=255, unit="of 255")] = 20.0
    grey: Annotated[float, Knob("share of noise that is equal in all channels", ge=0, le=1)] = 0.0

    def sample(self, rng: np.random.Generator) -> Params:
        return {"sigma": float(rng.uniform(self.low, self.high)), "grey": bool(rng.random() < self.grey), "seed": seed_of(rng)}

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        channels = 1 if params["grey"] else picture.shape[1]
        noise = field(params["seed"], 1, channels, *picture.shape[-2:]).to(picture)
        return (picture + noise * (params["sigma"] / 127.5)).clamp(-1, 1)
