"""What stands around the networks of pix2pix, as its PyTorch implementation does it, defects included."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from restauro.core.errors import InputError

Levels = NDArray[np.uint8]
Preprocess = Literal["resize_and_crop", "crop", "scale_width", "scale_width_and_crop", "none"]


def split(both: Levels) -> tuple[Levels, Levels]:
    """A|B side by side, (H, W, C): of an odd width B gets the column more."""
    half = both.shape[1] // 2
    return both[:, :half], both[:, half:]


def size(width: int, height: int, preprocess: Preprocess, *, load: int = 286, crop: int = 256) -> tuple[int, int]:
    """The (width, height) to which a picture is resized, before it is cut: to a square whatever its aspect, to a width, to
    multiples of 4 (halves to even), or not at all. A side under 3 px has no multiple of 4: InputError."""
    if preprocess == "resize_and_crop":
        return load, load
    if preprocess in ("scale_width", "scale_width_and_crop"):
        return (width, height) if width == load and height >= crop else (load, max(int(load * height / width), crop))
    if preprocess == "crop":
        return width, height
    width, height = 4 * round(width / 4), 4 * round(height / 4)
    if not width or not height:
        raise InputError("the picture is too small: the nearest multiple of 4 of a side under 3 px is 0")
    return width, height


def prepared(
    picture: Levels,
    preprocess: Preprocess = "resize_and_crop",
    *,
    load: int = 286,
    crop: int = 256,
    corner: tuple[int, int] = (0, 0),
    flip: bool = False,
    grey: bool = False,
) -> Tensor:
    """(H, W, 3) uint8 to (1, C, h, w) in [-1, 1]: grey or not, resized by Pillow's bicubic on whole levels, cut, mirrored.

    corner: left and top of the cut, which training draws (the same for both sides of a pair). Raises InputError where the
    picture does not hold it.
    """
    image = Image.fromarray(picture)
    image = image.convert("L") if grey else image
    wanted = size(*image.size, preprocess, load=load, crop=crop)
    if wanted != image.size:
        image = image.resize(wanted, Image.Resampling.BICUBIC)
    if preprocess.endswith("crop"):
        left, top = corner
        if left + crop > image.width or top + crop > image.height:
            raise InputError(f"a square of {crop} px at ({left}, {top}) does not lie in {image.width} x {image.height} px")
        image = image.crop((left, top, left + crop, top + crop))
    levels = np.asarray(ImageOps.mirror(image) if flip else image)
    tensor = torch.from_numpy(levels.copy()).reshape(*levels.shape[:2], -1).permute(2, 0, 1)[None]
    return (tensor.float() / 255 - 0.5) / 0.5


def to_levels(pictures: Tensor) -> Levels:
    """The first of (N, 1 or 3, H, W) in [-1, 1] to (H, W, 3) uint8, truncated: half a level darker than rounded."""
    first = pictures[0].detach().float().cpu().expand(3, -1, -1)
    return ((first + 1) / 2 * 255).permute(1, 2, 0).numpy().astype(np.uint8)
