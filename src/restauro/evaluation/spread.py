"""Where variants of one photograph differ: what the photograph says is the same in all of them, what is invented is not."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from restauro.evaluation.sheets import FRAME, INK, PAPER, contact_sheet

LEVELS = ((2.0, "the same in all"), (5.0, "slightly different"), (10.0, "clearly different"), (np.inf, "invented anew each time"))
"""Up to which standard deviation, of 255, what is said of a pixel."""
COLOURS = np.array([(255, 255, 178), (254, 178, 76), (240, 59, 32), (122, 1, 119)], np.float32)
STOPS = np.array([1.0, 3.5, 7.5, 15.0], np.float32)
"""Colours of the map, and the deviations, of 255, at which they are pure; below the first the picture shows through."""
SOFT, LONGEST = 1.5, 1600
"""Pixels: width of the Gaussian that quiets the map, and its longer side."""
MOST = 12
"""Rows of the sheet."""

Window = tuple[int, int, int, int]


class Spread:
    """Looks at variants one at a time and keeps none of them: their running mean and variance (Welford 1962).

    before: the photograph at the variants' size, (H, W, 3) in [0, 1]. windows: the parts that the sheet shows, each as
    left, top, right, bottom; names: theirs.
    """

    def __init__(self, before: np.ndarray, windows: Sequence[Window], names: Sequence[str] = ()):
        self.before, self.windows, self.names = before, list(windows)[:MOST], list(names)[:MOST]
        self.count = 0
        self._mean, self._squares = np.zeros_like(before), np.zeros(before.shape[:2], np.float32)
        self._touched = np.zeros(before.shape[:2], bool)
        self._rows = [[_cut(before, window)] for window in self.windows]

    def add(self, pixels: np.ndarray) -> None:
        """One more variant, (H, W, 3) in [0, 1]."""
        self.count += 1
        away = pixels - self._mean
        self._mean += away / self.count
        self._squares += (away * (pixels - self._mean)).mean(-1)
        self._touched |= (pixels != self.before).any(-1)
        for row, window in zip(self._rows, self.windows, strict=True):
            row.append(_cut(pixels, window))

    @property
    def deviation(self) -> np.ndarray:
        """(H, W) the standard deviation over the variants, root mean square of the channels, of 255."""
        return np.sqrt(self._squares / max(self.count - 1, 1)) * 255

    @property
    def mean(self) -> float:
        """The mean deviation, of 255, where anything was changed."""
        return float(self.deviation[self._touched].mean()) if self._touched.any() else 0.0

    def sheet(self, titles: Sequence[str], heading: str = "") -> Image.Image:
        """A row a window: as it was, the variants, and where they differ."""
        heat = self._heat()
        rows = [[*row, _cut(heat, window)] for row, window in zip(self._rows, self.windows, strict=True)]
        return contact_sheet(rows, ["as it was", *titles, "where they differ"], self.names, cell=240, heading=heading)

    def map(self) -> Image.Image:
        """The whole photograph in grey, in colour where the variants differ, above a scale in words."""
        heat, scale = self._heat(), min(1.0, LONGEST / max(self.before.shape[:2]))
        if scale < 1:
            heat = cv2.resize(heat, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        picture = Image.fromarray(np.rint(heat * 255).astype(np.uint8))
        key = _key(max(picture.width, 480))
        page = Image.new("RGB", (key.width, picture.height + key.height), PAPER)
        page.paste(picture, ((page.width - picture.width) // 2, 0))
        page.paste(key, (0, picture.height))
        return page

    def _heat(self) -> np.ndarray:
        """(H, W, 3) in [0, 1]."""
        # a few variants tell each pixel's deviation badly; its neighbours help, for the eye
        deviation = np.sqrt(cv2.GaussianBlur(np.square(self.deviation), (0, 0), SOFT))
        grey = (self.before @ np.array((0.299, 0.587, 0.114), np.float32))[..., None]
        colour = np.stack([np.interp(deviation, STOPS, channel) for channel in COLOURS.T], -1).astype(np.float32) / 255
        share = np.clip((deviation - STOPS[0]) / (STOPS[1] - STOPS[0]), 0, 0.75)[..., None]
        return (grey.repeat(3, -1) * (1 - share) + colour * share).astype(np.float32)


def _key(width: int) -> Image.Image:
    """The scale of the map."""
    font = ImageFont.load_default(13)
    lines = [f"{word} ({_range(i)} of 255)" for i, (_, word) in enumerate(LEVELS)]
    across = max(1, min(len(lines), int(width // (max(font.getlength(line) for line in lines) + 40))))
    key = Image.new("RGB", (width, 10 + 22 * -(-len(lines) // across)), PAPER)
    draw = ImageDraw.Draw(key)
    for i, line in enumerate(lines):
        x, y = 8 + (i % across) * (width // across), 7 + 22 * (i // across)
        colour = FRAME if i == 0 else tuple(int(channel) for channel in COLOURS[i])
        draw.rectangle((x, y, x + 20, y + 14), fill=colour, outline=INK)
        draw.text((x + 28, y), line, INK, font)
    return key


def _range(i: int) -> str:
    low = 0.0 if i == 0 else LEVELS[i - 1][0]
    return f"over {low:g}" if LEVELS[i][0] == np.inf else f"{low:g} to {LEVELS[i][0]:g}"


def _cut(picture: np.ndarray, window: Window) -> np.ndarray:
    left, top, right, bottom = window
    return np.rint(picture[top:bottom, left:right] * 255).clip(0, 255).astype(np.uint8)
