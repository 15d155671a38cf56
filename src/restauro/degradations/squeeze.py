"""Lost resolution of another share in width and height, enlarged again at once (Old Photos, arXiv 2004.09484)."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params
from restauro.degradations._resize import resize


class Squeeze(Degradation, frozen=True, kw_only=True):
    """Bicubic and antialiased to a drawn share of each side, then bilinear or nearest to the full size."""

    low: Annotated[float, Knob("smallest share of a side", ge=0.02, le=1)] = 0.5
    nearest: Annotated[float, Knob("share that is enlarged as blocks", ge=0, le=1)] = 0.5

    def sample(self, rng: np.random.Generator) -> Params:
        return {"sides": rng.uniform(self.low, 1, 2).tolist(), "nearest": bool(rng.random() < self.nearest)}

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        """`sides`: of width and of height."""
        height, width = picture.shape[-2:]
        across, down = params["sides"]
        small = resize(picture, max(1, round(height * down)), max(1, round(width * across)), "bicubic")
        return resize(small, height, width, "nearest" if params["nearest"] else "bilinear", antialias=False)
