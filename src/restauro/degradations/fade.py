"""Fading: blacks rise, whites sink, contrast is lost."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params


class Fade(Degradation, frozen=True, kw_only=True):
    """An affine change of all channels: contrast drawn from [low, 1], shift within what contrast leaves."""

    low: Annotated[float, Knob("smallest remaining contrast", ge=0.05, le=1)] = 0.5

    def sample(self, rng: np.random.Generator) -> Params:
        contrast = float(rng.uniform(self.low, 1))
        return {"contrast": contrast, "shift": float(rng.uniform(-1, 1) * (1 - contrast) * 0.7)}

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        return (picture * params["contrast"] + params["shift"]).clamp(-1, 1)
