"""Film grain: noise of clumped silver, strongest in the middle tones, alike in all channels or of three dye layers."""

from __future__ import annotations

import math
from typing import Annotated

import cv2
import numpy as np
import torch
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params, seed_of
from restauro.degradations._marks import scale_of


class Grain(Degradation, frozen=True, kw_only=True):
    """Gaussian noise, correlated over `size`; its deviation is largest at middle grey and half of that at black and white."""

    low: Annotated[float, Knob("smallest standard deviation at middle grey", ge=0, le=120, unit="of 255")] = 2.0
    high: Annotated[float, Knob("largest standard deviation at middle grey", ge=0, le=120, unit="of 255")] = 20.0
    size: Annotated[float, Knob("coarsest grain, as the sigma of its blur", ge=0, le=12, unit="px of 512")] = 2.0
    colour: Annotated[float, Knob("share of coloured grain", ge=0, le=1)] = 0.25

    def sample(self, rng: np.random.Generator) -> Params:
        return {
            "sigma": float(rng.uniform(self.low, self.high)),
            "size": float(rng.uniform(0, self.size)),
            "channels": 3 if rng.random() < self.colour else 1,
            "seed": seed_of(rng),
        }

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        height, width = picture.shape[-2:]
        rng = np.random.default_rng(params["seed"])
        noise: np.ndarray = rng.standard_normal((height, width, params["channels"]), dtype=np.float32)
        sigma = params["size"] * scale_of((height, width))
        if sigma > 0.3:
            reach = np.arange(-math.ceil(3 * sigma), math.ceil(3 * sigma) + 1)
            kernel = np.exp(-np.square(reach / sigma) / 2)
            kernel /= math.sqrt(np.square(kernel).sum())  # the deviation stays 1
            noise = cv2.sepFilter2D(noise, -1, kernel, kernel, borderType=cv2.BORDER_REFLECT)
        grain = torch.from_numpy(noise.reshape(height, width, -1)).permute(2, 0, 1).to(picture)
        return (picture + grain * (params["sigma"] / 127.5) * (1 - 0.5 * picture.square())).clamp(-1, 1)
