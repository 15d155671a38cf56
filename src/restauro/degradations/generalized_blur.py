"""Generalised Gaussian blur: a peaked or a flat-topped bell (Real-ESRGAN, arXiv 2107.10833, section 3.2)."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.knobs import Knob
from restauro.degradations._base import Params
from restauro.degradations._elliptic import Elliptic


class GeneralizedBlur(Elliptic, frozen=True, kw_only=True):
    """Weights exp(-r^(2 shape) / 2): shape 1 is the Gaussian, below it peaks, above it turns into a disc."""

    peaked: Annotated[float, Knob("smallest shape", ge=0.2, le=8)] = 0.5
    flat: Annotated[float, Knob("largest shape", ge=0.2, le=8)] = 4.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.peaked > self.flat:
            raise RecipeError(f"{type(self).__name__}: peaked={self.peaked:g} is above flat={self.flat:g}")

    def sample(self, rng: np.random.Generator) -> Params:
        return {**super().sample(rng), "shape": float(rng.uniform(self.peaked, self.flat))}

    def profile(self, squared: Tensor, params: Params) -> Tensor:
        return torch.exp(-squared.pow(params["shape"]) / 2)
