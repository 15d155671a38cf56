"""Torn corners, worn edges and rips: what was torn off shows the scanner's lid, along the tear the paper's white core."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np

from restauro.core.knobs import Knob
from restauro.degradations._base import Params, seed_of
from restauro.degradations._marks import Layer, Marks, Shape, clouds, log_uniform, paper, scale_of


class Tears(Marks, frozen=True, kw_only=True):
    """Every picture that is torn has lost some corners, is worn along its edges, or is ripped from one, or all of these."""

    corner: Annotated[float, Knob("largest part of a side that a corner takes along", ge=0.01, le=1)] = 0.22
    wear: Annotated[float, Knob("deepest wear of the edges", ge=0, le=80, unit="px of 512")] = 8.0
    rip: Annotated[float, Knob("deepest rip", ge=0, le=1, unit="of the side")] = 0.4
    rim: Annotated[float, Knob("widest white rim", ge=0, le=40, unit="px of 512")] = 7.0

    def sample(self, rng: np.random.Generator) -> Params:
        corners = [float(one) for one in rng.uniform(0.15, 1, (4, 2)).ravel() * self.corner * np.repeat(rng.random(4) < 0.35, 2)]
        worn, ripped = rng.random() < 0.5, rng.random() < 0.25
        if not any(corners) and not ripped:
            corners[:2] = [0.5 * self.corner] * 2
        return {
            "corners": corners,
            "wear": float(rng.uniform(0.2, 1) * self.wear) if worn else 0.0,
            "rip": float(rng.uniform(0.2, 1) * self.rip) if ripped else 0.0,
            "rim": float(rng.uniform(0.2, 1) * self.rim),
            "ground": float(rng.choice([1, 0.85, -1, -0.9, rng.uniform(-1, 1)])),
            "seed": seed_of(rng),
        }

    def layer(self, shape: Shape, params: Params) -> Layer:
        """`left` is the distance, in pixels, from what is gone; negative there."""
        rng = np.random.default_rng(params["seed"])
        height, width = shape
        scale = scale_of(shape)
        x, y = np.arange(width, dtype=np.float32)[None] + 0.5, np.arange(height, dtype=np.float32)[:, None] + 0.5
        rough = (6 * clouds(rng, shape, 6) + 1.5 * clouds(rng, shape, 40) + 0.8 * clouds(rng, shape, 128)) * scale
        left = np.full(shape, 4.0 * max(shape), np.float32)
        for corner, (across, down) in enumerate(zip(params["corners"][::2], params["corners"][1::2], strict=True)):
            if across:
                u, v = (width - x if corner % 2 else x), (height - y if corner // 2 else y)
                a, b = across * width, down * height
                left = np.minimum(left, (u / a + v / b - 1) * (a * b / math.hypot(a, b)) + rough)
        if params["wear"]:
            border = np.minimum(np.minimum(x, width - x), np.minimum(y, height - y))
            worn = (1.1 * clouds(rng, shape, 5) + 0.35 * clouds(rng, shape, 40) - 0.4) * params["wear"] * scale
            left = np.minimum(left, border - worn)
        if params["rip"]:
            left = np.minimum(left, _rip(rng, shape, params["rip"]) + 0.8 * rough)
        white = params["rim"] * scale * np.clip(0.7 + 0.8 * clouds(rng, shape, 10), 0, 2)
        cover = np.clip(white - left + 0.5, 0, 1)
        core = paper(rng, 0.7) + 0.06 * rng.standard_normal(shape, dtype=np.float32)
        tinted = (params["ground"] + rng.uniform(-0.05, 0.05, (3, 1, 1))).astype(np.float32)
        return Layer(cover, np.where(left < 0, tinted, core))


def _rip(rng: np.random.Generator, shape: Shape, depth: float) -> np.ndarray:
    """(H, W): the distance from a wedge that begins at a border and narrows inwards."""
    height, width = shape
    x, y = np.arange(width, dtype=np.float32)[None] / width, np.arange(height, dtype=np.float32)[:, None] / height
    along, across = ((x, y), (1 - x, y), (y, x), (1 - y, x))[int(rng.integers(4))]
    lean, opening = rng.normal(0, 0.35), log_uniform(rng, 0.004, 0.05)
    off = np.abs(across - rng.uniform(0.15, 0.85) - lean * along)
    # towards its tip the rip is so narrow that even the rim closes
    distance: np.ndarray = (off - opening + (opening + 0.012) * along / depth) * max(shape)
    return np.maximum(distance, (along - depth) * max(shape)).astype(np.float32)
