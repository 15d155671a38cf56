"""Hairlines: thin long scratches, straight, bent or broken, bright or dark, some of them in sheaves."""

from __future__ import annotations

import math
from typing import Annotated

import cv2
import numpy as np

from restauro.core.knobs import Knob
from restauro.degradations._base import Params, seed_of
from restauro.degradations._marks import Layer, Marks, Shape, inside, log_uniform, paper, path, scale_of, stroke


class Hairlines(Marks, frozen=True, kw_only=True):
    """Down to one pixel wide, from a tenth of the diagonal to across the picture; two in five are upright, as on film."""

    most: Annotated[int, Knob("largest number of scratches", ge=1, le=60)] = 6
    width: Annotated[float, Knob("widest scratch", ge=0.5, le=20, unit="px of 512")] = 3.0
    dark: Annotated[float, Knob("share that is darker than the picture", ge=0, le=1)] = 0.25
    broken: Annotated[float, Knob("share that is interrupted", ge=0, le=1)] = 0.4
    bend: Annotated[float, Knob("largest turn along a scratch", ge=0, le=180, unit="degrees")] = 50.0

    def sample(self, rng: np.random.Generator) -> Params:
        count = int(rng.integers(1, self.most + 1))
        knobs = {"width": self.width, "dark": self.dark, "broken": self.broken, "bend": math.radians(self.bend)}
        return {"count": count, **knobs, "soft": float(rng.uniform(0.1, 0.7)), "seed": seed_of(rng)}

    def layer(self, shape: Shape, params: Params) -> Layer:
        rng = np.random.default_rng(params["seed"])
        bright, dark = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
        for _ in range(params["count"]):
            canvas = dark if rng.random() < params["dark"] else bright
            thickness = params["width"] * log_uniform(rng, 0.2, 1) * scale_of(shape)
            strength = rng.uniform(0.45, 1)
            for line in _sheaf(rng, shape, params["bend"]):
                for piece in _pieces(rng, line) if rng.random() < params["broken"] else [line]:
                    stroke(canvas, piece, thickness, strength)
        light, shadow = paper(rng), np.full((3, 1, 1), rng.uniform(-1, -0.6))
        paint = np.where(dark > bright, shadow, light)
        return Layer(cv2.GaussianBlur(np.maximum(bright, dark), (3, 3), params["soft"]).astype(np.float32) / 255, paint)


def _sheaf(rng: np.random.Generator, shape: Shape, bend: float) -> list[np.ndarray]:
    """One line, or a few side by side, as sand leaves them."""
    angle = rng.normal(math.pi / 2, 0.04) if rng.random() < 0.4 else rng.uniform(0, math.pi)
    length = log_uniform(rng, 0.1, 1.3) * math.hypot(*shape)
    line = path(rng, angle, length, bend=rng.uniform(-1, 1) * bend, stray=0.04)
    line += inside(rng, shape) - line[len(line) // 2]
    others = int(rng.integers(2, 7)) if rng.random() < 0.15 else 0
    spread = 14 * scale_of(shape)
    return [line, *(line[int(rng.integers(0, 12)) :] + rng.normal(0, spread, 2) for _ in range(others))]


def _pieces(rng: np.random.Generator, line: np.ndarray) -> list[np.ndarray]:
    """What is left of a line after two to six interruptions."""
    cuts = np.sort(rng.integers(0, len(line), 2 * int(rng.integers(2, 7))))
    return [line[a : b + 1] for a, b in zip(cuts[::2], cuts[1::2], strict=True) if b > a]
