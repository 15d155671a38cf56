"""What a picture has below a frequency, by an ideal filter: taking it twice changes nothing."""

from __future__ import annotations

import torch
from torch import Tensor


def low(picture: Tensor, cutoff: float) -> Tensor:
    """(N, C, H, W) with the frequencies up to `cutoff`, of Nyquist; 1: all, the corners beyond it too."""
    if cutoff == 1:
        return picture
    height, width = picture.shape[-2:]
    fy = torch.fft.fftfreq(height, device=picture.device)[:, None] * 2
    fx = torch.fft.rfftfreq(width, device=picture.device)[None] * 2
    keep = (fy.square() + fx.square()) <= cutoff**2
    return torch.fft.irfft2(torch.fft.rfft2(picture) * keep, (height, width))
