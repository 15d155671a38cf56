"""Plateau-shaped blur: an even middle and a long tail (Real-ESRGAN, arXiv 2107.10833, section 3.2)."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Params
from restauro.degradations.generalized_blur import GeneralizedBlur


class PlateauBlur(GeneralizedBlur, frozen=True, kw_only=True):
    """Weights 1 / (1 + r^(2 shape))."""

    peaked: Annotated[float, Knob("smallest shape", ge=0.2, le=8)] = 1.0
    flat: Annotated[float, Knob("largest shape", ge=0.2, le=8)] = 2.0

    def profile(self, squared: Tensor, params: Params) -> Tensor:
        return 1 / (1 + squared.pow(params["shape"]))
