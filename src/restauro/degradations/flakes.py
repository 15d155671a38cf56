"""Flaked emulsion: patches where the picture came off and the paper below is seen."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np

from restauro.core.knobs import Knob
from restauro.degradations._base import Params, seed_of
from restauro.degradations._marks import Layer, Marks, Shape, clouds, inside, log_uniform, paper, scale_of


class Flakes(Marks, frozen=True, kw_only=True):
    """Ragged patches, small ones more often than large; beside a large one small ones lie."""

    most: Annotated[int, Knob("largest number of patches", ge=1, le=60)] = 5
    size: Annotated[float, Knob("widest patch", ge=4, le=300, unit="px of 512")] = 70.0
    ragged: Annotated[float, Knob("how far a patch is from round", ge=0, le=2)] = 0.8

    def sample(self, rng: np.random.Generator) -> Params:
        return {
            "count": int(rng.integers(1, self.most + 1)),
            "size": self.size,
            "ragged": float(rng.uniform(0.3, 1) * self.ragged),
            "seed": seed_of(rng),
        }

    def layer(self, shape: Shape, params: Params) -> Layer:
        rng = np.random.default_rng(params["seed"])
        rough = params["ragged"] * (0.5 * clouds(rng, shape, 14) + 0.35 * clouds(rng, shape, 45) + 0.2 * clouds(rng, shape, 150))
        patches = blobs(rng, shape, params["count"], 0.06 * params["size"], params["size"])
        # the edge of a patch is sharp, whatever its size
        cover = np.clip((patches + rough) * 8 + 0.5, 0, 1)
        return Layer(cover, paper(rng) + 0.06 * clouds(rng, shape, 60) + 0.04 * rng.standard_normal(shape, dtype=np.float32))


def blobs(
    rng: np.random.Generator, shape: Shape, count: int, narrowest: float, widest: float, *, border: float = 0.0
) -> np.ndarray:
    """(H, W): 1 at the middles of some ellipses, 0 on their edges, at least -3 outside.

    The width, in pixels of 512, is drawn log-uniformly. border: share of those that have their middle on a border.
    """
    found = np.full(shape, -3, np.float32)
    for _ in range(count):
        middle = inside(rng, shape)
        if rng.random() < border:
            axis = int(rng.integers(2))
            middle[axis] = 0 if rng.random() < 0.5 else shape[1 - axis]
        reach = max(0.8, log_uniform(rng, narrowest, widest) / 2 * scale_of(shape))
        flat, turn = rng.uniform(0.5, 1), rng.uniform(0, math.pi)
        window = tuple(slice(max(0, int(at - 4 * reach)), max(0, int(at + 4 * reach) + 1)) for at in middle[::-1])
        down, right = (
            np.arange(part.start, min(part.stop, side), dtype=np.float32) - np.float32(at)
            for part, side, at in zip(window, shape, middle[::-1], strict=True)
        )
        u = right[None] * np.float32(math.cos(turn)) + down[:, None] * np.float32(math.sin(turn))
        v = down[:, None] * np.float32(math.cos(turn)) - right[None] * np.float32(math.sin(turn))
        part = found[window]
        np.maximum(part, 1 - np.sqrt(np.square(u) + np.square(v / flat)) / reach, out=part)
    return found
