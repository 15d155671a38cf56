"""What U-Nets of the diffusion field are made of: the embedding of time, norms, resampling, residual blocks, attention."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restauro.networks.transformer import TransformerBlock


def timestep_embedding(timesteps: Tensor, width: int, sines_first: bool = False, shift: int = 0) -> Tensor:
    """(N,) timesteps, fractions allowed, to (N, width) float32: frequencies 10000^(-i / (width // 2 - shift)), i < width // 2.

    As it stands OpenAI's; Ho et al. (and google/ddpm-*) put the sines first and shift by 1. An odd width ends in a zero.
    """
    half = width // 2
    rate = -math.log(10000) / (half - shift)
    angles = timesteps.float()[:, None] * torch.exp(rate * torch.arange(half, dtype=torch.float32, device=timesteps.device))
    waves = (angles.sin(), angles.cos()) if sines_first else (angles.cos(), angles.sin())
    return F.pad(torch.cat(waves, 1), (0, width % 2))


class Norm(nn.GroupNorm):
    """Group normalisation with at most `groups` groups, computed in float32 where the input is less precise."""

    def __init__(self, channels: int, groups: int, eps: float = 1e-5):
        super().__init__(max(g for g in range(1, min(groups, channels) + 1) if channels % g == 0), channels, eps)

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype not in (torch.float16, torch.bfloat16):
            return super().forward(x)
        return F.group_norm(x.float(), self.num_groups, self.weight.float(), self.bias.float(), self.eps).to(x.dtype)


class PixelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each place: what a place answers does not depend on how far the picture goes on,
    so that tiles join without seams."""

    def __init__(self, channels: int, groups: int, eps: float = 1e-5):
        super().__init__(channels, eps)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)  # a channels-last picture is not copied


NORMS: Mapping[str, Callable[[int, int, float], nn.Module]] = {"group": Norm, "pixel": PixelNorm}


class SameConv2d(nn.Conv2d):
    """A convolution with TensorFlow's padding SAME: as many places as strides fit, what is odd of the padding at the end.

    With kernel 3 and stride 2 no row stands before an even picture and one behind it; an odd one has one on both sides.
    """

    def forward(self, x: Tensor) -> Tensor:
        pads: list[int] = []
        for size, kernel, stride in zip(x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
            pad = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            pads += [pad // 2, pad - pad // 2]
        return super().forward(F.pad(x, pads))


class Downsample(nn.Module):
    """Half the size, by a strided convolution (with a row of zeros on both sides, or TensorFlow's SAME) or by averaging."""

    def __init__(self, channels: int, learned: bool, padding: Literal["both", "same"] = "both"):
        super().__init__()
        if not learned:
            self.op: nn.Module = nn.AvgPool2d(2)
        elif padding == "same":
            self.op = SameConv2d(channels, channels, 3, stride=2)
        else:
            self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.op(x)


class Upsample(nn.Module):
    """Twice the size by nearest neighbours, then a convolution if learned."""

    def __init__(self, channels: int, learned: bool):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1) if learned else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))


