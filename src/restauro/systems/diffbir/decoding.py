"""Decoding a large picture with a gradient, in bounded memory: forwards in strips, which is exact, backwards in tiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from restauro.photo.tiles import tiles
from restauro.restorers.strips import Strips

TILE, OVERLAP = 256, 64
"""Pixels."""

Decode = Callable[[Tensor], Tensor]


def decoded(latents: Tensor, decode: Decode, multiple: int) -> Tensor:
    """(1, c, h, w) to (1, 3, multiple h, multiple w).

    The gradient is that of the tiles, whose borders fade. Their group norms have the statistics of the whole picture, held
    fixed. Left out is how these depend on the latents and, where the decoder attends, what it sees beyond a tile.
    """
    picture: Tensor = _Decoded.apply(latents, decode, multiple)
    return picture


class _Decoded(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, latents: Tensor, decode: Decode, multiple: int) -> Tensor:
        with Noting(latents.device) as strips:
            picture = decode(latents)
        ctx.save_for_backward(latents)
        ctx.how = decode, multiple, strips.noted
        return picture

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None, None]:
        (latents,), (decode, multiple, noted) = ctx.saved_tensors, ctx.how
        found, side, overlap = torch.zeros_like(latents), max(2, TILE // multiple), max(1, OVERLAP // multiple)
        height, width = latents.shape[-2:]
        places, pictures = (tiles(height, width, side, overlap, scale=scale) for scale in (1, multiple))
        for place, seen in zip(places, pictures, strict=True):
            leaf = latents[(..., *place.where)].detach().requires_grad_(True)
            with torch.enable_grad(), AsNoted(noted):
                part = decode(leaf)
            weighed = slope[(..., *seen.where)] * torch.from_numpy(seen.weight).to(slope)
            found[(..., *place.where)] += torch.autograd.grad(part, leaf, weighed)[0]
        return found, None, None


class Noting(Strips):
    """Strips that remember what group norms found, in the order in which they came: mean and variance of each channel."""

    def __init__(self, device: torch.device):
        super().__init__(device)
        self.noted: list[tuple[Tensor, Tensor]] = []

    def __enter__(self) -> Noting:
        super().__enter__()
        return self

    def scaled(self, x: Tensor, mean: Any, variance: Any, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
        self.noted.append((mean.float(), variance.float()))
        return super().scaled(x, mean, variance, weight, bias, eps)


class AsNoted(TorchFunctionMode):
    """While it is entered group norms take what was remembered, one after the other."""

    def __init__(self, noted: list[tuple[Tensor, Tensor]]):
        super().__init__()
        self.noted = iter(noted)

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return (self.normed if function is F.group_norm else function)(*args, **(kwargs or {}))

    def normed(
        self, x: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
    ) -> Tensor:
        mean, variance = (one.view(num_groups, -1).mean(1, keepdim=True) for one in next(self.noted))
        own = x.reshape(len(x), num_groups, -1)
        spread, middle = torch.var_mean(own, -1, correction=0, keepdim=True)
        mean, variance = mean + middle - middle.detach(), variance * (spread / spread.detach().clamp_min(1e-12))
        even = ((own - mean) / (variance + eps).sqrt()).view(x.shape)
        return even if weight is None or bias is None else even * weight[:, None, None] + bias[:, None, None]
