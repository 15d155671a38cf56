"""Colour for a grey photograph of any size: guessed small, carried along edges to full size; its luma stays as it is.

Colours are pairs of chroma at constant luma (networks/colorizer.py), which is the weighted sum of the stored values by which
8-bit pictures become grey: whatever chroma is added, that sum is the photograph's own, and what would leave the range of
colours is drawn towards its own grey. In Lab, as published, lightness would be kept and the luma of the file would not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import torch

from restauro.core.errors import WeightsError
from restauro.photo.colour import LUMA, into_range
from restauro.photo.resize import resize
from restauro.weights.store import find, load

SIDE = 144
"""Of the square that has as many pixels as the small picture the network sees, if its passport does not say."""
STEP = 4
"""Chroma becomes at most so many times larger at once."""
ALIKE = 0.04
"""How far apart luma may be, roughly, for a colour to be shared."""
NEAR = 0.5
"""The same of places, in those of the smaller picture."""
STRIP = 2**20
"""Pixels at once: bounds the memory that is needed beside photograph and result."""

_RED, _BLUE = 0.701, 0.886
TO_CHROMA = np.array([[-LUMA[0], -LUMA[1], 1 - LUMA[2]], [1 - LUMA[0], -LUMA[1], -LUMA[2]]], np.float32)
TO_CHROMA /= np.array([[_BLUE], [_RED]], np.float32)
"""Chroma (blue, red), each in [-1, 1], of R, G, B in [0, 1]."""
FROM_CHROMA = np.array(
    [[0, -LUMA[2] / LUMA[1] * _BLUE, _BLUE], [_RED, -LUMA[0] / LUMA[1] * _RED, 0]],
    np.float32,
)
"""Its inverse: R, G, B over the luma."""

Colour = Callable[[np.ndarray], np.ndarray]


def colorizer(name: str, device: torch.device) -> Colour:
    """The function `colorized` with the weights of a name. Raises WeightsError when these are no colorizer."""
    passport, _ = find(name)
    if passport.architecture != "colorizer":
        raise WeightsError(f"{name!r} is a {passport.kind}, not a colorizer; `restauro models list` shows what is here")
    network = load(name, device)
    return lambda pixels: colorized(pixels, network, passport.size or SIDE)


def colorized(pixels: np.ndarray, network: Any, side: int = SIDE) -> np.ndarray:
    """(H, W, 3) sRGB in [0, 1], of which only the luma is seen, to (H, W, 3) float32 in colour with the same luma.

    network: a `networks.colorizer.Colorizer`, anywhere. What it sees is reduced (or enlarged) to about side x side pixels.
    """
    light = pixels @ LUMA
    return painted(light, guessed(light, network, side))


@torch.no_grad()
def guessed(light: np.ndarray, network: Any, side: int = SIDE) -> np.ndarray:
    """(h, w, 2) chroma of the small picture of a luma (H, W) in [0, 1]."""
    height, width = light.shape
    many = network.multiple
    shrunk = side / np.sqrt(height * width)
    rows, columns = (max(1, round(length * shrunk / many)) * many for length in (height, width))
    small = resize(light, rows, columns)
    seen = torch.from_numpy(small * 2 - 1)[None, None].to(next(network.parameters()).device)
    chroma: np.ndarray = network.chroma(network(seen))[0].permute(1, 2, 0).cpu().numpy()
    return chroma


def painted(light: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """(H, W, 3) of a luma (H, W) in [0, 1] and the chroma (h, w, 2) of a smaller or larger picture."""
    for height, width in _sizes(chroma.shape[:2], light.shape):
        guide = resize(light, height, width, "area")
        chroma = carried(chroma, _like(light, chroma), guide, 0)
    out = np.empty((*light.shape, 3), np.float32)
    guide = _like(light, chroma)
    rows = max(1, STRIP // light.shape[1])
    for top in range(0, len(light), rows):
        part = light[top : top + rows]
        out[top : top + rows] = into_range(part[..., None] + carried(chroma, guide, part, top, len(light)) @ FROM_CHROMA)
    return out


def _like(light: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    return resize(light, chroma.shape[0], chroma.shape[1], "area")


def _sizes(size: tuple[int, ...], last: tuple[int, ...]) -> list[tuple[int, int]]:
    """Those in between, each at most STEP times the one before; the last, which is made in strips, is left out."""
    growth = max(after / before for before, after in zip(size, last, strict=True))
    count = int(np.ceil(np.log(max(growth, 1)) / np.log(STEP) - 1e-9))
    shares = [i / count for i in range(1, count)]
    return [(round(size[0] ** (1 - s) * last[0] ** s), round(size[1] ** (1 - s) * last[1] ** s)) for s in shares]


def carried(chroma: np.ndarray, guide: np.ndarray, light: np.ndarray, top: int, height: int = 0) -> np.ndarray:
    """Joint bilateral upsampling (Kopf et al. 2007): each pixel takes the chroma of places near it whose luma is like its own.

    chroma: (h, w, 2); guide: their luma (h, w); light: rows of the larger luma from `top` on, (rows, W), of `height` in all.
    """
    height = height or len(light)
    total, weight = np.zeros((*light.shape, 2), np.float32), np.full(light.shape, 1e-12, np.float32)
    both = np.dstack([guide.astype(np.float32), chroma.astype(np.float32)])
    for down in (-1, 0, 1):
        lines = _lines(both, top, len(light), height, down)
        for right in (-1, 0, 1):
            columns = np.clip(np.arange(both.shape[1]) + right, 0, both.shape[1] - 1)
            seen = cv2.resize(lines[:, columns], light.shape[::-1], interpolation=cv2.INTER_LINEAR)
            share = cv2.exp(-np.square(light - seen[..., 0]) / (2 * ALIKE**2)) + np.float32(1e-3)
            share = share * np.float32(np.exp(-(down**2 + right**2) / (2 * NEAR**2)))
            total += share[..., None] * seen[..., 1:]
            weight += share
    return total / weight[..., None]


def _lines(low: np.ndarray, top: int, count: int, height: int, down: int) -> np.ndarray:
    """Rows top .. top + count of `height` between the rows of a smaller picture, moved by `down` of its own: no strip shows."""
    last = len(low) - 1
    places = (np.arange(top, top + count) + 0.5) * len(low) / height - 0.5
    first = np.floor(places).astype(int)
    share = (places - first).astype(np.float32)[:, None, None]
    above, below = (low[np.clip(first + step + down, 0, last)] for step in (0, 1))
    return above * (1 - share) + below * share
