"""Resizing of tensors by every kernel the papers use, with gradients."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Kernel = Literal["nearest", "area", "bilinear", "bicubic", "lanczos"]


def resize(picture: Tensor, height: int, width: int, kernel: Kernel = "bilinear", *, antialias: bool = True) -> Tensor:
    """(N, C, H, W) to (N, C, height, width); what overshoots [-1, 1] is cut off.

    antialias: bilinear and bicubic widen with the reduction; the papers' do not. Area and Lanczos always do.
    """
    if picture.shape[-2:] == (height, width):
        return picture
    if kernel == "lanczos":
        down, across = (_lanczos(before, after).to(picture) for before, after in zip(picture.shape[-2:], (height, width)))
        return (down @ picture @ across.T).clamp(-1, 1)
    if kernel in ("nearest", "area"):
        return F.interpolate(picture, (height, width), mode="nearest-exact" if kernel == "nearest" else kernel)
    done = F.interpolate(picture, (height, width), mode=kernel, antialias=antialias, align_corners=False)
    return done.clamp(-1, 1) if kernel == "bicubic" else done


def _lanczos(before: int, after: int, lobes: int = 3) -> Tensor:
    """(after, before): each row the weights of one new pixel, widened with the reduction."""
    ratio = before / after
    centre = (torch.arange(after, dtype=torch.float64) + 0.5) * ratio - 0.5
    x = (torch.arange(before, dtype=torch.float64)[None] - centre[:, None]) / max(ratio, 1.0)
    weights = torch.where(x.abs() < lobes, torch.sinc(x) * torch.sinc(x / lobes), 0.0)
    return weights / weights.sum(1, keepdim=True)
