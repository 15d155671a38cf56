"""The two ways to a layer of twice the size."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

Up = Literal["transposed", "resize"]


class ResizeConv(nn.Conv2d):
    """Twice the size by repeating pixels, then a 3 x 3 convolution: no checkerboards (Odena et al. 2016, Distill)."""

    def __init__(self, in_channels: int, out_channels: int, bias: bool = True):
        super().__init__(in_channels, out_channels, 3, padding=1, padding_mode="reflect", bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.interpolate(x, scale_factor=2.0, mode="nearest"))


def doubling(kind: Up, in_channels: int, out_channels: int, kernel: int, bias: bool) -> nn.Module:
    """(N, in, H, W) to (N, out, 2 H, 2 W): "transposed", a convolution of this kernel as published, or "resize"."""
    if kind == "resize":
        return ResizeConv(in_channels, out_channels, bias)
    return nn.ConvTranspose2d(in_channels, out_channels, kernel, 2, 1, output_padding=kernel % 2, bias=bias)
