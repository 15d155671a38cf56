"""Halftone: the picture was printed as dots whose area follows the tone, in one ink or in three at their own angles."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params
from restauro.degradations._marks import scale_of

TURNS = (0.0, math.pi / 3, math.pi / 6)
"""Of the screens of cyan, magenta and yellow, to each other."""


class Halftone(Degradation, frozen=True, kw_only=True):
    """Levels are compared with a screen of cosines; what the press and the scan soften is the softness of that step."""

    period: Annotated[float, Knob("coarsest screen", ge=3, le=40, unit="px of 512")] = 8.0
    strength: Annotated[float, Knob("how far dots replace the tone, at most", ge=0, le=1)] = 0.8
    inks: Annotated[float, Knob("share printed in three inks", ge=0, le=1)] = 0.4

    def sample(self, rng: np.random.Generator) -> Params:
        return {
            "period": float(rng.uniform(3, self.period)),
            "angle": float(rng.uniform(0, math.pi / 2)),
            "strength": float(rng.uniform(0.3, 1) * self.strength),
            "soft": float(rng.uniform(0.08, 0.3)),
            "inks": bool(rng.random() < self.inks),
        }

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        height, width = picture.shape[-2:]
        step = 2 * math.pi / max(2.5, params["period"] * scale_of((height, width)))
        right = torch.arange(width).to(picture)[None]
        down = torch.arange(height).to(picture)[:, None]
        screens = []
        for turn in TURNS if params["inks"] else TURNS[:1]:
            cos, sin = math.cos(params["angle"] + turn), math.sin(params["angle"] + turn)
            screens.append(((step * (right * cos + down * sin)).cos() + (step * (down * cos - right * sin)).cos()) / 2)
        # the screen's levels are not evenly spread; stretched so, dots cover what the tone asks for, but for the ends
        dots = torch.tanh((picture - 0.75 * torch.stack(screens)) / params["soft"])
        return torch.lerp(picture, dots, params["strength"])
