"""Impulse noise: single levels that flip to white or black, in each channel by itself (salt and pepper)."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params, seed_of


class Impulse(Degradation, frozen=True, kw_only=True):
    """The share that flips is drawn from [0, most], the share of white ones among them from [low, high]."""

    most: Annotated[float, Knob("largest share of levels that flip", ge=0, le=1)] = 0.05
    low: Annotated[float, Knob("smallest share of white", ge=0, le=1)] = 0.3
    high: Annotated[float, Knob("largest share of white", ge=0, le=1)] = 0.8

    def sample(self, rng: np.random.Generator) -> Params:
        return {"share": float(rng.uniform(0, self.most)), "white": float(rng.uniform(self.low, self.high)), "seed": seed_of(rng)}

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        rng = np.random.default_rng(params["seed"])
        shape = tuple(picture.shape[-3:])
        flips, white = (torch.from_numpy(rng.random(shape) < params[name]).to(picture.device) for name in ("share", "white"))
        return torch.where(flips, torch.where(white, 1.0, -1.0).to(picture), picture)
