"""The pictures SR3's repository trains and is judged on: one photograph, small, large, and small enlarged again, in 8 bits."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

Levels = NDArray[np.uint8]


class Triplet(NamedTuple):
    """(H, W, 3) uint8 each, square: `small`; `large`, what is looked for; `enlarged`, what the network is shown."""

    small: Levels
    large: Levels
    enlarged: Levels


def triplet(photograph: Levels, small: int, large: int) -> Triplet:
    """The short side brought to `small` and to `large` pixels by Pillow's bicubic, the middle cut out.

    Every photograph is cut: the repository looks at the width alone and leaves one that is `large` wide as high as it is.
    """
    little = _square(photograph, small)
    return Triplet(little, _square(photograph, large), np.asarray(_bicubic(Image.fromarray(little), large, large)))


def to_tensor(levels: Levels) -> Tensor:
    """(H, W, 3) uint8 to (3, H, W) float32 in [-1, 1]."""
    return torch.from_numpy(levels.copy()).permute(2, 0, 1).float() / 255 * 2 - 1


def to_levels(pictures: Tensor) -> Levels:
    """(3, H, W) or (1, 3, H, W) in [-1, 1] to (H, W, 3) uint8, halves rounded to even; (N, 3, H, W) to one sheet of int(sqrt N)
    columns, two black pixels around each."""
    if pictures.ndim == 4:
        pictures = _sheet(pictures) if len(pictures) > 1 else pictures[0]
    levels = (pictures.float().clamp(-1, 1) + 1) / 2 * 255
    return levels.round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()


def _square(photograph: Levels, side: int) -> Levels:
    height, width = photograph.shape[:2]
    short = min(height, width)
    # the long side is rounded down, and the middle to even, as torchvision does
    height, width = (side if length == short else int(side * length / short) for length in (height, width))
    top, left = round((height - side) / 2), round((width - side) / 2)
    found = np.asarray(_bicubic(Image.fromarray(photograph), height, width))
    return found[top : top + side, left : left + side]


def _bicubic(picture: Image.Image, height: int, width: int) -> Image.Image:
    return picture.resize((width, height), Image.Resampling.BICUBIC)


def _sheet(pictures: Tensor, gap: int = 2) -> Tensor:
    n, channels, height, width = pictures.shape
    columns = math.isqrt(n)
    rows = math.ceil(n / columns)
    sheet = pictures.new_full((channels, rows * (height + gap) + gap, columns * (width + gap) + gap), -1)
    for i, picture in enumerate(pictures):
        top, left = (place * (side + gap) + gap for place, side in zip(divmod(i, columns), (height, width), strict=True))
        sheet[:, top : top + height, left : left + width] = picture
    return sheet
