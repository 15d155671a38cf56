"""Cracks of the emulsion: a network that breaks a part of the picture into cells, or branches that grow in from the borders."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Literal

import cv2
import numpy as np

from restauro.core.knobs import Knob
from restauro.degradations._base import Params, seed_of
from restauro.degradations._marks import Layer, Marks, Shape, clouds, inside, log_uniform, paper, path, scale_of, stroke


class Cracks(Marks, frozen=True, kw_only=True):
    """Jagged lines of uneven width, in the colour of the paper, with a little shade beside them where the emulsion lifts."""

    kind: Annotated[Literal["network", "branches", "any"], Knob("how they run")] = "any"
    cells: Annotated[int, Knob("largest number of cells or branches", ge=4, le=400)] = 70
    width: Annotated[float, Knob("widest crack", ge=0.5, le=20, unit="px of 512")] = 6.0
    spread: Annotated[float, Knob("largest share of a network's lines that have opened", ge=0.05, le=1)] = 0.7
    depth: Annotated[float, Knob("how much the lifted edges are shaded", ge=0, le=1)] = 0.2

    def sample(self, rng: np.random.Generator) -> Params:
        kind = self.kind if self.kind != "any" else ("network" if rng.random() < 0.5 else "branches")
        return {
            "kind": kind,
            "cells": int(log_uniform(rng, 4, self.cells)),
            "width": float(self.width * log_uniform(rng, 0.3, 1)),
            "spread": float(rng.uniform(0.05, self.spread)),
            "depth": float(rng.uniform(0, self.depth)),
            "seed": seed_of(rng),
        }

    def layer(self, shape: Shape, params: Params) -> Layer:
        rng = np.random.default_rng(params["seed"])
        draw = _network if params["kind"] == "network" else _branches
        cover = draw(rng, shape, params)
        lift = max(1, round(1.5 * scale_of(shape)))
        shadow = np.roll(cv2.GaussianBlur(cover, (0, 0), max(0.6, lift)), (lift, lift), (0, 1))
        return Layer(cover, paper(rng) + 0.05 * rng.standard_normal(shape, dtype=np.float32), -2 * params["depth"] * shadow)


def _network(rng: np.random.Generator, shape: Shape, params: Params) -> np.ndarray:
    """The borders of cells around scattered points, bent, some of them open; (H, W) in [0, 1]."""
    height, width = shape
    scale = scale_of(shape)
    seeds = np.ones(shape, np.uint8)
    x, y = (rng.integers(0, side, params["cells"]) for side in (width, height))
    seeds[y, x] = 0
    cells = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)[1].astype(np.float32)
    bent = [(4 * clouds(rng, shape, 16) + 2 * clouds(rng, shape, 60)) * scale for _ in range(2)]
    places = np.arange(width, dtype=np.float32)[None] + bent[0], np.arange(height, dtype=np.float32)[:, None] + bent[1]
    cells = cv2.remap(cells, *places, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE).reshape(shape).astype(np.int64)
    right, below = np.roll(cells, -1, 1), np.roll(cells, -1, 0)
    right[:, -1], below[-1] = cells[:, -1], cells[-1]
    # what is open is decided border by border: all pixels between the same two cells share one number
    chance = rng.random(1009, dtype=np.float32)
    where = params["spread"] * np.clip(1 + 0.9 * clouds(rng, shape, 3), 0, 2)
    threshold = np.full(shape, 2, np.float32)
    for other in (right, below):
        threshold = np.minimum(threshold, np.where(cells != other, chance[cells * other % 1009], np.float32(2)))
    half = params["width"] * scale / 2 * np.exp(0.4 * clouds(rng, shape, 14) + 0.35 * clouds(rng, shape, 70))
    cover = np.zeros(shape, np.float32)
    for share, reach in ((0.25, half), (1.0, 0.3 * half)):  # a quarter have opened wide
        if (opened := threshold < share * where).any():
            distance = cv2.distanceTransform((~opened).astype(np.uint8), cv2.DIST_L2, 3)
            cover = np.maximum(cover, np.clip(np.maximum(reach, 0.4) + 0.4 - distance, 0, 1))
    return cover


def _branches(rng: np.random.Generator, shape: Shape, params: Params) -> np.ndarray:
    """Crooked lines from the borders, which fork and grow thinner; (H, W) in [0, 1]."""
    canvas, scale = np.zeros(shape, np.uint8), scale_of(shape)
    left = max(1, params["cells"] // 4)
    growing: list[tuple[np.ndarray, float, float, float]] = []
    while left > 0:
        if not growing:
            start, centre = _border(rng, shape), inside(rng, shape)
            angle = math.atan2(*(centre - start)[::-1])
            growing.append((start, angle, log_uniform(rng, 0.15, 1.2) * max(shape), params["width"] * scale))
        start, angle, length, thickness = growing.pop()
        line = start + path(rng, angle, length, bend=rng.normal(0, 0.6), stray=0.45, points=max(4, int(length / (7 * scale))))
        for a, b in pairwise(line):
            stroke(canvas, np.stack((a, b)), thickness * rng.uniform(0.7, 1.1))
        left -= 1
        for _ in range(int(rng.integers(0, 3))):
            fork = line[int(rng.integers(len(line)))]
            turn = rng.choice([-1, 1]) * rng.uniform(0.4, 1.4)
            growing.append((fork, angle + turn, length * rng.uniform(0.2, 0.7), thickness * rng.uniform(0.4, 0.8)))
    eaten = np.clip(
        1.5 + 1.1 * clouds(rng, shape, 50) + 0.9 * clouds(rng, shape, 130), 0, 1
    )  # emulsion still bridges it here and there
    cover: np.ndarray = canvas.astype(np.float32) / 255 * eaten
    return cover


def _border(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """A point (x, y) on the border."""
    x, y = inside(rng, shape)
    side = int(rng.integers(4))
    return np.array([(x, 0.0), (x, shape[0]), (0.0, y), (shape[1], y)][side])
