"""Holes of a photograph: whether a mask fits it, and what a hole looks like when it is closed from its edges."""

from __future__ import annotations

import cv2
import numpy as np

from restauro.core.errors import InputError


def check_mask(pixels: np.ndarray, mask: np.ndarray) -> None:
    """InputError where an (H, W) mask, 1 = missing, has another size than the picture or leaves nothing of it."""
    if mask.shape != pixels.shape[:2]:
        theirs, ours = mask.shape[::-1], pixels.shape[1::-1]
        raise InputError(f"the mask is {theirs[0]}x{theirs[1]} pixels, the picture {ours[0]}x{ours[1]}: they must have one size")
    if (mask > 0).all():
        raise InputError("the mask hides the whole picture: nothing is known to restore from")


def fill(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Holes closed from their edges (Telea 2004): (H, W, 3) in [0, 1]; a pixel that is half missing is filled by half."""
    levels = np.rint(pixels * 255).clip(0, 255).astype(np.uint8)
    holes = (mask > 0).astype(np.uint8)
    grown = cv2.dilate(holes, np.ones((3, 3), np.uint8))
    filled = cv2.inpaint(np.ascontiguousarray(levels[:, :, ::-1]), grown, 3, cv2.INPAINT_TELEA)[:, :, ::-1] / np.float32(255)
    soft = mask[:, :, None]
    return (pixels * (1 - soft) + filled * soft).astype(np.float32)


def big(mask: np.ndarray, radius: float) -> np.ndarray:
    """(H, W) bool: those holes of a mask that somewhere are more than `radius` pixels from what is there, all of each."""
    holes = (mask > 0).astype(np.uint8)
    inside = cv2.distanceTransform(holes, cv2.DIST_L2, 3) > radius
    _, labels = cv2.connectedComponents(holes, connectivity=8)
    found = np.unique(labels[inside])
    return np.isin(labels, found[found > 0])
