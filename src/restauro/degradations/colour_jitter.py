"""Colour jitter: brightness, contrast, saturation and hue, in random order (GFPGAN, arXiv 2101.04061)."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params
from restauro.degradations.grey import LUMA


class ColourJitter(Degradation, frozen=True, kw_only=True):
    """Each is drawn uniformly around what changes nothing."""

    brightness: Annotated[float, Knob("largest change of the factor on all levels", ge=0, le=1)] = 0.5
    contrast: Annotated[float, Knob("largest change of the distance to the mean grey", ge=0, le=1)] = 0.5
    dull: Annotated[float, Knob("smallest saturation", ge=0, le=1)] = 0.0
    vivid: Annotated[float, Knob("largest saturation", ge=1, le=4)] = 1.5
    hue: Annotated[float, Knob("largest turn of the hue", ge=0, le=0.5, unit="turns")] = 0.1

    def sample(self, rng: np.random.Generator) -> Params:
        return {
            "brightness": float(rng.uniform(1 - self.brightness, 1 + self.brightness)),
            "contrast": float(rng.uniform(1 - self.contrast, 1 + self.contrast)),
            "saturation": float(rng.uniform(self.dull, self.vivid)),
            "hue": float(rng.uniform(-self.hue, self.hue)),
            "order": rng.permutation(["brightness", "contrast", "saturation", "hue"]).tolist(),
        }

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        x = (picture + 1) / 2
        for what in params["order"]:
            x = CHANGES[what](x, params[what]).clamp(0, 1)
        return x * 2 - 1


def grey(x: Tensor) -> Tensor:
    return (x * x.new_tensor(LUMA)[:, None, None]).sum(1, keepdim=True)


def contrast(x: Tensor, factor: float) -> Tensor:
    return grey(x).mean((2, 3), keepdim=True).lerp(x, factor)


def turn_hue(x: Tensor, turns: float) -> Tensor:
    """The hue of HSV turned; value and saturation stay."""
    value, least = x.amax(1, keepdim=True), x.amin(1, keepdim=True)
    chroma = value - least
    share = (value - x) / chroma.clamp(min=1e-6)
    red, green, blue = share.unbind(1)
    top = x.argmax(1)
    sixth = torch.where(top == 0, blue - green, torch.where(top == 1, 2 + red - blue, 4 + green - red))
    offsets = x.new_tensor([5.0, 3.0, 1.0])[:, None, None]
    place = (sixth[:, None] + 6 * turns + offsets) % 6
    return value - chroma * torch.minimum(place, 4 - place).clamp(0, 1)


CHANGES = {
    "brightness": lambda x, factor: x * factor,
    "contrast": contrast,
    "saturation": lambda x, factor: grey(x).lerp(x, factor),
    "hue": turn_hue,
}
