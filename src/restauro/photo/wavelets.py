"""The colours of one picture under the detail of another, by a wavelet transform "with holes" (à trous; DiffBIR's colour fix)."""

from __future__ import annotations

import numpy as np

LEVELS = 5


def low(pixels: np.ndarray, levels: int = LEVELS) -> np.ndarray:
    """What of (H, W, C) is broader than 2^levels pixels, about: blurred by (1, 2, 1) / 4 with steps of 1, 2, 4, ... pixels; the
    border is repeated."""
    for step in (2**level for level in range(levels)):
        for axis in (0, 1):
            around = [(step, step) if one == axis else (0, 0) for one in range(pixels.ndim)]
            padded = np.moveaxis(np.pad(pixels, around, mode="edge"), axis, 0)
            pixels = np.moveaxis((padded[: -2 * step] + 2 * padded[step:-step] + padded[2 * step :]) / 4, 0, axis)
    return pixels


def recoloured(pixels: np.ndarray, like: np.ndarray, levels: int = LEVELS) -> np.ndarray:
    """(H, W, C) with its own detail and the low band of `like`, of the same size; may leave the range."""
    return pixels + low(like - pixels, levels)
