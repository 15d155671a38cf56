"""Stains: tide lines of water, foxing, brown blotches; the picture below is still seen."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import torch
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params, seed_of
from restauro.degradations._marks import Shape, clouds
from restauro.degradations.flakes import blobs

COLOURS = ((0.10, 0.40, 1.00), (0.15, 0.60, 1.00), (0.45, 0.70, 1.00), (0.70, 0.80, 1.00))
"""What a stain absorbs of red, green and blue: yellow, orange, brown, grey."""


class Stains(Degradation, frozen=True, kw_only=True):
    """Density is added, as by ink: level -> level * 10^(-density)."""

    kind: Annotated[Literal["tide", "foxing", "blotch", "any"], Knob("what it comes from")] = "any"
    most: Annotated[int, Knob("largest number of stains; of foxing eight times as many", ge=1, le=40)] = 4
    size: Annotated[float, Knob("widest stain", ge=10, le=800, unit="px of 512")] = 260.0
    strength: Annotated[float, Knob("largest density, in blue", ge=0, le=2)] = 0.7

    def sample(self, rng: np.random.Generator) -> Params:
        kind = self.kind if self.kind != "any" else ("tide", "foxing", "blotch")[int(rng.integers(3))]
        return {
            "kind": kind,
            "count": int(rng.integers(1, self.most + 1)) * (8 if kind == "foxing" else 1),
            "size": self.size,
            "strength": float(rng.uniform(0.2, 1) * self.strength),
            "colour": [float(one) for one in COLOURS[int(rng.integers(len(COLOURS)))]],
            "seed": seed_of(rng),
        }

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        density = torch.from_numpy(self._density((picture.shape[-2], picture.shape[-1]), params)).to(picture)
        colour = picture.new_tensor(params["colour"])[:, None, None]
        return (picture + 1) * 10 ** (-density * colour) - 1

    def _density(self, shape: Shape, params: Params) -> np.ndarray:
        rng = np.random.default_rng(params["seed"])
        if params["kind"] == "foxing":
            spots = np.maximum(blobs(rng, shape, params["count"], params["size"] / 150, params["size"] / 12), 0)
            return (params["strength"] * np.sqrt(spots)).astype(np.float32)
        found = blobs(rng, shape, params["count"], 0.2 * params["size"], params["size"], border=0.5)
        found += 0.35 * clouds(rng, shape, 5) + 0.12 * clouds(rng, shape, 24)
        if params["kind"] == "tide":  # what dried last is at the edge
            line = np.exp(-np.square(found / 0.05)) + 0.35 * np.exp(-np.square((found - 0.12) / 0.12))
            density = np.clip(found * 12, 0, 0.35) + line
        else:
            density = np.clip(found * 2.5, 0, 1) * (1 + 0.4 * clouds(rng, shape, 40))
        return (params["strength"] * np.clip(density, 0, 1.5)).astype(np.float32)
