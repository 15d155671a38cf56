"""Photon noise: every level is a count of a Poisson process (Real-ESRGAN, arXiv 2107.10833, section 3.3)."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params, seed_of
from restauro.degradations.grey import LUMA


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
        seen = (picture * picture.new_tensor(LUMA)[:, None, None]).sum(0, keepdim=True) if params["grey"] else picture
        levels = ((seen + 1) * 127.5).round().clamp(0, 255).cpu().double().numpy()
        photons = 2.0 ** math.ceil(math.log2(len(np.unique(levels))))
        counts = np.random.default_rng(params["seed"]).poisson(levels / 255 * photons)
        return torch.from_numpy(counts / photons - levels / 255).to(picture)
