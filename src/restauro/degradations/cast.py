"""Colour cast: another light or old film; shadows and highlights lean to different colours."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params


class Cast(Degradation, frozen=True, kw_only=True):
    """Each channel's levels, from 0 to 1, go through gain * level^gamma; the brightest channel keeps its white."""

    gain: Annotated[float, Knob("largest loss of a channel's white", ge=0, le=0.9)] = 0.25
    cross: Annotated[float, Knob("largest bend of a channel, up or down", ge=0, le=1.5, unit="ln gamma")] = 0.3

    def sample(self, rng: np.random.Generator) -> Params:
        loss = rng.uniform(0, 1, 3)
        bend = rng.uniform(-self.cross, self.cross, 3)
        return {"gain": (1 - self.gain * (loss - loss.min())).tolist(), "gamma": np.exp(bend).tolist()}

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        gain, gamma = (picture.new_tensor(params[name])[:, None, None] for name in ("gain", "gamma"))
        # the power's slope is endless at black
        return (gain * ((picture + 1) / 2).clamp(min=1e-4) ** gamma * 2 - 1).clamp(-1, 1)