class ResBlock(nn.Module):
    """Norm, SiLU, conv; the embedding enters by scale and shift or by addition; norm, SiLU, dropout, conv; plus the input."""

    def __init__(
        self,
        channels: int,
        out_channels: int,
        embedding: int,
        groups: int,
        dropout: float,
        scale_shift: bool,
        resample: Literal["up", "down"] | None = None,
        skip_scale: float = 1.0,
        norm: Literal["group", "pixel"] = "group",
        eps: float = 1e-5,
    ):
        super().__init__()
        self.scale_shift, self.skip_scale = scale_shift, skip_scale
        self.in_layers = nn.Sequential(
            NORMS[norm](channels, groups, eps), nn.SiLU(), nn.Conv2d(channels, out_channels, 3, padding=1)
        )
        if embedding:
            self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embedding, out_channels * (2 if scale_shift else 1)))
        self.out_layers = nn.Sequential(
            NORMS[norm](out_channels, groups, eps),
            nn.SiLU(),
            nn.Dropout(dropout),
            nn.Conv2d(out_channels, out_channels, 3, padding=1),
        )
        self.skip_connection = nn.Identity() if channels == out_channels else nn.Conv2d(channels, out_channels, 1)
        self.resample: nn.Module | None = None
        if resample:
            self.resample = Upsample(channels, learned=False) if resample == "up" else Downsample(channels, learned=False)

    def forward(self, x: Tensor, embedding: Tensor | None) -> Tensor:
        h = self.in_layers[1](self.in_layers[0](x))
        if self.resample is not None:
            h, x = self.resample(h), self.resample(x)
        h = self.in_layers[2](h)
        if embedding is None:
            h = self.out_layers(h)
        elif self.scale_shift:
            scale, shift = self.emb_layers(embedding)[:, :, None, None].chunk(2, 1)
            h = self.out_layers[1:](self.out_layers[0](h) * (1 + scale) + shift)
        else:
            h = self.out_layers(h + self.emb_layers(embedding)[:, :, None, None])
        h = self.skip_connection(x) + h
        return h if self.skip_scale == 1 else h * self.skip_scale


class Attention(nn.Module):
    """Self-attention over all places of the picture, plus the input.

    The rows of `qkv` are ordered [head][q, k, v] (legacy) or [q, k, v][head] (new). Weights have Conv1d shapes, but are
    applied to (N, places, channels), which a channels-last picture already is.
    """

    def __init__(self, channels: int, heads: int, head_channels: int | None, new_order: bool, groups: int, eps: float = 1e-5):
        super().__init__()
        self.heads, self.new_order = _heads(channels, heads, head_channels), new_order
        self.norm = Norm(channels, groups, eps)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        n, c, height, width = x.shape
        places = self.norm(x).flatten(2).transpose(1, 2)
        qkv = F.linear(places, self.qkv.weight[:, :, 0], self.qkv.bias)
        if self.new_order:
            q, k, v = qkv.view(n, -1, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        else:
            q, k, v = qkv.view(n, -1, self.heads, 3, c // self.heads).permute(3, 0, 2, 1, 4)
        h = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, -1, c)
        h = F.linear(h, self.proj_out.weight[:, :, 0], self.proj_out.bias)
        return x + h.transpose(1, 2).reshape(n, c, height, width)


def _heads(channels: int, heads: int, head_channels: int | None) -> int:
    if head_channels:
        heads = channels // head_channels
    if not heads or channels % heads or (head_channels and channels % head_channels):
        raise ValueError(f"{channels} channels cannot be split into heads of {head_channels or channels / heads:g}")
    return heads


class SpatialTransformer(nn.Module):
    """A transformer block over all places of the picture, which also look at (N, tokens, context), plus the input."""

    def __init__(self, channels: int, heads: int, head_channels: int | None, context: int, groups: int):
        super().__init__()
        self.norm = Norm(channels, groups, 1e-6)
        self.proj_in = nn.Linear(channels, channels)
        block = TransformerBlock(channels, _heads(channels, heads, head_channels), context)
        self.transformer_blocks = nn.ModuleList([block])
        self.proj_out = nn.Linear(channels, channels)

    def forward(self, x: Tensor, context: Tensor | None) -> Tensor:
        assert context is not None, "this network needs a context"
        places = self.proj_in(self.norm(x).flatten(2).transpose(1, 2))
        places = self.proj_out(self.transformer_blocks[0](places, context))
        return x + places.transpose(1, 2).reshape(x.shape)


class Stage(nn.Sequential):
    """Layers in a row; the residual blocks among them also get the embedding, transformers the context."""

    def forward(self, x: Tensor, embedding: Tensor | None, context: Tensor | None = None) -> Tensor:  # type: ignore[override]
        for layer in self:
            if isinstance(layer, ResBlock):
                x = layer(x, embedding)
            else:
                x = layer(x, context) if isinstance(layer, SpatialTransformer) else layer(x)
        return x
