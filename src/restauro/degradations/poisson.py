"""Photon noise: every level is a count of a Poisson process (Real-ESRGAN, arXiv 2107.10833, section 3.3)."""

from __future__ import annotations

import math
from functools import cache
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params, seed_of

LUMA = (0.2989, 0.5870, 0.1140)
"""As published: its last digit decides between a level and the next."""


class Poisson(Degradation, frozen=True, kw_only=True):
    """Bright parts are noisier. A picture of many levels counts many photons: white is 2^ceil(log2 levels) of them.

    Gradients take the noise for a constant.
    """

    low: Annotated[float, Knob("smallest scale of the noise", ge=0, le=20)] = 0.05
    high: Annotated[float, Knob("largest scale of the noise", ge=0, le=20)] = 3.0
    grey: Annotated[float, Knob("share of noise that is equal in all channels", ge=0, le=1)] = 0.4

    def sample(self, rng: np.random.Generator) -> Params:
        return {"scale": float(rng.uniform(self.low, self.high)), "grey": bool(rng.random() < self.grey), "seed": seed_of(rng)}

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        noise = torch.stack([self._noise(one, params) for one in picture.detach()])
        return (picture + 2 * params["scale"] * noise).clamp(-1, 1)

    def _noise(self, picture: Tensor, params: Params) -> Tensor:
        """(1 or C, H, W), of a picture of values 0 to 1."""
        seen = (picture + 1) / 2
        if params["grey"]:
            seen = (seen * seen.new_tensor(LUMA)[:, None, None]).sum(0, keepdim=True)
        levels = (seen * 255).round().clamp(0, 255).cpu().double().numpy()
        photons = 2 ** math.ceil(math.log2(len(np.unique(levels))))
        chance = np.random.default_rng(params["seed"]).random(levels.shape)
        counts = np.searchsorted(ladder(photons).ravel(), levels + chance) - levels * ladder(photons).shape[1]
        return torch.from_numpy(counts / photons - levels / 255).to(picture)


@cache
def ladder(photons: int) -> np.ndarray:
    """(256, K): row l is l plus the distribution function of the counts of level l, of 0 to K - 1 photons.

    Counts are read off one chance a pixel, so that nearly the same picture gets nearly the same noise.
    """
    rate = np.maximum(np.arange(256)[:, None] / 255 * photons, 1e-12)
    k = np.arange(round(photons + 10 * math.sqrt(photons) + 10))
    factorials = np.array([math.lgamma(one + 1) for one in k])
    return np.arange(256)[:, None] + np.exp(k * np.log(rate) - rate - factorials).cumsum(1).clip(max=1)
