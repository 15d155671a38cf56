"""Lightness restored alike everywhere: by one curve, whatever a network lightened in one place and darkened in another."""

from __future__ import annotations

import cv2
import numpy as np

from restauro.photo.colour import LUMA

LEVELS = 64
"""Steps of a curve."""
FEW = 1e-4
"""Share of the pixels that a step of the curve has to have seen."""
BROAD = 2.0
"""Pixels: the Gaussian that tells light and shade from detail."""
ALONE = 0.05
"""Where fewer pixels around are known, they do not tell the tone of a hole."""


def keep_light(original: np.ndarray, restored: np.ndarray, known: np.ndarray, local: float = 0.0) -> np.ndarray:
    """The restored picture, lightened and darkened as it is on average at each lightness of the original; detail stays.

    local: how much is kept, 0 to 1, of what was lightened or darkened in parts only. Holes follow what is around them. original,
    restored: (H, W, 3) in [0, 1], of one size; known: (H, W) booleans.
    """
    light, found, seen = (np.asarray(one, np.float32) for one in (original @ LUMA, restored @ LUMA, known))
    if not known.any():
        return restored
    apart = (found - np.interp(light, *risen(light[known], found[known])).astype(np.float32)) * seen
    near = np.maximum(cv2.GaussianBlur(seen, (0, 0), BROAD), ALONE)
    broad = cv2.GaussianBlur(apart, (0, 0), BROAD) / near
    return (restored - np.float32(1 - local) * broad[:, :, None]).clip(0, 1)


def risen(light: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A rising curve, as values and what they become: the mean of `found` at each lightness; (n,) each, in [0, 1].

    Beyond the darkest and the lightest that occur often it goes on evenly.
    """
    place = np.rint(light * LEVELS).astype(int).clip(0, LEVELS)
    count = np.bincount(place, minlength=LEVELS + 1)
    often = count > FEW * len(light)
    was, becomes = (np.bincount(place, one, LEVELS + 1)[often] / count[often] for one in (light, found))
    becomes = np.maximum.accumulate(becomes)
    return np.concatenate(([was[0] - 1], was, [was[-1] + 1])), np.concatenate(([becomes[0] - 1], becomes, [becomes[-1] + 1]))
