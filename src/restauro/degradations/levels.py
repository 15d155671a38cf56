"""The picture kept in few levels, rounded to the nearest one, or cut off as programs that forget to round do."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params


class Levels(Degradation, frozen=True, kw_only=True):
    """Few levels are the banding of old scans; 256 are a picture of 8 bits. It has no gradient."""

    differentiable = False

    truncated: Annotated[bool, Knob("what lies between two levels becomes the lower one")] = False
    levels: Annotated[int, Knob("number of levels", ge=2, le=256)] = 64

    def sample(self, rng: np.random.Generator) -> Params:
        return {}

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        most = (self.levels - 1) / 2
        place = (picture.double() + 1) * most
        # what was a level stays one: levels are not exact in float32
        whole = torch.floor(place + 2e-5) if self.truncated else torch.round(place)
        return (whole / most - 1).to(picture)
