"""The generator of residual blocks that pix2pix's program offers (Johnson et al. 2016, arXiv 1603.08155), in its key layout."""

from __future__ import annotations

from torch import Tensor, nn

from restauro.networks.dropout import Dropout
from restauro.networks.norms import Norm, Statistics, norm_layer
from restauro.networks.resize_conv import Up, doubling


class ResnetGenerator(nn.Module):
    """(N, in_channels, H, W) in [-1, 1] to (N, out_channels, H, W) in (-1, 1); sides are multiples of 4, at least 8.

    blocks: residual blocks at a quarter of the size, 6 or 9 as published. width: channels at full size. dropout: inside the
    blocks. up, statistics: as in `SkipUNet`.
    """

    multiple = 4

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 3,
        width: int = 64,
        blocks: int = 9,
        norm: Norm = "batch",
        dropout: bool = True,
        up: Up = "transposed",
        statistics: Statistics = "training",
    ):
        super().__init__()
        bias = norm != "batch"
        parts: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(in_channels, width, 7, bias=bias)]
        parts += _normed(norm, width, statistics)
        for wide in (2 * width, 4 * width):
            parts += [nn.Conv2d(wide // 2, wide, 3, 2, 1, bias=bias), *_normed(norm, wide, statistics)]
        parts += [Block(4 * width, norm, dropout, statistics) for _ in range(blocks)]
        for wide in (4 * width, 2 * width):
            parts += [doubling(up, wide, wide // 2, 3, bias), *_normed(norm, wide // 2, statistics)]
        self.model = nn.Sequential(*parts, nn.ReflectionPad2d(3), nn.Conv2d(width, out_channels, 7), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.model(x)
        return answer


class Block(nn.Module):
    """x plus two convolutions of it."""

    def __init__(self, width: int, kind: Norm, dropout: bool, statistics: Statistics):
        super().__init__()
        bias = kind != "batch"
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3, bias=bias),
            *_normed(kind, width, statistics),
            *([Dropout()] if dropout else []),
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3, bias=bias),
            norm_layer(kind, width, statistics),
        )

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = x + self.conv_block(x)
        return answer


def _normed(kind: Norm, width: int, statistics: Statistics) -> list[nn.Module]:
    return [norm_layer(kind, width, statistics), nn.ReLU()]
