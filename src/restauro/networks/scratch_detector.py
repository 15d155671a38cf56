"""The U-Net that finds scratches (Wan et al. 2022, "Old Photo Restoration via Deep Latent Space Translation", arXiv 2009.07047).

In its authors' key layout. Published: 37.6 M parameters, grey pictures whose short side is 256.

    detector = ScratchDetector(width=64, depth=4)     # ours: from width 8 and depth 2
    logits = detector(grey)                           # (N, 1, H, W) in [-1, 1] to (N, 1, H, W); above 0 means scratch
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ScratchDetector(nn.Module):
    """(N, in_channels, H, W) in [-1, 1] to (N, 1, H, W) logits. H and W must be multiples of `multiple` = 2^depth.

    width: channels at full size, doubled with each of `depth` levels. convs: convolutions of a block. batch_norm: behind every
    convolution of a block; the way down has it in any case. up: the way up enlarges bilinearly and convolves ("upsample"), or
    by a transposed convolution ("upconv"). tanh: the answer is kept within -1..1.
    """

    def __init__(
        self,
        in_channels: int = 1,
        width: int = 64,
        depth: int = 4,
        convs: int = 2,
        batch_norm: bool = True,
        up: Literal["upsample", "upconv"] = "upsample",
        tanh: bool = False,
    ):
        super().__init__()
        self.multiple = 2**depth
        widths = [width * 2**i for i in range(depth + 1)]
        self.first = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(in_channels, width, 7), nn.LeakyReLU(0.2))
        pairs = list(pairwise(widths))
        self.down_path = nn.ModuleList(ConvBlock(one, other, convs, batch_norm) for one, other in pairs)
        self.down_sample = nn.ModuleList(nn.Sequential(*_conv(one, one, True), BlurPool(one)) for one, _ in pairs)
        self.up_path = nn.ModuleList(UpBlock(other, one, convs, batch_norm, up) for one, other in reversed(pairs))
        last: list[nn.Module] = [nn.ReflectionPad2d(1), nn.Conv2d(width, 1, 3)]
        self.last = nn.Sequential(*last, *([nn.Tanh()] if tanh else []))

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        skips = []
        for sample, block in zip(self.down_sample, self.down_path, strict=True):
            skips.append(x)
            x = block(sample(x))
        for up in self.up_path:
            x = up(x, skips.pop())
        logits: Tensor = self.last(x)
        return logits


class ConvBlock(nn.Module):
    """Convolutions in a row, the first of which changes the width."""

    def __init__(self, channels: int, out_channels: int, convs: int, batch_norm: bool):
        super().__init__()
        widths = [channels] + [out_channels] * convs
        parts = [part for one, other in pairwise(widths) for part in _conv(one, other, batch_norm)]
        self.block = nn.Sequential(*parts)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.block(x)
        return out


class BlurPool(nn.Module):
    """Every second place behind a binomial blur, so that what is one pixel wide survives wherever it lies (Zhang 2019)."""

    filt: Tensor

    def __init__(self, channels: int):
        super().__init__()
        line = np.array([1, 2, 1], np.float32) / 4  # NumPy: on the meta device torch would load a second for these products
        self.register_buffer("filt", torch.from_numpy(np.tile(np.outer(line, line), (channels, 1, 1, 1))))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), self.filt, stride=2, groups=len(self.filt))


class UpBlock(nn.Module):
    """Twice the size, then convolutions of it and the skip, in this order."""

    def __init__(self, channels: int, out_channels: int, convs: int, batch_norm: bool, up: str):
        super().__init__()
        self.up: nn.Module = nn.ConvTranspose2d(channels, out_channels, 2, 2)
        if up == "upsample":
            enlarge = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
            self.up = nn.Sequential(enlarge, nn.ReflectionPad2d(1), nn.Conv2d(channels, out_channels, 3))
        self.conv_block = ConvBlock(2 * out_channels, out_channels, convs, batch_norm)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        out: Tensor = self.conv_block(torch.cat([self.up(x), skip], 1))
        return out


def _conv(channels: int, out_channels: int, batch_norm: bool) -> list[nn.Module]:
    norm: list[nn.Module] = [nn.BatchNorm2d(out_channels)] if batch_norm else []
    return [nn.ReflectionPad2d(1), nn.Conv2d(channels, out_channels, 3), *norm, nn.LeakyReLU(0.2)]
