"""Colour cast: the channels are shifted apart (GFPGAN, arXiv 2101.04061)."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params


class ColourShift(Degradation, frozen=True, kw_only=True):
    """Each channel moves by an amount of its own, drawn uniformly."""

    most: Annotated[float, Knob("largest shift, up or down", ge=0, le=255, unit="of 255")] = 20.0

    def sample(self, rng: np.random.Generator) -> Params:
        return {"shift": rng.uniform(-self.most, self.most, 3).tolist()}

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        return (picture + picture.new_tensor(params["shift"])[:, None, None] / 127.5).clamp(-1, 1)
