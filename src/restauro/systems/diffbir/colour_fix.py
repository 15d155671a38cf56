"""The colours of a result put right by those of what it was made from."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch

from restauro.photo.wavelets import recoloured
from restauro.properties.colour_statistics import adain, statistics

Fix = Literal["wavelet", "adain", "none"]
"""wavelet: the low band is taken over (all versions); adain: mean and deviation of each channel (version 1)."""


def colour_fixed(pixels: np.ndarray, like: np.ndarray, fix: Fix = "wavelet") -> np.ndarray:
    """(H, W, 3) in [0, 1] with the colours of `like`, of the same size, by the fix; unclamped, as published."""
    if fix == "wavelet":
        return recoloured(pixels, like)
    if fix == "none":
        return pixels
    content, style = (torch.from_numpy(np.ascontiguousarray(one)).permute(2, 0, 1)[None] for one in (pixels, like))
    return adain(content, statistics(style))[0].permute(1, 2, 0).numpy()
