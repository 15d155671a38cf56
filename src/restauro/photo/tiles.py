"""Overlapping tiles for any size, with weights that are smooth and sum to one everywhere. NumPy or torch: the caller slices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import numpy as np

WIDTH = 0.1
"""Standard deviation of Gaussian weights, in lengths of the tile (mixtures of diffusers, arXiv 2302.02412)."""


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


Weights = Literal["ramp", "gaussian"]


def tiles(height: int, width: int, size: int, overlap: int, *, scale: int = 1, weights: Weights = "ramp") -> Iterator[Tile]:
    """Tiles of at most `size` pixels a side with at least `overlap` pixels in common, evenly spread.

    scale: boxes and weights for an output enlarged by it (the input's box is the box divided by scale).
    weights: "ramp", in the overlap alone; "gaussian", about the tile's middle, so that what is near its border hardly counts.
    """
    spans_x = list(_spans(width, size, overlap, scale, weights))
    for top, bottom, rows in _spans(height, size, overlap, scale, weights):
        for left, right, columns in spans_x:
            yield Tile(top, bottom, left, right, rows, columns)


def windows(height: int, width: int, size: int, stride: int, *, scale: int = 1, even: bool = False) -> Iterator[Tile]:
    """Tiles as DiffBIR places them: of exactly `size`, each `stride` further, the last at the border.

    Their Gaussian weights are half a row too low, as published; even: all weigh the same. Raises ValueError where a side is
    shorter than a tile, for which the release has no answer.
    """
    if min(height, width) < size:
        raise ValueError(f"a window of {size} does not fit into {height} x {width}")
    high, wide = (_windows(length, size, stride, scale) for length in (height, width))
    columns = list(_normed(wide, [np.ones(size * scale) if even else bell(size * scale)] * len(wide)))
    for top, bottom, rows in _normed(high, [np.ones(size * scale) if even else bell(size * scale, size * scale / 2)] * len(high)):
        for left, right, weight in columns:
            yield Tile(top, bottom, left, right, rows, weight)


def bell(length: int, middle: float | None = None) -> np.ndarray:
    """(length,) Gaussian weights, 1 in the middle, of a standard deviation of `WIDTH` lengths."""
    middle = (length - 1) / 2 if middle is None else middle
    return np.exp(-0.5 * ((np.arange(length) - middle) / (WIDTH * length)) ** 2)


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


Span = tuple[int, int]


def _spans(length: int, size: int, overlap: int, scale: int, how: Weights) -> Iterator[tuple[int, int, np.ndarray]]:
    """Begin, end and weights (float64) of the tiles along one side."""
    if not 0 <= overlap < size:
        raise ValueError(f"overlap must be 0..{size - 1}, not {overlap}")
    count = 1 if length <= size else -(-(length - overlap) // (size - overlap))
    starts = [round(i * (length - size) / (count - 1)) for i in range(count)] if count > 1 else [0]
    spans = [(start * scale, min(start + size, length) * scale) for start in starts]
    yield from _normed(spans, _ramped(spans) if how == "ramp" else [bell(end - start) for start, end in spans])


def _windows(length: int, size: int, stride: int, scale: int) -> list[Span]:
    starts = list(range(0, length - size + 1, stride))
    starts += [length - size] if starts[-1] < length - size else []
    return [(start * scale, (start + size) * scale) for start in starts]


def _ramped(spans: list[Span]) -> list[np.ndarray]:
    weights = [np.ones(end - start) for start, end in spans]
    for i in range(len(spans) - 1):
        ramp = _ramp(spans[i][1] - spans[i + 1][0])
        weights[i][len(weights[i]) - len(ramp) :] *= 1 - ramp
        weights[i + 1][: len(ramp)] *= ramp
    return weights


def _normed(spans: list[Span], weights: list[np.ndarray]) -> Iterator[tuple[int, int, np.ndarray]]:
    """So that they sum to one: where more than two tiles meet, not even ramps do by themselves."""
    total = np.zeros(spans[-1][1])
    for (start, end), weight in zip(spans, weights, strict=True):
        total[start:end] += weight
    for (start, end), weight in zip(spans, weights, strict=True):
        yield start, end, weight / total[start:end]


def _ramp(length: int) -> np.ndarray:
    """A raised cosine from 0 to 1; its mirror is its complement."""
    return 0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / max(length, 1))
