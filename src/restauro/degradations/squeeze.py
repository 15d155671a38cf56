"""Lost resolution of another share in width and height, enlarged again at once (Old Photos, arXiv 2004.09484)."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from PIL.Image import Resampling
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params
from restauro.degradations._pillow import through


class Squeeze(Degradation, frozen=True, kw_only=True):
    """Bicubic to a drawn share of each side, then bilinear or nearest, by Pillow on 8 bits. It has no gradient."""

    differentiable = False

    low: Annotated[float, Knob("smallest share of a side", ge=0.02, le=1)] = 0.5
    nearest: Annotated[float, Knob("share that is enlarged as blocks", ge=0, le=1)] = 0.5

    def sample(self, rng: np.random.Generator) -> Params:
        return {"sides": rng.uniform(self.low, 1, 2).tolist(), "nearest": bool(rng.random() < self.nearest)}

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        """`sides`: the shares of width and of height."""
        full = picture.shape[-1], picture.shape[-2]
        small = [max(1, round(side * share)) for side, share in zip(full, params["sides"], strict=True)]
        way = Resampling.NEAREST if params["nearest"] else Resampling.BILINEAR
        return through(picture, lambda one: one.resize((small[0], small[1]), Resampling.BICUBIC).resize(full, way))
