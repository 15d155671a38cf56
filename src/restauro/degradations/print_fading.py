"""Fading as prints fade: each dye or the silver loses density at its own rate, highlights first, and the paper yellows."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params

DYES = ("cyan", "magenta", "yellow")
BLACK = 0.03
"""The darkest level a print reaches, of 1."""
YELLOWING = (0.12, 0.35, 1.0)
"""What old paper and gelatine absorb of red, green and blue."""


class PrintFading(Degradation, frozen=True, kw_only=True):
    """A curve per channel on density d = -ln(level): d -> keep d (d / d_black)^toe + stain.

    The dye that fades most (cyan absorbs red, magenta green, yellow blue) leaves its cast; silver fades evenly.
    """

    kind: Annotated[Literal["silver", "cyan", "magenta", "yellow", "any"], Knob("what fades most")] = "any"
    low: Annotated[float, Knob("smallest density kept by what fades most", ge=0.05, le=1)] = 0.4
    toe: Annotated[float, Knob("how much sooner highlights go than shadows, at most", ge=0, le=2)] = 0.4
    stain: Annotated[float, Knob("strongest yellowing of the paper, as density in blue", ge=0, le=2)] = 0.35

    def sample(self, rng: np.random.Generator) -> Params:
        kind: str = self.kind
        if kind == "any":
            kind = "silver" if rng.random() < 0.4 else DYES[int(rng.choice(3, p=(0.5, 0.35, 0.15)))]
        least = rng.uniform(self.low, 1)
        keep = [least] * 3 if kind == "silver" else [float(rng.uniform(least + 0.5 * (1 - least), 1)) for _ in DYES]
        if kind != "silver":
            keep[DYES.index(kind)] = least
        stain = self.stain * rng.random() ** 2
        return {
            "keep": [float(one) for one in keep],
            "toe": float(rng.uniform(0, self.toe)),
            "stain": [float(stain * one) for one in YELLOWING],
        }

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        darkest = -math.log(BLACK)
        density = -((picture + 1) / 2).clamp(BLACK, 1).log()
        keep, stain = (picture.new_tensor(params[name])[:, None, None] for name in ("keep", "stain"))
        faded = keep * density * (density / darkest).clamp(min=1e-6) ** params["toe"] + stain
        return ((-faded).exp() * 2 - 1).clamp(-1, 1)
