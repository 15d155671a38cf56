"""Resizing at random: up, down or neither, by a random kernel (Real-ESRGAN, arXiv 2107.10833, section 3.3)."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params
from restauro.degradations._resize import resize
from restauro.degradations.downsample import enlarge

PUBLISHED = ("area", "bilinear", "bicubic")


class Resize(Degradation, frozen=True, kw_only=True):
    """Sides times a factor, drawn from [low, 1] or from [1, high]. In a chain the picture stays at its new size."""

    low: Annotated[float, Knob("smallest factor of a reduction", ge=0.02, le=1)] = 0.15
    high: Annotated[float, Knob("largest factor of an enlargement", ge=1, le=8)] = 1.5
    up: Annotated[float, Knob("share that is enlarged", ge=0, le=1)] = 0.2
    down: Annotated[float, Knob("share that is reduced; the rest keeps its size", ge=0, le=1)] = 0.7
    kernel: Annotated[
        Literal["any", "nearest", "area", "bilinear", "bicubic", "lanczos"], Knob(f"any: one of {', '.join(PUBLISHED)}")
    ] = "any"
    antialias: Annotated[bool, Knob("kernels widen with the reduction; the published chains' do not")] = False
    cut: Annotated[
        bool, Knob("a factor is kept to the last digit, and what is less than a pixel at the border cut off, as published")
    ] = False
    of: Annotated[float, Knob("factors are of this share of the undamaged picture; 0: of what comes in", ge=0, le=1)] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.up + self.down > 1 + 1e-9:
            raise RecipeError(f"Resize: up={self.up:g} and down={self.down:g} are more than all")

    def sample(self, rng: np.random.Generator) -> Params:
        way, factor = rng.random(), 1.0
        if way < self.up:
            factor = float(rng.uniform(1, self.high))
        elif way < self.up + self.down:
            factor = float(rng.uniform(self.low, 1))
        return {"factor": factor, "kernel": PUBLISHED[int(rng.integers(len(PUBLISHED)))] if self.kernel == "any" else self.kernel}

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        return enlarge(self.link(picture, params, picture), picture)

    def link(self, picture: Tensor, params: Params, clean: Tensor) -> Tensor:
        sides = [side * self.of for side in clean.shape[-2:]] if self.of else picture.shape[-2:]
        factor: float = params["factor"]
        height, width = (max(1, int(side * factor + 1e-6)) for side in sides)
        if self.cut and not self.of and params["kernel"] in ("bilinear", "bicubic") and min(picture.shape[-2:]) * factor >= 1:
            done = F.interpolate(picture, scale_factor=factor, mode=params["kernel"], antialias=self.antialias)
            return done.clamp(-1, 1)
        return resize(picture, height, width, params["kernel"], antialias=self.antialias)
