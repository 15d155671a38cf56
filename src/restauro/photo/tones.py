"""A restored photograph in its own light and colours: whatever a network did to the tones of single places, the photograph as a
whole is changed alike everywhere."""

from __future__ import annotations

import cv2
import numpy as np

from restauro.photo.colour import LUMA, lab_to_srgb, srgb_to_lab
from restauro.photo.resize import resize

STEPS = 65
"""Of a curve."""
FEW = 0.002
"""Share of the pixels that are darker than where a curve begins, and lighter than where it ends."""
BROAD = 2.0
"""Pixels: the Gaussian that tells light, shade and colour from detail."""
ALONE = 0.05
"""Where fewer pixels around are known, they do not tell the tone of a hole."""
OWN = 0.75
"""Share of a restored photograph's fine colours that comes from its own: grain may go. What is broader is its own."""
LEAST = 64
"""Pixels of a small copy that a change of colours is told from."""


def keep_light(original: np.ndarray, restored: np.ndarray, known: np.ndarray, local: float = 0.0) -> np.ndarray:
    """The restored picture, lightened and darkened by one curve of the original's lightness; detail stays.

    local: how much is kept, 0 to 1, of what was lightened or darkened in parts only. Holes follow what is around them. original,
    restored: (H, W, 3) in [0, 1], of one size; known: (H, W) booleans.
    """
    light, found, seen = (np.asarray(one, np.float32) for one in (original @ LUMA, restored @ LUMA, known))
    if not known.any():
        return restored
    apart = (found - np.interp(light, *spread(light[known], found[known])).astype(np.float32)) * seen
    near = np.maximum(cv2.GaussianBlur(seen, (0, 0), BROAD), ALONE)
    broad = cv2.GaussianBlur(apart, (0, 0), BROAD) / near
    return (restored - np.float32(1 - local) * broad[:, :, None]).clip(0, 1)


def spread(light: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rising curve that spreads `light` as `found` is spread: values, and what they become; (n,) each, in [0, 1].

    The mean of `found` at each lightness would be flatter than what a network made of most places. Beyond the darkest and the
    lightest it goes on evenly.
    """
    shares = np.linspace(FEW, 1 - FEW, STEPS)
    was, becomes = np.quantile(light, shares), np.quantile(found, shares)
    return np.concatenate(([was[0] - 1], was, [was[-1] + 1])), np.concatenate(([becomes[0] - 1], becomes, [becomes[-1] + 1]))


def keep_colours(original: np.ndarray, restored: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The restored picture, where it is known, with the original's own colours; but for a quarter of what is fine in them.

    They are moved as, on average, those of their lightness were moved in what was restored: so a cast goes, and what only the
    network took for a cast, a teal dress in a yellowed print, stays. Lightness is the restored picture's. original, restored:
    (H, W, 3) of one size; known: (H, W) booleans.
    """
    was, found = srgb_to_lab(original), srgb_to_lab(restored)
    height, width = known.shape
    small = min(1.0, 192 / max(height, width))
    size = max(1, round(height * small)), max(1, round(width * small))
    told = resize(known.astype(np.float32), *size, "area")[..., None] > 0.5
    if told.sum() < LEAST:
        return restored
    near, far = (resize(lab.astype(np.float32), *size, "area")[told[..., 0]] for lab in (was, found))
    slope, shift = np.linalg.lstsq(np.column_stack((near[:, 0], np.ones(len(near)))), far[:, 1:] - near[:, 1:], rcond=None)[0]
    own = was[..., 1:] + was[..., :1] * slope.astype(np.float32) + shift.astype(np.float32)
    apart = known[..., None] * (own - found[..., 1:])
    found[..., 1:] += OWN * apart + (1 - OWN) * cv2.GaussianBlur(apart, (0, 0), BROAD)
    return lab_to_srgb(found)
