"""Resizing, in one place: always anti-aliased when shrinking."""

from __future__ import annotations

from typing import Literal

import numpy as np
from PIL import Image

Kernel = Literal["bicubic", "area", "bilinear", "lanczos", "nearest"]

_KERNELS = {
    "bicubic": Image.Resampling.BICUBIC,  # a = -0.5, as in MATLAB and in the papers; OpenCV's is -0.75
    "area": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "lanczos": Image.Resampling.LANCZOS,
    "nearest": Image.Resampling.NEAREST,
}


def resize(picture: np.ndarray, height: int, width: int, kernel: Kernel = "bicubic", *, clip: bool = True) -> np.ndarray:
    """(H, W) or (H, W, C) float to exactly (height, width, ...) float32.

    The kernel widens with the reduction, so nothing aliases. clip: overshoot is cut off at the input's own extremes.
    """
    if picture.shape[:2] == (height, width):
        return np.asarray(picture, np.float32).copy()
    if picture.ndim == 3:
        return np.stack([resize(channel, height, width, kernel, clip=clip) for channel in np.moveaxis(picture, -1, 0)], -1)
    source = np.ascontiguousarray(picture, np.float32)
    done = np.asarray(Image.fromarray(source, "F").resize((width, height), _KERNELS[kernel]))
    return np.clip(done, source.min(), source.max()) if clip else done.copy()
