"""What is damaged, measured without a network: blur, noise, JPEG blocks, fading, tone; and whether a face is good already.

Pictures are (H, W, 3) float sRGB in [0, 1]. Everything is read off the luma, so that a grey picture is no damage in itself.
Big photographs are measured on a grid of tiles: memory and time do not grow with them.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from restauro.core.errors import InputError
from restauro.photo.colour import Tone, tone

LUMA = np.array((0.299, 0.587, 0.114), np.float32)
TILE, GRID = 512, 3
"""At most GRID x GRID tiles of TILE px are looked at."""

SMALLEST = 16
"""Below this side nothing can be measured."""

BLUR_LIMIT, NOISE_LIMIT, BLOCK_LIMIT, RANGE_LIMIT, EYE_LIMIT = 0.86, 4.0, 1.4, 0.35, 32.0
"""Where a face stops being good, see `needs_restoration`. Calibrated on 800 sharp 128-px training faces; the distance of the
eyes is three quarters of theirs."""


class Damage(NamedTuple):
    """What was measured of a photograph or of a face.

    blur: sigma of the sharpest strong edges, px; 0.5 to 0.8 is a sharp picture, above 1.2 visibly soft.
    noise: standard deviation of the luma's grain in smooth parts, of 255; below 3 is hardly seen.
    blockiness: height of the steps on the 8-px JPEG grid, of 255; good camera files have 0.5 to 1.2, quality 50 about 2,
        quality 30 about 3.
    black, white: darkest and lightest level (2 and 98 %), 0..1. tone: "colour", "grey" or "toned".
    """

    blur: float
    noise: float
    blockiness: float
    black: float
    white: float
    tone: Tone

    @property
    def range(self) -> float:
        """The contrast that is left, 0..1; a faded picture has less than about 0.5."""
        return self.white - self.black


class Verdict(NamedTuple):
    """damaged, and why in one line (empty reasons are never given: a good face says what it is)."""

    damaged: bool
    why: str


def measure(pixels: np.ndarray) -> Damage:
    """The damage of a photograph or face, (H, W, 3) in [0, 1]. Sides below 16 px are an InputError."""
    if pixels.ndim != 3 or pixels.shape[-1] != 3 or min(pixels.shape[:2]) < SMALLEST:
        raise InputError(
            f"cannot measure a picture of shape {pixels.shape}: at least {SMALLEST} x {SMALLEST} px in three channels"
        )
    tiles = [np.asarray(tile, np.float32) @ LUMA for tile in _tiles(pixels)]
    # what is in focus decides: a blurred background is no damage
    blur = float(np.quantile([blur_width(tile) for tile in tiles], 0.25))
    noise = float(np.median([noise_level(tile) for tile in tiles]))
    blocks = float(np.median([blockiness(tile) for tile in tiles]))
    step = max(1, int(np.sqrt(pixels.shape[0] * pixels.shape[1] / 250_000)))
    small = np.asarray(pixels[::step, ::step], np.float32)
    black, white = np.quantile(small @ LUMA, (0.02, 0.98))
    return Damage(blur, noise, blocks, float(black), float(white), tone(small))


def needs_restoration(face: np.ndarray, eye_distance: float) -> Verdict:
    """Whether an aligned face crop, (128, 128, 3) in [0, 1], is damaged; a face that is good already must be left alone.

    eye_distance: between the eyes in the photograph itself, px. A grey face is not damaged by that. A toned one is (sepia,
    yellowed): it is an old print, with what old prints have and this does not see, creases, scratches and stains; of 732
    sharp colour faces 2 are taken for toned.
    """
    found = measure(face)
    reasons = []
    if eye_distance < EYE_LIMIT:
        reasons.append(f"small: {eye_distance:.0f} px between the eyes")
    if found.blur > BLUR_LIMIT:
        reasons.append(f"blurred: edges are {found.blur:.1f} px soft")
    if found.noise > NOISE_LIMIT:
        reasons.append(f"noisy: {found.noise:.1f} of 255")
    if found.blockiness > BLOCK_LIMIT:
        reasons.append(f"JPEG blocks: steps of {found.blockiness:.1f} of 255")
    if found.range < RANGE_LIMIT:
        reasons.append(f"faded: {found.range:.0%} of the contrast is left")
    if found.tone == "toned":
        reasons.append("toned like an old print")
    if reasons:
        return Verdict(True, "; ".join(reasons))
    return Verdict(
        False, f"good already: edges {found.blur:.1f} px, noise {found.noise:.1f} of 255, eyes {eye_distance:.0f} px apart"
    )


def blur_width(light: np.ndarray) -> float:
    """Sigma, px, of the sharpest of the strong edges of a luma picture (H, W); a picture without edges gives infinity.

    A step blurred by s, blurred again by r, has its gradient reduced by sqrt(1 + r^2 / s^2) (Zhuo and Sim 2011): the
    ratio of the two gradients tells s. Read at the strongest 5 % of edge pixels, at the sharper quarter of those.
    """
    again = 0.7
    strength = _gradient(cv2.GaussianBlur(light, (0, 0), 1.0))
    # few edges in a plain picture: their weak flanks are none
    edge = strength > max(float(np.quantile(strength, 0.95)), 0.4 * float(np.quantile(strength, 0.999)), 1e-4)
    if not edge.any():
        return float("inf")
    ratio = _gradient(light)[edge] / np.maximum(_gradient(cv2.GaussianBlur(light, (0, 0), again))[edge], 1e-6)
    variance = again**2 / max(float(np.quantile(ratio, 0.75)) ** 2 - 1, 1e-4)
    return float(np.sqrt(max(variance - 1 / 3, 0.0)))  # a central difference is itself a blur of variance 1/3


def noise_level(light: np.ndarray) -> float:
    """Standard deviation, of 255, of fine grain in a luma picture (H, W): the smooth quarter of 8-px blocks decides.

    The diagonal Haar band of the picture, median absolute deviation (Donoho 1994). Clipped blocks say nothing.
    """
    side = 8
    band = np.abs(light[:-1, :-1] - light[1:, :-1] - light[:-1, 1:] + light[1:, 1:]) / 2
    height, width = (length // side * side for length in band.shape)
    if not height or not width:
        return float(np.median(band) / 0.6745 * 255)
    level = _blocks(light[:height, :width], side).mean(1)
    spread = np.median(_blocks(band[:height, :width], side), 1)[(level > 0.03) & (level < 0.97)]
    # 1.125: the lower quarter of the medians of 64 samples lies that far below the true value
    return float(np.quantile(spread, 0.25) / 0.6745 * 255 * 1.125) if len(spread) else 0.0


def blockiness(light: np.ndarray) -> float:
    """How much higher, of 255, lone steps are across the 8-px grid than elsewhere, at the grid's best phase; 0 = no grid.

    An absolute height: smooth pictures of good quality have a grid too, that nobody sees.
    """
    found = []
    for picture in (light, light.T):
        step = np.abs(np.diff(picture, axis=1))
        if step.shape[1] < 24:
            return 0.0
        # a step that its neighbours share is an edge of the picture, not of a block
        lone = np.maximum(step[:, 1:-1] - (step[:, :-2] + step[:, 2:]) / 2, 0).mean(0)
        # the median: one long edge of the picture on a grid line is no grid
        phases = np.array([float(np.median(lone[phase::8])) for phase in range(8)])
        found.append(float(phases.max() - np.median(phases)) * 255)
    return (found[0] + found[1]) / 2


def _tiles(pixels: np.ndarray) -> list[np.ndarray]:
    """Up to GRID x GRID tiles spread over the picture, on multiples of 8 so that a JPEG grid keeps its phase."""
    rows, columns = (_starts(length) for length in pixels.shape[:2])
    return [pixels[row : row + TILE, column : column + TILE] for row in rows for column in columns]


def _starts(length: int) -> list[int]:
    count = min(GRID, -(-length // TILE))
    return sorted({int(start) // 8 * 8 for start in np.linspace(0, max(0, length - TILE), count)})


def _gradient(light: np.ndarray) -> np.ndarray:
    return np.hypot(cv2.Sobel(light, cv2.CV_32F, 1, 0, ksize=3), cv2.Sobel(light, cv2.CV_32F, 0, 1, ksize=3)) / 8


def _blocks(plane: np.ndarray, side: int) -> np.ndarray:
    height, width = plane.shape
    return plane.reshape(height // side, side, width // side, side).swapaxes(1, 2).reshape(-1, side * side)
