"""Discriminators at several sizes that show every map (pix2pixHD, arXiv 1711.11585), in Old Photos' key layout.

critic = MultiscaleCritic(in_channels=3)                            # of pictures
critic = MultiscaleCritic(in_channels=6, spectral=True)             # of (degraded input, output)
critic = MultiscaleCritic(in_channels=64, scales=1)                 # of latents: old photos against synthetic ones
maps = critic(x)        # maps[0] of the full size, then of halves; maps[s][-1] are logits, the others features
"""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from restauro.networks.spectral import SpectralConv2d

MAX_MULT = 8


class MultiscaleCritic(nn.Module):
    """(N, in_channels, H, W) to `scales` lists of layers + 2 maps each; the last map of a list is (N, 1, h, w) logits.

    width: channels of the first layer, doubled in each up to eightfold. layers: convolutions that halve the size, with
    kernels of 4 padded by 2, so that maps are a little larger than in PatchGAN; one that does not and the logits follow.
    spectral: every convolution divided by its largest singular value.
    """

    def __init__(self, in_channels: int = 3, width: int = 64, layers: int = 3, scales: int = 2, spectral: bool = False):
        super().__init__()
        self.layers, self.scales = layers, scales
        conv = SpectralConv2d if spectral else nn.Conv2d
        widths = [in_channels, *(width * min(2**i, MAX_MULT) for i in range(layers + 1)), 1]
        for scale in range(scales):
            for i, (one, other) in enumerate(pairwise(widths)):
                parts: list[nn.Module] = [conv(one, other, 4, 2 if i < layers else 1, 2)]
                if 0 < i <= layers:
                    parts.append(nn.InstanceNorm2d(other))
                if i <= layers:
                    parts.append(nn.LeakyReLU(0.2))
                self.add_module(f"scale{scale}_layer{i}", nn.Sequential(*parts))

    def forward(self, x: Tensor) -> list[list[Tensor]]:
        found = []
        for scale in reversed(range(self.scales)):  # the highest number sees the full size
            maps = [x]
            for i in range(self.layers + 2):
                maps.append(self.get_submodule(f"scale{scale}_layer{i}")(maps[-1]))
            found.append(maps[1:])
            x = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False) if scale else x
        return found
