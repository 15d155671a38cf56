"""SwinIR (Liang et al. 2021, arXiv 2108.10257) as DiffBIR's first stage, at an eighth of the size, in its authors' key layout."""

from __future__ import annotations

import math
import re
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restauro.networks.windows import attend

MEAN = (0.4488, 0.4371, 0.4040)
"""DIV2K's, of colours in [0, 1]."""


class WindowAttention(nn.Module):
    def __init__(self, width: int, heads: int, window: int):
        super().__init__()
        self.window = window
        self.relative_position_bias_table = nn.Parameter(torch.empty((2 * window - 1) ** 2, heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, shifted: bool) -> Tensor:
        answer: Tensor = self.proj(attend(self.qkv(x), self.relative_position_bias_table.T, self.window, shifted))
        return answer


class Mlp(nn.Module):
    def __init__(self, width: int, inner: int):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return answer


class SwinBlock(nn.Module):
    """Attention inside windows and a feed-forward network, each added to what came in; (N, H, W, width)."""

    def __init__(self, width: int, heads: int, window: int, inner: int, shifted: bool):
        super().__init__()
        self.shifted = shifted
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = WindowAttention(width, heads, window)
        self.mlp = Mlp(width, inner)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x), self.shifted)
        return x + self.mlp(self.norm2(x))


class Group(nn.Module):
    """Some blocks, every other one with shifted windows, and a convolution; plus the input (the authors' RSTB)."""

    def __init__(self, depth: int, width: int, heads: int, window: int, inner: int):
        super().__init__()
        blocks = (SwinBlock(width, heads, window, inner, shifted=i % 2 == 1) for i in range(depth))
        self.residual_group = nn.Sequential(OrderedDict(blocks=nn.Sequential(*blocks)))
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + _channels_last(self.conv(_channels_first(self.residual_group(x))))


class SwinIR(nn.Module):
    """(N, 3, H, W) in [0, 1] to the same size; H and W are multiples of `multiple`, which is unshuffle times window.

    width: of the body. depths: blocks of each group. heads: of attention. inner: width of the feed-forward networks over `width`.
    unshuffle: a power of two; blocks of so many pixels are one place of the body. features: channels on the way back up.
    """

    scale = 1

    def __init__(
        self,
        width: int = 180,
        depths: Sequence[int] = (6,) * 8,
        heads: int = 6,
        window: int = 8,
        inner: float = 2,
        unshuffle: int = 8,
        features: int = 64,
    ):
        super().__init__()
        self.multiple = unshuffle * window
        self.conv_first = nn.Sequential(nn.PixelUnshuffle(unshuffle), nn.Conv2d(3 * unshuffle**2, width, 3, padding=1))
        self.patch_embed = nn.Sequential(OrderedDict(norm=nn.LayerNorm(width)))
        self.layers = nn.Sequential(*(Group(depth, width, heads, window, round(inner * width)) for depth in depths))
        self.norm = nn.LayerNorm(width)
        self.conv_after_body = nn.Conv2d(width, width, 3, padding=1)
        self.conv_before_upsample = nn.Sequential(nn.Conv2d(width, features, 3, padding=1), nn.LeakyReLU())
        self.ups = [f"conv_up{i + 1}" for i in range(round(math.log2(unshuffle)))]
        for name in self.ups:
            self.add_module(name, nn.Conv2d(features, features, 3, padding=1))
        self.conv_hr = nn.Conv2d(features, features, 3, padding=1)
        self.conv_last = nn.Conv2d(features, 3, 3, padding=1)

    def forward(self, picture: Tensor) -> Tensor:
        mean = picture.new_tensor(MEAN)[:, None, None]
        h = self.conv_first(picture - mean)
        body = self.norm(self.layers(self.patch_embed(_channels_last(h))))
        h = self.conv_before_upsample(h + self.conv_after_body(_channels_first(body)))
        for name in self.ups:
            h = F.leaky_relu(self.get_submodule(name)(F.interpolate(h, scale_factor=2, mode="nearest")), 0.2)
        return self.conv_last(F.leaky_relu(self.conv_hr(h), 0.2)) + mean


def _channels_last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1)


def _channels_first(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2)


def swinir_arguments(state_dict: Mapping[str, Tensor]) -> dict[str, Any]:
    """The constructor arguments of `SwinIR` that made this state dict. `KeyError` if this is none."""
    width, pixels = state_dict["conv_first.1.weight"].shape[:2]
    attention = r"layers\.(\d{1,3})\.residual_group\.blocks\.\d{1,3}\.attn\.qkv\.weight"
    blocks = Counter(int(match[1]) for key in state_dict if (match := re.fullmatch(attention, key)))
    first = "layers.0.residual_group.blocks.0"
    places, heads = state_dict[f"{first}.attn.relative_position_bias_table"].shape
    return {
        "width": width,
        "depths": [blocks[i] for i in range(len(blocks))],
        "heads": heads,
        "window": (math.isqrt(places) + 1) // 2,
        "inner": state_dict[f"{first}.mlp.fc1.weight"].shape[0] / width,
        "unshuffle": math.isqrt(pixels // 3),
        "features": state_dict["conv_hr.weight"].shape[0],
    }
