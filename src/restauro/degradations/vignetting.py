"""Vignetting: corners darkened by the lens, or bleached by light that reached the print's edges."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params


class Vignetting(Degradation, frozen=True, kw_only=True):
    """With the distance r from a middle (1 at the corners) a share amount * r^power of the light is lost, or of the picture."""

    amount: Annotated[float, Knob("largest loss at the corners", ge=0, le=1)] = 0.7
    bleached: Annotated[float, Knob("share that is bleached", ge=0, le=1)] = 0.3
    shift: Annotated[float, Knob("how far the middle may lie off the centre", ge=0, le=1, unit="of the half side")] = 0.25

    def sample(self, rng: np.random.Generator) -> Params:
        return {
            "amount": float(rng.uniform(0.1, 1) * self.amount),
            "power": float(rng.uniform(2, 5)),
            "bleached": bool(rng.random() < self.bleached),
            "middle": (rng.uniform(-1, 1, 2) * self.shift).tolist(),
        }

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        x, y = ((torch.arange(side).to(picture) + 0.5) * (2 / side) - 1 for side in (picture.shape[-1], picture.shape[-2]))
        left, up = params["middle"]
        radius = (((x - left).square()[None] + (y - up).square()[:, None]) / 2).sqrt()
        lost = (params["amount"] * radius ** params["power"]).clamp(max=1)
        return picture + lost * (1 - picture) if params["bleached"] else (picture + 1) * (1 - lost) - 1
