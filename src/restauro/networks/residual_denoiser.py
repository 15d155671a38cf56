"""A conditional denoiser of what a reference picture lacks (SR3, arXiv 2104.07636; preconditioning after EDM, 2206.00364)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from restauro.networks.unet import UNet


class ResidualDenoiser(nn.Module):
    """(N, 6, H, W), a reference picture c before x = l y + sqrt(1 - l^2) noise, and levels l to the clean picture y (N, 3, H, W).

    The U-Net sees and answers with differences to c of unit size: with r = x - l c and v = l^2 s^2 + 1 - l^2,

        y = c + l s^2 / v r + s sqrt((1 - l^2) / v) F(c, r / sqrt(v), ln sigma)

    spread: s, the standard deviation of y - c. levels: (N,) sqrt(alpha-bar), from 0 (noise alone) to 1. Other arguments: the
    U-Net's. conditions: (N or 1, number of them).
    """

    def __init__(self, spread: float, **unet: Any):
        super().__init__()
        self.spread = spread
        self.unet = UNet(in_channels=6, out_channels=3, **unet)
        self.multiple = self.unet.multiple

    def forward(self, seen: Tensor, levels: Tensor, conditions: Tensor | None = None) -> Tensor:
        reference, x = seen.chunk(2, 1)
        level = levels.float()[:, None, None, None]
        noise = 1 - level.square()
        variance = (level * self.spread).square() + noise
        residual = x - level * reference
        log_sigma = (0.5 * (noise / level.square()).log()).clamp(-8, 8).flatten()
        unit = torch.cat([reference, residual * variance.rsqrt()], 1).contiguous(memory_format=torch.channels_last)
        answer = self.unet(unit, log_sigma, conditions=conditions)
        return reference + (level * self.spread**2 / variance) * residual + (self.spread * (noise / variance).sqrt()) * answer
