"""Contrast lost: a veil of stray light lies on the picture, or a hard copy has blocked its shadows and highlights."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params, seed_of
from restauro.degradations._marks import clouds


class ContrastLoss(Degradation, frozen=True, kw_only=True):
    """A veil v lifts every level x in [0, 1] to x + v (1 - x), unevenly; a hard copy is a steep S-curve around a pivot."""

    veil: Annotated[float, Knob("largest share of stray light", ge=0, le=0.95)] = 0.4
    uneven: Annotated[float, Knob("how much the veil varies over the picture", ge=0, le=1)] = 0.4
    hard: Annotated[float, Knob("share of hard copies", ge=0, le=1)] = 0.35
    gain: Annotated[float, Knob("steepest hard copy", ge=1, le=8)] = 2.2

    def sample(self, rng: np.random.Generator) -> Params:
        if rng.random() < self.hard:
            return {"gain": float(rng.uniform(1, self.gain)), "pivot": float(rng.uniform(-0.35, 0.35))}
        return {"veil": float(rng.uniform(0, self.veil)), "uneven": self.uneven, "seed": seed_of(rng)}

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        if "gain" in params:
            return torch.tanh(params["gain"] * (picture - params["pivot"]) + params["pivot"])
        rng = np.random.default_rng(params["seed"])
        spread = torch.from_numpy(clouds(rng, (picture.shape[-2], picture.shape[-1]), 2)).to(picture)
        veil = (params["veil"] * (1 + params["uneven"] * spread)).clamp(0, 1)
        return picture + veil * (1 - picture)
