"""The paper's texture in the scan: linen, silk (honeycomb), laid lines or bare fibres, lit from one side."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
import torch
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params, seed_of
from restauro.degradations._marks import Shape, clouds, scale_of

KINDS = ("linen", "silk", "laid", "fibres")


class PaperTexture(Degradation, frozen=True, kw_only=True):
    """Relief that is added to all channels alike; a period is never below 2.5 pixels."""

    kind: Annotated[Literal["linen", "silk", "laid", "fibres", "any"], Knob("the paper's surface")] = "any"
    period: Annotated[float, Knob("coarsest texture", ge=3, le=40, unit="px of 512")] = 9.0
    depth: Annotated[float, Knob("strongest relief", ge=0, le=1)] = 0.12

    def sample(self, rng: np.random.Generator) -> Params:
        return {
            "kind": self.kind if self.kind != "any" else KINDS[int(rng.integers(len(KINDS)))],
            "period": float(rng.uniform(3, self.period)),
            "angle": float(rng.normal(0, 0.1)),
            "depth": float(rng.uniform(0.25, 1) * self.depth),
            "seed": seed_of(rng),
        }

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        relief = torch.from_numpy(self._relief((picture.shape[-2], picture.shape[-1]), params)).to(picture)
        return (picture + params["depth"] * relief).clamp(-1, 1)

    def _relief(self, shape: Shape, params: Params) -> np.ndarray:
        """(H, W), about from -1 to 1."""
        rng = np.random.default_rng(params["seed"])
        period = max(2.5, params["period"] * scale_of(shape))
        rough = clouds(rng, shape, max(shape) / (0.6 * period))
        if params["kind"] == "fibres":
            return 0.7 * rough + 0.5 * clouds(rng, shape, max(shape) / (2.5 * period))
        waves = [_wave(shape, period, params["angle"] + turn) for turn in TURNS[params["kind"]]]
        found: np.ndarray = (sum(waves) / len(waves) * (1 + 0.3 * clouds(rng, shape, 9)) + 0.25 * rough).astype(np.float32)
        return found


TURNS = {"linen": (0.0, math.pi / 2), "silk": (0.0, math.pi / 3, 2 * math.pi / 3), "laid": (0.0,)}
"""The directions in which a surface repeats itself."""


def _wave(shape: Shape, period: float, angle: float) -> np.ndarray:
    right, down = np.arange(shape[1], dtype=np.float32)[None], np.arange(shape[0], dtype=np.float32)[:, None]
    step = np.float32(2 * math.pi / period)
    phase = right * (step * np.float32(math.cos(angle))) + down * (step * np.float32(math.sin(angle)))
    found: np.ndarray = np.sin(phase)
    return found
