"""pix2pix's U-Net, and the encoder-decoder it is compared with (Isola et al. 2017, arXiv 1611.07004), in its key layout."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from restauro.networks.dropout import Dropout
from restauro.networks.norms import Norm, Statistics, norm_layer
from restauro.networks.resize_conv import Up, doubling

Dropped = Literal["none", "middle", "inner"]
MAX_MULT = 8
"""No level is wider than this many times the first."""


class SkipUNet(nn.Module):
    """(N, in_channels, H, W) in [-1, 1] to (N, out_channels, H, W) in (-1, 1); sides are multiples of 2^downs (`multiple`).

    downs: levels, 8 and 7 in the published unet_256 and unet_128. width: channels of the first, doubled up to eightfold.
    skips: each level of the decoder sees its encoder's; without them an encoder-decoder. dropout: behind the levels as wide as
    the innermost but not behind itself ("middle", the PyTorch program), or behind the three innermost ("inner", the paper's).
    up: as published, or without checkerboards. statistics: of batch norm, in use.
    """

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 3,
        width: int = 64,
        downs: int = 8,
        norm: Norm = "batch",
        dropout: Dropped = "middle",
        skips: bool = True,
        up: Up = "transposed",
        statistics: Statistics = "training",
    ):
        super().__init__()
        if downs < 2:
            raise ValueError(f"a U-Net of {downs} levels: it needs two")
        self.multiple = 2**downs
        widths = [in_channels, *(width * min(2**i, MAX_MULT) for i in range(downs))]
        dropped = {"none": range(0), "middle": range(4, downs - 1), "inner": range(max(1, downs - 3), downs)}[dropout]
        inside: Level | None = None
        for depth in reversed(range(downs)):
            outer = widths[depth] if depth else out_channels
            inside = Level(depth, widths[depth], widths[depth + 1], outer, inside, norm, skips, up, statistics, depth in dropped)
        self.model = inside

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.model(x)  # type: ignore[misc]
        return answer


class Level(nn.Module):
    """Half the size, the levels inside, twice the size; with a skip, what came in stands before what comes out."""

    def __init__(
        self,
        depth: int,
        in_channels: int,
        inner: int,
        out_channels: int,
        inside: Level | None,
        kind: Norm,
        skips: bool,
        up: Up,
        statistics: Statistics,
        dropped: bool,
    ):
        super().__init__()
        bias = kind != "batch"
        parts: list[nn.Module] = [nn.LeakyReLU(0.2)] if depth else []
        parts.append(nn.Conv2d(in_channels, inner, 4, 2, 1, bias=bias))
        if inside is not None:
            parts += [*([norm_layer(kind, inner, statistics)] if depth else []), inside]
        both = inner * 2 if skips and inside is not None else inner
        parts += [nn.ReLU(), doubling(up, both, out_channels, 4, bias or not depth)]
        parts.append(norm_layer(kind, out_channels, statistics) if depth else nn.Tanh())
        if dropped:
            parts.append(Dropout())
        self.model = nn.Sequential(*parts)
        self.skip = skips and depth > 0

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.model(x)
        return torch.cat([x, answer], 1) if self.skip else answer
