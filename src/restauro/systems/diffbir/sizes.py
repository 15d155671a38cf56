"""Sizes DiffBIR works at: a short side of at least 512 pixels, sides that are multiples of what the networks divide."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

LEAST = 512


def at_least(height: int, width: int, least: int = LEAST) -> tuple[int, int]:
    """The size with a short side of `least`, if it is shorter; the long one is rounded down, as published."""
    short = min(height, width)
    if short >= least:
        return height, width
    return (least, int(width * (least / height))) if height == short else (int(height * (least / width)), least)


def enlarged(picture: Tensor, least: int = LEAST) -> Tensor:
    """(N, C, H, W) at that size, antialiased bicubic."""
    size = at_least(picture.shape[-2], picture.shape[-1], least)
    return picture if size == tuple(picture.shape[-2:]) else F.interpolate(picture, size, mode="bicubic", antialias=True)


def padded(picture: Tensor, multiple: int, *, zeros: bool = False) -> Tensor:
    """(N, C, H, W) continued at the right and below to sides that are multiples: mirrored, or with zeros as published, whose
    dark border is seen inside. Where there is too little to mirror the border is repeated."""
    height, width = picture.shape[-2:]
    below, right = -height % multiple, -width % multiple
    mode = "constant" if zeros else "reflect" if below < height and right < width else "replicate"
    return F.pad(picture, (0, right, 0, below), mode=mode) if below or right else picture


def centre(levels: np.ndarray, side: int) -> np.ndarray:
    """The middle square of (H, W, 3) uint8, as DiffBIR and OpenAI take it for training: halved by means of 2x2 while its short
    side stays at least twice `side`, then bicubic to it, then cut."""
    picture = Image.fromarray(levels)
    while min(picture.size) >= 2 * side:
        picture = picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.BOX)
    share = side / min(picture.size)
    picture = picture.resize((round(picture.width * share), round(picture.height * share)), Image.Resampling.BICUBIC)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return np.asarray(picture.crop((left, top, left + side, top + side)))
