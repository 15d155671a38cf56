"""Missing parts: boxes, free-form strokes and blobs; the holes are painted in one level."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import cv2
import numpy as np
import torch
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.degradations._base import Degradation, Params, length_scale, seed_of
from restauro.degradations._marks import clouds
from restauro.degradations.flakes import blobs


class Holes(Degradation, frozen=True, kw_only=True):
    """Strokes wander as in free-form inpainting masks; boxes cover up to a third of each side; blobs are ragged."""

    kind: Annotated[Literal["strokes", "box", "blobs", "either"], Knob("shape of the holes; either: strokes or a box")] = "either"
    width: Annotated[float, Knob("widest stroke", ge=4, le=200, unit="px of 512")] = 90.0
    level: Annotated[float, Knob("what the holes are painted with", ge=-1, le=1)] = 1.0

    def sample(self, rng: np.random.Generator) -> Params:
        kind = self.kind if self.kind != "either" else ("strokes" if rng.random() < 0.6 else "box")
        return {"kind": kind, "width": self.width, "seed": seed_of(rng)}

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        return filled(picture, self.mask(picture, params), self.level)

    def mask(self, picture: Tensor, params: Params) -> Tensor:
        height, width = picture.shape[-2:]
        canvas = np.zeros((height, width), np.uint8)
        rng = np.random.default_rng(params["seed"])
        if params["kind"] == "blobs":
            round_ones = blobs(rng, (height, width), int(rng.integers(1, 5)), params["width"], 3 * params["width"])
            canvas[:] = round_ones + 0.4 * clouds(rng, (height, width), 8) + 0.15 * clouds(rng, (height, width), 30) > 0
        elif params["kind"] == "box":
            h, w = (max(1, int(rng.uniform(0.15, 0.34) * side)) for side in (height, width))
            top, left = (int(rng.uniform(0.1, 0.9) * (side - part)) for side, part in ((height, h), (width, w)))
            canvas[top : top + h, left : left + w] = 1
        else:
            draw_strokes(canvas, rng, widest=params["width"] * length_scale(picture), strokes=(1, 3), turn=2 * math.pi / 5)
        return torch.from_numpy(canvas).to(picture)[None, None]


def filled(picture: Tensor, mask: Tensor, level: float = 1.0) -> Tensor:
    """The picture, with `level` where the mask is 1, and their mixture in between."""
    return picture * (1 - mask) + level * mask


def draw_strokes(canvas: np.ndarray, rng: np.random.Generator, *, widest: float, strokes: tuple[int, int], turn: float) -> None:
    """Paint wandering polylines of 4 to 12 vertices into a uint8 canvas; directions alternate around `turn`."""
    height, width = canvas.shape
    step = math.hypot(height, width) / 8
    for _ in range(int(rng.integers(strokes[0], strokes[1] + 1))):
        point = rng.uniform(0, 1, 2) * (width, height)
        thickness = max(1, int(rng.uniform(0.35, 1) * widest))
        angle = rng.uniform(0, 2 * math.pi)
        for vertex in range(int(rng.integers(4, 13))):
            angle += (1 if vertex % 2 else -1) * (turn + rng.uniform(-1, 1) * math.pi / 6)
            reach = float(np.clip(rng.normal(step, step / 2), 0, 2 * step))
            after = np.clip(point + reach * np.array([math.cos(angle), math.sin(angle)]), 0, (width - 1, height - 1))
            cv2.line(canvas, tuple(map(int, point)), tuple(map(int, after)), 1, thickness)
            point = after
