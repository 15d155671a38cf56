"""A generator whose norms are steered by a picture (SPADE: Park et al. 2019, arXiv 1903.07291), as Old Photos refines faces.

In its authors' key layout; published for aligned faces of 256 and of 512 pixels with the same shapes.

    generator = SpadeGenerator(width=64)
    better = generator(face)                # (N, 3, S, S) in [-1, 1] to the same; S a multiple of generator.multiple = 32
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restauro.networks.spectral import SpectralConv2d

HIDDEN = 128
LEVELS = {"normal": 5, "more": 6, "most": 7}


class SpadeGenerator(nn.Module):
    """(N, 3, H, W) in [-1, 1] to (N, 3, H, W) in [-1, 1]. H and W must be multiples of `multiple`.

    width: channels of the last blocks; the first have sixteen times as many. parsing: channels of a parsing map, which the
    generator then starts from, and which steers its norms beside the face; 0 for none, as published. levels: how often the
    size is doubled, 5, 6 or 7 times.
    """

    def __init__(self, width: int = 64, parsing: int = 0, levels: Literal["normal", "more", "most"] = "normal"):
        super().__init__()
        self.levels, self.multiple = levels, 2 ** LEVELS[levels]
        shown = 3 + parsing
        self.fc = nn.Conv2d(parsing or 3, 16 * width, 3, padding=1)
        self.head_0, self.G_middle_0, self.G_middle_1 = (SpadeBlock(16 * width, 16 * width, shown) for _ in range(3))
        self.up_0, self.up_1, self.up_2, self.up_3 = (
            SpadeBlock(width * many, width * many // 2, shown) for many in (16, 8, 4, 2)
        )
        if levels == "most":
            self.up_4 = SpadeBlock(width, width // 2, shown)
        self.conv_img = nn.Conv2d(width // 2 if levels == "most" else width, 3, 3, padding=1)

    def forward(self, picture: Tensor, parsing: Tensor | None = None) -> Tensor:
        """parsing: (N, parts, H, W), 1 where a part of the face is, if the generator is made for it."""
        small = (picture.shape[2] // self.multiple, picture.shape[3] // self.multiple)
        x = self.fc(_shrunk(picture, small) if parsing is None else _nearest(parsing, small))
        x = _twice(self.head_0(x, picture, parsing))
        x = self.G_middle_0(x, picture, parsing)
        x = self.G_middle_1(x if self.levels == "normal" else _twice(x), picture, parsing)
        for block in (self.up_0, self.up_1, self.up_2, self.up_3):
            x = block(_twice(x), picture, parsing)
        if self.levels == "most":
            x = self.up_4(_twice(x), picture, parsing)
        return torch.tanh(self.conv_img(F.leaky_relu(x, 0.2)))


class SpadeBlock(nn.Module):
    """Norm, leaky ReLU, conv, twice; plus the input, through a norm and a 1x1 convolution where the width changes."""

    def __init__(self, channels: int, out_channels: int, shown: int):
        super().__init__()
        middle = min(channels, out_channels)
        self.conv_0 = SpectralConv2d(channels, middle, 3, padding=1)
        self.conv_1 = SpectralConv2d(middle, out_channels, 3, padding=1)
        self.norm_0, self.norm_1 = Spade(channels, shown), Spade(middle, shown)
        self.learned = channels != out_channels
        if self.learned:
            self.conv_s = SpectralConv2d(channels, out_channels, 1, bias=False)
            self.norm_s = Spade(channels, shown)

    def forward(self, x: Tensor, picture: Tensor, parsing: Tensor | None = None) -> Tensor:
        skip = self.conv_s(self.norm_s(x, picture, parsing)) if self.learned else x
        out: Tensor = self.conv_0(F.leaky_relu(self.norm_0(x, picture, parsing), 0.2))
        return skip + self.conv_1(F.leaky_relu(self.norm_1(out, picture, parsing), 0.2))


class Spade(nn.Module):
    """Batch norm without parameters of its own, then scale and shift read off the picture (equation 1 of the paper)."""

    def __init__(self, channels: int, shown: int):
        super().__init__()
        self.param_free_norm = nn.BatchNorm2d(channels, affine=False)
        self.mlp_shared = nn.Sequential(nn.Conv2d(shown, HIDDEN, 3, padding=1), nn.ReLU())
        self.mlp_gamma, self.mlp_beta = (nn.Conv2d(HIDDEN, channels, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor, picture: Tensor, parsing: Tensor | None = None) -> Tensor:
        size = (x.shape[2], x.shape[3])
        shown = _shrunk(picture, size)
        hidden = self.mlp_shared(shown if parsing is None else torch.cat([_nearest(parsing, size), shown], 1))
        return self.param_free_norm(x) * (1 + self.mlp_gamma(hidden)) + self.mlp_beta(hidden)


def _shrunk(picture: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(picture, size, mode="bilinear", align_corners=False)


def _nearest(parsing: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(parsing, size, mode="nearest")


def _twice(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")
