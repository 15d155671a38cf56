"""Ringing: an ideal low-pass filter, as oversharpened and recompressed pictures show it (Real-ESRGAN, section 3.4)."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params, fast_filter2d
from restauro.degradations._elliptic import draw_taps


class Sinc(Degradation, frozen=True, kw_only=True):
    """A round cutoff frequency drawn uniformly. It belongs to the pixel grid: it does not follow the picture's size."""

    low: Annotated[float, Knob("lowest cutoff", ge=0.05, le=1, unit="of the grid's highest frequency")] = 0.2
    high: Annotated[float, Knob("highest cutoff", ge=0.05, le=1, unit="of the grid's highest frequency")] = 1.0
    fewest: Annotated[int, Knob("narrowest kernel", ge=3, le=101, unit="taps")] = 7
    most: Annotated[int, Knob("widest kernel", ge=3, le=101, unit="taps")] = 21

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.most < self.fewest:
            raise RecipeError(f"{type(self).__name__}: fewest={self.fewest} is above most={self.most}")

    def sample(self, rng: np.random.Generator) -> Params:
        return {"cutoff": float(rng.uniform(self.low, self.high)), "taps": draw_taps(self.fewest, self.most, rng)}

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        return fast_filter2d(picture, sinc_kernel(params["cutoff"] * math.pi, params["taps"])).clamp(-1, 1)


def sinc_kernel(cutoff: float, taps: int) -> Tensor:
    """(taps, taps), sum 1: w J1(w r) / (2 pi r), the inverse transform of a disc of radius w = `cutoff` in radians a pixel."""
    place = torch.arange(taps, dtype=torch.float64) - taps // 2
    r = torch.hypot(place[:, None], place[None])
    kernel = cutoff * torch.special.bessel_j1(cutoff * r) / (2 * math.pi * r)
    kernel[taps // 2, taps // 2] = cutoff**2 / (4 * math.pi)
    return (kernel / kernel.sum()).float()
