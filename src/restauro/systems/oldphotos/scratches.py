"""Where a photograph is scratched: the detector at the photograph's own size, in tiles, and over smaller copies.

At its own size lines of one pixel are seen wherever they lie; the copies show what is too wide for that. What is kept is the
probability, so that another sensitivity needs no second look.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch

from restauro.core.events import Event, Listener, silent
from restauro.photo.colour import LUMA
from restauro.photo.resize import resize
from restauro.photo.tiles import tiles
from restauro.systems._prior import precision
from restauro.weights.store import load

TILE, OVERLAP = 512, 96
HALF, SMALL = 256, 192
"""Pixels of the short side: from where on a copy of half the size is looked at; and of the smallest copy."""
MUCH = 0.5
"""A larger share of a photograph is not scratches: the detector is mistaken."""


def find_scratches(pixels: np.ndarray, detector: str, device: torch.device, listener: Listener = silent) -> np.ndarray:
    """(H, W, 3) in [0, 1] to (H, W) float32 in [0, 1]: the probability that a pixel is scratched.

    Raises WeightsError where the detector's weights are not at hand.
    """
    height, width = pixels.shape[:2]
    light = np.asarray(pixels @ LUMA, np.float32)
    found = _in_tiles(light, detector, device, listener)
    for share in _copies(min(height, width)):
        small = resize(light, max(1, round(height * share)), max(1, round(width * share)), "area")
        np.maximum(found, resize(_in_tiles(small, detector, device), height, width, "bilinear"), out=found)
    return found.clip(0, 1)


def _copies(side: int) -> list[float]:
    """Shares of the short side, well apart."""
    return [0.5] * (side >= HALF) + [SMALL / side] * (side > 3 * SMALL)


def as_mask(probability: np.ndarray, sensitivity: float = 0.1, grow: int = 1) -> np.ndarray:
    """(H, W) float32, 1 where the probability is above 1 - sensitivity, and `grow` pixels around."""
    mask = (probability > 1 - sensitivity).astype(np.uint8)
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * grow + 1, 2 * grow + 1))
    return np.asarray(cv2.dilate(mask, around), np.float32)


def _in_tiles(light: np.ndarray, detector: str, device: torch.device, listener: Listener = silent) -> np.ndarray:
    parts = list(tiles(light.shape[0], light.shape[1], TILE, OVERLAP))
    found = np.zeros(light.shape, np.float32)
    for done, part in enumerate(parts):
        found[part.where] += _seen(light[part.where], detector, device) * part.weight
        listener(Event("scratches", done + 1, len(parts)))
    return found


@torch.no_grad()
def _seen(light: np.ndarray, detector: str, device: torch.device) -> np.ndarray:
    """The probability in one tile, whose sides are made such as the detector can halve by mirroring."""
    network = load(detector, device)
    multiple = int(network.multiple)  # type: ignore[arg-type]
    height, width = light.shape
    sides = [(0, max(-side % multiple, 2 * multiple - side)) for side in (height, width)]
    padded = torch.from_numpy(np.pad(light, sides, mode="reflect"))[None, None].to(device) * 2 - 1
    with precision(device):
        logits = network(padded)
    return np.asarray(logits.float().sigmoid()[0, 0, :height, :width].cpu().numpy())
