"""The U-Net of Janspiry's SR3 repository, in its key layout: both the one told a noise level and the one told a timestep.

What sets it apart from `unet.UNet`: flat lists `downs`, `mid`, `ups` with attention inside their blocks; an embedding of the
first width, projected without an activation where it is a level's; queries, keys and values without biases; a middle of two
blocks of which only the first attends; nothing starts at zero. It reads the condition first and the noisy picture after it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restauro.networks.blocks import Norm, Upsample


def level_embedding(level: Tensor, width: int, scale: float = 1.0) -> Tensor:
    """(N,) levels sqrt(gamma) to (N, width), sines first.

    As published, levels of 0..1 meet frequencies of 1..1e-4, so that most features hardly move; scale 5000 is WaveGrad's
    (2009.00713).
    """
    half = width // 2
    frequencies = torch.exp(-math.log(10000) / half * torch.arange(half, dtype=torch.float32, device=level.device))
    angles = scale * level.float()[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], 1)


class LevelEmbedding(nn.Module):
    def __init__(self, width: int, scale: float):
        super().__init__()
        self.width, self.scale = width, scale

    def forward(self, told: Tensor) -> Tensor:
        return level_embedding(told, self.width, self.scale)


class TimeEmbedding(nn.Module):
    """The same sinusoids of an integer timestep; the frequencies are part of the checkpoint."""

    inv_freq: Tensor

    def __init__(self, width: int):
        super().__init__()
        places = torch.arange(0, width, 2, dtype=torch.float32)
        self.register_buffer("inv_freq", torch.exp(-math.log(10000) / width * places))

    def forward(self, told: Tensor) -> Tensor:
        angles = told.float()[:, None] * self.inv_freq
        return torch.cat([angles.sin(), angles.cos()], 1)


class Conv(nn.Module):
    """Half the size: a convolution under the name `conv`."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class Block(nn.Module):
    """Norm, Swish, dropout, convolution."""

    def __init__(self, channels: int, out_channels: int, groups: int, dropout: float = 0.0):
        super().__init__()
        self.block = nn.Sequential(
            Norm(channels, groups), nn.SiLU(), nn.Dropout(dropout), nn.Conv2d(channels, out_channels, 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.block(x)


class FeatureShift(nn.Module):
    """The projection of a level's embedding, which is added; under the repository's name."""

    def __init__(self, embedding: int, channels: int):
        super().__init__()
        self.noise_func = nn.Sequential(nn.Linear(embedding, channels))

    def forward(self, embedding: Tensor) -> Tensor:
        return self.noise_func(embedding)


class ResBlock(nn.Module):
    def __init__(self, channels: int, out_channels: int, embedding: int, groups: int, dropout: float, told: str):
        super().__init__()
        if told == "level":
            self.noise_func = FeatureShift(embedding, out_channels)
        else:
            self.mlp = nn.Sequential(nn.SiLU(), nn.Linear(embedding, out_channels))
        self.block1 = Block(channels, out_channels, groups)
        self.block2 = Block(out_channels, out_channels, groups, dropout)
        self.res_conv = nn.Identity() if channels == out_channels else nn.Conv2d(channels, out_channels, 1)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        shift = (self.noise_func if hasattr(self, "noise_func") else self.mlp)(embedding)
        return self.block2(self.block1(x) + shift[:, :, None, None]) + self.res_conv(x)


class SelfAttention(nn.Module):
    """One head over all places, plus the input."""

    def __init__(self, channels: int, groups: int):
        super().__init__()
        self.norm = Norm(channels, groups)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1, bias=False)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        n, c, height, width = x.shape
        q, k, v = self.qkv(self.norm(x)).view(n, 3, c, height * width).transpose(2, 3).unbind(1)
        return x + self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, c, height, width))


class Stage(nn.Module):
    """A residual block, with attention where its level has it."""

    def __init__(self, block: ResBlock, attention: SelfAttention | None):
        super().__init__()
        self.res_block = block
        if attention is not None:
            self.attn = attention

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        x = self.res_block(x, embedding)
        return self.attn(x) if hasattr(self, "attn") else x


