"""Motion blur: the camera or the face moved along an arc while the shutter was open."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Measured, Params, fast_filter2d


class MotionBlur(Measured, frozen=True, kw_only=True):
    """A path of a length, a direction and a turn, all drawn uniformly."""

    low: Annotated[float, Knob("shortest path", ge=0, le=200, unit="px of 512")] = 5.0
    high: Annotated[float, Knob("longest path", ge=0, le=200, unit="px of 512")] = 40.0
    turn: Annotated[float, Knob("largest turn along the path; 0: straight", ge=0, le=360, unit="degrees")] = 60.0

    def sample(self, rng: np.random.Generator) -> Params:
        turn = math.radians(self.turn)
        length, angle = rng.uniform(self.low, self.high), rng.uniform(0, 2 * math.pi)
        return {"length": float(length), "angle": float(angle), "turn": float(rng.uniform(-turn, turn))}

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        return fast_filter2d(picture, path_kernel(params["length"] * self.scale(picture), params["angle"], params["turn"]))


def path_kernel(length: float, angle: float, turn: float) -> Tensor:
    """(k, k), sum 1: an even line of so many pixels; its heading goes from angle - turn / 2 to angle + turn / 2."""
    count = max(2, math.ceil(8 * length))
    heading = angle + turn * ((torch.arange(count, dtype=torch.float64) + 0.5) / count - 0.5)
    path = torch.stack((heading.sin(), heading.cos())).cumsum(1) * (length / count)
    path -= path.mean(1, keepdim=True)
    radius = max(1, math.ceil(float(path.abs().max())))
    side = 2 * radius + 1
    kernel = torch.zeros(side * side, dtype=torch.float64)
    corner = path.floor()
    for down in (0, 1):
        for right in (0, 1):
            place = corner + torch.tensor([[down], [right]])
            share = (1 - (path - place).abs()).prod(0)
            row, column = (place.long() + radius).clamp(0, side - 1)  # beyond the last line the share is 0
            kernel.index_add_(0, row * side + column, share)
    return (kernel / kernel.sum()).reshape(side, side).float()
