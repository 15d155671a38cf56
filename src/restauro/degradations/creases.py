"""Creases: the print was folded; one flank catches the light, the other lies in shade, and along the fold emulsion is lost."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np

from restauro.core.knobs import Knob
from restauro.degradations._base import Params, seed_of
from restauro.degradations._marks import Layer, Marks, Shape, clouds, log_uniform, paper, scale_of

SHADED = 0.12
"""Beside the fold what is shaded more is damage; flanks further off only shade the picture."""


class Creases(Marks, frozen=True, kw_only=True):
    """A third are folded corners, a third folds across the middle, a third run anywhere."""

    most: Annotated[int, Knob("largest number of folds", ge=1, le=12)] = 2
    depth: Annotated[float, Knob("how much the flanks differ from the picture", ge=0, le=1)] = 0.4
    width: Annotated[float, Knob("widest loss along a fold", ge=0, le=30, unit="px of 512")] = 8.0
    loss: Annotated[float, Knob("largest share of a fold that has lost its emulsion", ge=0, le=1)] = 0.9

    def sample(self, rng: np.random.Generator) -> Params:
        return {
            "count": int(rng.integers(1, self.most + 1)),
            "depth": float(rng.uniform(0.2, 1) * self.depth),
            "width": float(rng.uniform(0.3, 1) * self.width),
            "loss": float(rng.uniform(0, 1) * self.loss),
            "seed": seed_of(rng),
        }

    def layer(self, shape: Shape, params: Params) -> Layer:
        rng = np.random.default_rng(params["seed"])
        cover, shade, scale = np.zeros(shape, np.float32), np.zeros(shape, np.float32), scale_of(shape)
        shaded = np.zeros(shape, bool)
        for _ in range(params["count"]):
            along, across = _fold(rng, shape)
            across = across + 4 * scale * clouds(rng, shape, 5)
            reach = log_uniform(rng, 0.3, 3) * math.hypot(*shape)  # many do not go all the way
            extent = np.clip((reach - np.abs(along - rng.uniform(-0.3, 0.3) * max(shape))) / (40 * scale), 0, 1)
            flank = (1 if rng.random() < 0.5 else -1) * log_uniform(rng, 2, 8) * scale
            relief = across / flank * np.exp(0.5 - 0.5 * np.square(across / flank))
            line = np.exp(-np.square(across / max(0.7, 0.8 * scale)))
            one = params["depth"] * extent * (relief + rng.uniform(-1, 1) * line) * (1 + 0.3 * clouds(rng, shape, 24))
            shaded |= (np.abs(one) > SHADED) & (np.abs(across) < 3 * scale)
            shade += one
            # a share of the fold lies above the threshold; what is further above is wider
            ragged = sum(strength * clouds(rng, shape, cells) for strength, cells in ((0.9, 9), (0.5, 45), (0.5, 120)))
            ragged = ragged + 2.5 * (params["loss"] - 0.5)
            half = np.clip(ragged, -1, 1.5) * extent * params["width"] * scale / 2
            lost = np.clip(half - np.abs(across) + 0.5, 0, 1) * (half > 0)
            cover = np.maximum(cover, np.maximum(lost, rng.uniform(0, 0.6) * extent * line))  # rubbed along all of it
        return Layer(cover, paper(rng) + 0.04 * rng.standard_normal(shape, dtype=np.float32), shade, shaded)


def _fold(rng: np.random.Generator, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) each: the place along the fold from its middle, and the distance from it."""
    height, width = shape
    kind = rng.random()
    if kind < 1 / 3:  # cuts off a corner
        a, b = (float(rng.uniform(0.1, 0.5)) * side for side in (width, height))
        corner = rng.integers(0, 2, 2)
        x, y = abs(corner[0] * width - a / 2), abs(corner[1] * height - b / 2)
        angle = math.atan2(b, a) * (1 if corner[0] != corner[1] else -1)
    elif kind < 2 / 3:
        x, y = rng.uniform(0.3, 0.7, 2) * (width, height)
        angle = (0 if rng.random() < 0.5 else math.pi / 2) + rng.normal(0, 0.03)
    else:
        x, y = rng.uniform(0.1, 0.9, 2) * (width, height)
        angle = rng.uniform(0, math.pi)
    right = np.arange(width, dtype=np.float32)[None] - np.float32(x)
    down = np.arange(height, dtype=np.float32)[:, None] - np.float32(y)
    cos, sin = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    return right * cos + down * sin, down * cos - right * sin