class Sr3UNet(nn.Module):
    """(N, in_channels, H, W), the condition before the noisy picture, to (N, out_channels, H, W).

    H and W are multiples of `self.multiple`. attention and attention_up: the levels of `downs` and of `ups` with attention, as
    downsampling factors; the repository places it where the running side of the picture is a wanted one (`attention_at`).
    told: "level", sqrt(gamma) as (N,), multiplied by `level_scale`, or "timesteps", (N,).
    """

    def __init__(
        self,
        in_channels: int = 6,
        out_channels: int = 3,
        inner_channels: int = 64,
        channel_mult: Sequence[int] = (1, 2, 4, 8, 8),
        res_blocks: int = 2,
        attention: Collection[int] = (),
        attention_up: Collection[int] | None = None,
        groups: int = 32,
        dropout: float = 0.0,
        told: Literal["level", "timesteps"] = "level",
        level_scale: float = 1.0,
    ):
        super().__init__()
        self.multiple = 2 ** (len(channel_mult) - 1)
        width = inner_channels
        layers = (nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, width))
        if told == "level":
            self.noise_level_mlp = nn.Sequential(LevelEmbedding(width, level_scale), *layers)
        else:
            self.time_mlp = nn.Sequential(TimeEmbedding(width), *layers)

        def stage(channels: int, out: int, attends: bool) -> Stage:
            block = ResBlock(channels, out, inner_channels, groups, dropout, told)
            return Stage(block, SelfAttention(out, groups) if attends else None)

        self.downs = nn.ModuleList([nn.Conv2d(in_channels, width, 3, padding=1)])
        skips = [width]
        for level, mult in enumerate(channel_mult):
            for _ in range(res_blocks):
                self.downs.append(stage(width, inner_channels * mult, 2**level in attention))
                skips.append(width := inner_channels * mult)
            if level < len(channel_mult) - 1:
                self.downs.append(Conv(width))
                skips.append(width)
        self.mid = nn.ModuleList([stage(width, width, True), stage(width, width, False)])
        self.ups = nn.ModuleList()
        for level, mult in reversed(list(enumerate(channel_mult))):
            for _ in range(res_blocks + 1):
                attends = 2**level in (attention if attention_up is None else attention_up)
                self.ups.append(stage(width + skips.pop(), inner_channels * mult, attends))
                width = inner_channels * mult
            if level:
                self.ups.append(Upsample(width, learned=True))
        self.final_conv = Block(width, out_channels, groups)
        self._orthogonal()

    def _orthogonal(self) -> None:
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)) and not module.weight.is_meta:
                nn.init.orthogonal_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        embedding = (self.noise_level_mlp if hasattr(self, "noise_level_mlp") else self.time_mlp)(told)
        skips = []
        for layer in self.downs:
            x = layer(x, embedding) if isinstance(layer, Stage) else layer(x)
            skips.append(x)
        for layer in self.mid:
            x = layer(x, embedding)
        for layer in self.ups:
            x = layer(torch.cat([x, skips.pop()], 1), embedding) if isinstance(layer, Stage) else layer(x)
        return self.final_conv(x)


def attention_at(sides: Collection[int], image_size: int, levels: int) -> tuple[list[int], list[int]]:
    """Where the repository puts attention on the way down and on the way up, as downsampling factors.

    It compares the running side with the wanted ones. Halved, odd sides lose a half that doubling does not bring back, so the
    two ways may differ.
    """
    down = [image_size >> level for level in range(levels)]
    up = [down[-1] << (levels - 1 - level) for level in range(levels)]
    first, second = ([2**level for level, side in enumerate(run) if side in sides] for run in (down, up))
    return first, second


def sr3_arguments(state_dict: Mapping[str, Tensor]) -> dict[str, Any]:
    """The constructor arguments that made this state dict (without `denoise_fn.`), read off its keys and shapes.

    Not in the shapes: groups, and the scale of a level's embedding. `KeyError` if this is no such network.
    """
    shapes = {key: tuple(value.shape) for key, value in state_dict.items()}
    inner, in_channels = shapes["downs.0.weight"][:2]
    told = "level" if "noise_level_mlp.1.weight" in shapes else "timesteps"
    down, up = (_levels(shapes, list_name) for list_name in ("downs", "ups"))
    if len(down) != len(up):
        raise ValueError(f"{len(down)} levels go down and {len(up)} up")
    up.reverse()
    return {
        "in_channels": in_channels,
        "out_channels": shapes["final_conv.block.3.weight"][0],
        "inner_channels": inner,
        "channel_mult": [shapes[f"{level[0]}.res_block.block1.block.3.weight"][0] // inner for level in down],
        "res_blocks": len(down[0]),
        "attention": _attending(shapes, down),
        "attention_up": _attending(shapes, up),
        "told": told,
    }


def _levels(shapes: Mapping[str, tuple[int, ...]], name: str) -> list[list[str]]:
    """The names of the residual blocks of a flat list, level by level: resamplers, which have a `conv`, part them."""
    found: list[list[str]] = [[]]
    count = 1 + max(int(match[1]) for key in shapes if (match := re.match(rf"{name}\.(\d+)\.", key)))
    for place in (f"{name}.{i}" for i in range(count)):
        if f"{place}.res_block.block1.block.3.weight" in shapes:
            found[-1].append(place)
        elif f"{place}.conv.weight" in shapes:
            found.append([])
    return found


def _attending(shapes: Mapping[str, tuple[int, ...]], levels: list[list[str]]) -> list[int]:
    return [2**i for i, level in enumerate(levels) if f"{level[0]}.attn.qkv.weight" in shapes]
