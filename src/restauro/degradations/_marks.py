"""Marks that lie on a picture: how they are drawn, how they cover what is below, and the mask they leave.

Shapes are drawn in shares of the picture and in pixels of a 512-px one, so that a seed means the same damage at any size.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from restauro.degradations._base import REFERENCE_SIDE, Degradation, Params

SEEN = 0.12
"""What covers less is taken for undamaged."""
VISIBLE = 0.06
"""What changes the picture less, in all of the pixels around, cannot be told from it: a white scratch on white."""
SUBPIXEL = 4
"""Bits after the point in OpenCV's coordinates."""

Shape = tuple[int, int]


class Layer(NamedTuple):
    """cover (H, W) in [0, 1]; paint in [-1, 1] and shade, what is added to the picture below, both broadcast to (3, H, W).

    shaded: (H, W) booleans, where shade alone counts as damage.
    """

    cover: np.ndarray
    paint: np.ndarray
    shade: np.ndarray | None = None
    shaded: np.ndarray | None = None


class Marks(Degradation, frozen=True, kw_only=True):
    """Damage that covers parts of the picture. The mask is 0 where it covers nothing, else from 0.5 to 1.

    In a chain, where the picture is at hand, it is 0 as well where the damage cannot be told from what it covers.
    """

    def layer(self, shape: Shape, params: Params) -> Layer:
        raise NotImplementedError

    def apply(self, picture: Tensor, params: Params) -> Tensor:
        return _painted(picture, self.layer(_shape(picture), params))

    def mask(self, picture: Tensor, params: Params) -> Tensor:
        return _told(picture, self.layer(_shape(picture), params))

    def strike(self, picture: Tensor, params: Params, clean: Tensor) -> tuple[Tensor, Tensor | None]:
        if picture.shape != clean.shape:
            return super().strike(picture, params, clean)
        layer = self.layer(_shape(picture), params)
        painted = _painted(picture, layer)
        change = (painted - picture).detach().abs().amax((0, 1))
        return painted, _told(picture, layer) * (F.max_pool2d(change[None, None], 3, 1, 1) > VISIBLE)


def _shape(picture: Tensor) -> Shape:
    return picture.shape[-2], picture.shape[-1]


def _painted(picture: Tensor, layer: Layer) -> Tensor:
    cover, paint = (torch.from_numpy(np.asarray(part, np.float32)).to(picture) for part in (layer.cover, layer.paint))
    if layer.shade is not None:
        picture = (picture + torch.from_numpy(np.asarray(layer.shade, np.float32)).to(picture)).clamp(-1, 1)
    return picture * (1 - cover) + paint.clamp(-1, 1) * cover


def _told(picture: Tensor, layer: Layer) -> Tensor:
    told = np.where(layer.cover > SEEN, 0.5 + 0.5 * layer.cover, 0.0).astype(np.float32)
    if layer.shaded is not None:
        told = np.maximum(told, np.float32(0.5) * layer.shaded)
    return torch.from_numpy(told).to(picture)[None, None]


def scale_of(shape: Shape) -> float:
    """Pixels of this picture per pixel of the 512-px reference."""
    return max(shape) / REFERENCE_SIDE


def clouds(rng: np.random.Generator, shape: Shape, cells: float) -> np.ndarray:
    """(H, W) float32: smooth noise around 0, of a deviation near 0.8, with so many knots along the longer side."""
    knots = [min(side, max(2, round(cells * side / max(shape)) + 1)) for side in shape]
    return cv2.resize(rng.standard_normal(knots, dtype=np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC).reshape(shape)


def path(
    rng: np.random.Generator, angle: float, length: float, *, bend: float = 0.0, stray: float = 0.0, points: int = 32
) -> np.ndarray:
    """(points, 2) x and y from (0, 0): a line that turns by `bend` radians in all and strays by `stray` radians at each step."""
    heading = angle + bend * np.linspace(-0.5, 0.5, points - 1) + stray * rng.standard_normal(points - 1)
    steps = np.stack((np.cos(heading), np.sin(heading)), 1) * (length / (points - 1))
    return np.concatenate((np.zeros((1, 2)), steps.cumsum(0)))


def stroke(canvas: np.ndarray, line: np.ndarray, thickness: float, strength: float = 1.0) -> None:
    """Draw a line (n, 2) of at least one pixel into a uint8 canvas, its edges smoothed."""
    points = np.rint(line * 2**SUBPIXEL).astype(np.int32)
    cv2.polylines(canvas, [points], False, 255 * strength, max(1, round(thickness)), cv2.LINE_AA, SUBPIXEL)


def inside(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """A point (x, y) of the picture."""
    return rng.uniform(0, 1, 2) * (shape[1], shape[0])


def paper(rng: np.random.Generator, least: float = 0.55) -> np.ndarray:
    """(3, 1, 1): bare paper, white to cream."""
    yellow = rng.uniform(0, 0.35)
    white: np.ndarray = (rng.uniform(least, 1.0) - yellow * np.array([0.0, 0.25, 1.0])).astype(np.float32)
    return white[:, None, None]


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
