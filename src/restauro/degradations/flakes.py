"""Flaked emulsion: patches where the picture came off and the paper below is seen."""

from __future__ import annotations

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
        patches = np.full(shape, -9, np.float32)
        for _ in range(params["count"]):
            patches = np.maximum(patches, blob(rng, shape, params["size"]))
        # a patch's edge is a pixel wide, so its slope there is that of its size
        cover = np.clip((patches + rough) * 8 + 0.5, 0, 1)
        return Layer(cover, paper(rng) + 0.06 * clouds(rng, shape, 60) + 0.04 * rng.standard_normal(shape, dtype=np.float32))


def blob(rng: np.random.Generator, shape: Shape, widest: float, place: np.ndarray | None = None) -> np.ndarray:
    """(H, W): 1 at the middle of an ellipse, 0 on its edge, negative outside."""
    x, y = inside(rng, shape) if place is None else place
    reach = max(0.8, log_uniform(rng, 0.06, 1) * widest / 2 * scale_of(shape))
    long, turn = rng.uniform(0.5, 1), rng.uniform(0, np.pi)
    right = np.arange(shape[1], dtype=np.float32)[None] - np.float32(x)
    down = np.arange(shape[0], dtype=np.float32)[:, None] - np.float32(y)
    u, v = right * np.cos(turn) + down * np.sin(turn), down * np.cos(turn) - right * np.sin(turn)
    found: np.ndarray = (1 - np.sqrt(np.square(u) + np.square(v / long)) / reach).astype(np.float32)
    return np.maximum(found, -9)
