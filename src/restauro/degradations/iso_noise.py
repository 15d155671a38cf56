"""Sensor noise by ISO: shot noise of the light and read noise of the electronics, in linear light."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params, field, seed_of


class IsoNoise(Degradation, frozen=True, kw_only=True):
    """White at ISO 100 is `well` electrons, at ISO s a share 100 / s of them; their count varies by its root.

    ISO is drawn log-uniformly. Shadows turn noisier than lights, because the sRGB curve is steep there.
    """

    low: Annotated[float, Knob("smallest ISO", ge=25, le=409600)] = 100.0
    high: Annotated[float, Knob("largest ISO", ge=25, le=409600)] = 12800.0
    well: Annotated[float, Knob("electrons of white at ISO 100; a small sensor has few", ge=100, le=1e6)] = 8000.0
    read: Annotated[float, Knob("read noise", ge=0, le=100, unit="electrons")] = 3.0

    def sample(self, rng: np.random.Generator) -> Params:
        return {"iso": float(math.exp(rng.uniform(math.log(self.low), math.log(self.high)))), "seed": seed_of(rng)}

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        white = self.well * 100 / params["iso"]
        light = to_light((picture + 1) / 2)
        deviation = (light / white + (self.read / white) ** 2).clamp(min=1e-12).sqrt()
        noise = field(params["seed"], 1, *picture.shape[-3:]).to(picture)
        return (to_srgb((light + deviation * noise).clamp(0, 1)) * 2 - 1).clamp(-1, 1)


def to_light(srgb: Tensor) -> Tensor:
    """Linear light in [0, 1] (IEC 61966-2-1)."""
    srgb = srgb.clamp(min=0)
    return torch.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def to_srgb(light: Tensor) -> Tensor:
    """The inverse; its gradient is finite at black."""
    curve = 1.055 * light.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(light <= 0.0031308, light * 12.92, curve)
