"""Dust: specks and fibres, white where they lay on the negative, dark where they lie on the print."""

from __future__ import annotations

import math
from typing import Annotated

import cv2
import numpy as np

from restauro.core.knobs import Knob
from restauro.degradations._base import Params, seed_of
from restauro.degradations._marks import SUBPIXEL, Layer, Marks, Shape, inside, log_uniform, paper, path, scale_of, stroke


class Dust(Marks, frozen=True, kw_only=True):
    """Most specks are a pixel or two; a picture's dust is of one kind but for a tenth."""

    most: Annotated[int, Knob("largest number of specks", ge=1, le=2000)] = 120
    fibres: Annotated[int, Knob("largest number of fibres", ge=0, le=200)] = 5
    size: Annotated[float, Knob("widest speck", ge=1, le=40, unit="px of 512")] = 6.0
    dark: Annotated[float, Knob("share of pictures whose dust is dark", ge=0, le=1)] = 0.25

    def sample(self, rng: np.random.Generator) -> Params:
        return {
            "specks": int(log_uniform(rng, 1, self.most + 1)),
            "fibres": int(rng.integers(0, self.fibres + 1)),
            "size": self.size,
            "dark": bool(rng.random() < self.dark),
            "seed": seed_of(rng),
        }

    def layer(self, shape: Shape, params: Params) -> Layer:
        rng = np.random.default_rng(params["seed"])
        canvases = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
        scale = scale_of(shape)
        for _ in range(params["specks"]):
            reach = max(0.5, params["size"] / 2 * rng.beta(1, 4) * scale)
            axes = (reach, max(0.4, reach * rng.uniform(0.4, 1)))
            centre, axes = (tuple(np.rint(np.multiply(2**SUBPIXEL, one)).astype(int)) for one in (inside(rng, shape), axes))
            canvas, turn, strength = canvases[rng.random() < 0.1], rng.uniform(0, 180), rng.uniform(0.5, 1)
            cv2.ellipse(canvas, centre, axes, turn, 0, 360, 255 * strength, -1, cv2.LINE_AA, SUBPIXEL)
        for _ in range(params["fibres"]):
            fibre = path(rng, rng.uniform(0, math.tau), log_uniform(rng, 8, 70) * scale, bend=rng.normal(0, 2), stray=0.15)
            stroke(canvases[0], fibre + inside(rng, shape), rng.uniform(0.6, 1.6) * scale, rng.uniform(0.5, 1))
        colours = paper(rng, 0.7), np.full((3, 1, 1), rng.uniform(-1, -0.6))
        usual, other = colours[::-1] if params["dark"] else colours
        cover = np.maximum(*canvases).astype(np.float32) / 255
        return Layer(cover, np.where(canvases[1] > canvases[0], other, usual))
