"""Lost colour: luma in all three channels (ITU-R BT.601), optionally on a sepia tone."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params

LUMA = (0.299, 0.587, 0.114)


class Grey(Degradation, frozen=True, kw_only=True):
    """The picture as a black-and-white film saw it; `sepia` of the draws are toned."""

    sepia: Annotated[float, Knob("share of toned pictures", ge=0, le=1)] = 0.0

    def sample(self, rng: np.random.Generator) -> Params:
        return {"tone": float(rng.uniform(0.4, 1.0)) if rng.random() < self.sepia else 0.0}

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        light = (picture * picture.new_tensor(LUMA)[:, None, None]).sum(1, keepdim=True).expand(-1, 3, -1, -1)
        if not params["tone"]:
            return light.contiguous()
        # a curve per channel: ends stay black and white, the middle turns warm
        bend = picture.new_tensor([0.16, 0.02, -0.20])[:, None, None] * params["tone"]
        return (light + bend * (1 - light.square())).clamp(-1, 1)
