"""Overlapping tiles for any size, with weights that are smooth and sum to one everywhere. NumPy or torch: the caller slices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np


class Tile(NamedTuple):
    """Rows top..bottom and columns left..right of the picture; the weight of each, so that weight = outer(rows, columns)."""

    top: int
    bottom: int
    left: int
    right: int
    rows: np.ndarray
    columns: np.ndarray

    @property
    def where(self) -> tuple[slice, slice]:
        """Index of a (H, W, ...) array; behind an ellipsis, of a (..., H, W) one."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def weight(self) -> np.ndarray:
        """(bottom - top, right - left) float32."""
        return np.outer(self.rows, self.columns).astype(np.float32)


def tiles(height: int, width: int, size: int, overlap: int, *, scale: int = 1) -> Iterator[Tile]:
    """Tiles of at most `size` pixels a side with at least `overlap` pixels in common, evenly spread.

    scale: boxes and weights for an output enlarged by it (the input's box is the box divided by scale).
    """
    spans_x = list(_spans(width, size, overlap, scale))
    for top, bottom, rows in _spans(height, size, overlap, scale):
        for left, right, columns in spans_x:
            yield Tile(top, bottom, left, right, rows, columns)


def in_tiles(
    picture: np.ndarray, function: Callable[[np.ndarray], np.ndarray], size: int, overlap: int, *, scale: int = 1
) -> np.ndarray:
    """`function` of an (H, W, C) picture, tile by tile, seamlessly put together: (H * scale, W * scale, C') float32."""
    height, width = picture.shape[:2]
    out: np.ndarray | None = None
    inputs = tiles(height, width, size, overlap)
    for taken, put in zip(inputs, tiles(height, width, size, overlap, scale=scale), strict=True):
        done = function(picture[taken.where])
        if out is None:
            out = np.zeros((height * scale, width * scale, *done.shape[2:]), np.float32)
        out[put.where] += done * put.weight.reshape(*put.weight.shape, *[1] * (done.ndim - 2))
    assert out is not None
    return out


def _spans(length: int, size: int, overlap: int, scale: int) -> Iterator[tuple[int, int, np.ndarray]]:
    """Begin, end and weights (float64) of the tiles along one side."""
    if not 0 <= overlap < size:
        raise ValueError(f"overlap must be 0..{size - 1}, not {overlap}")
    count = 1 if length <= size else -(-(length - overlap) // (size - overlap))
    starts = [round(i * (length - size) / (count - 1)) for i in range(count)] if count > 1 else [0]
    spans = [(start * scale, min(start + size, length) * scale) for start in starts]
    weights = [np.ones(end - start) for start, end in spans]
    for i in range(count - 1):
        ramp = _ramp(spans[i][1] - spans[i + 1][0])
        weights[i][len(weights[i]) - len(ramp) :] *= 1 - ramp
        weights[i + 1][: len(ramp)] *= ramp
    total = np.zeros(length * scale)  # where more than two tiles meet, their ramps alone do not sum to one
    for (start, end), weight in zip(spans, weights, strict=True):
        total[start:end] += weight
    for (start, end), weight in zip(spans, weights, strict=True):
        yield start, end, weight / total[start:end]


def _ramp(length: int) -> np.ndarray:
    """A raised cosine from 0 to 1; its mirror is its complement."""
    return 0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / max(length, 1))
