"""From the latents of damaged pictures to those of clean ones (Wan et al. 2020, arXiv 2004.09484), in the authors' key layouts.

    mapping = LatentMapping(latent=64, width=512, blocks=6)     # blur, noise, fading: mapping(latent)
    mapping = ScratchMapping(latent=64, width=512, blocks=6)    # holes too: mapping(latent, mask), mask 1 = hole
    mapping = HighResMapping(latent=64, width=512)              # the same by copied patches: mapping(latent, mask)

Masks are (N, 1, H, W) in 0..1 at the picture's size. `mapping(latent, mask, sampled=True)` reads them as published.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from restauro.networks.norms import Norm, norm_layer
from restauro.networks.partial_nonlocal import PartialNonLocal
from restauro.networks.patch_attention import PatchAttention
from restauro.networks.reflected import ReflectedBlock

STEPS = 4
"""Convolutions from a latent's channels to the full width, and back."""


class LatentMapping(nn.Module):
    """(N, latent, h, w) to (N, latent, h, w), through `blocks` residual blocks.

    width: the widths are min(latent 2^i, width). dilation: of the residual blocks. bottleneck: channels of the VAE's latents
    where they are reduced; 0: not. norm: instance norms behind the convolutions, as published. skip: a linear path beside
    them, so that what is not damaged need not pass them.
    """

    def __init__(
        self,
        latent: int = 64,
        width: int = 512,
        blocks: int = 6,
        dilation: int = 1,
        bottleneck: int = 0,
        norm: Norm = "instance",
        skip: bool = False,
    ):
        super().__init__()
        self.skip = _skip(latent, bottleneck or latent) if skip else None
        self.model = nn.Sequential(
            *_rise(latent, width, norm),
            *_blocks(width, blocks, dilation, norm),
            *_fall(latent, width, norm),
            *_bottleneck(latent, bottleneck, norm),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.model(x)
        return out if self.skip is None else out + self.skip(x)


class ScratchMapping(nn.Module):
    """(N, latent, h, w) and the picture's mask to (N, latent, h, w); holes are filled by the partial non-local block.

    inner, own, cosine, temperature, renormalise: of that block; so is `keys`, how many places it looks at. norm, skip: as in
    `LatentMapping`; the linear path carries holes, too, which are shown closed from their edges, not white.
    """

    def __init__(
        self,
        latent: int = 64,
        width: int = 512,
        blocks: int = 6,
        dilation: int = 1,
        inner: int | None = None,
        own: bool = False,
        cosine: bool = False,
        temperature: float = 1.0,
        renormalise: bool = True,
        norm: Norm = "instance",
        skip: bool = False,
    ):
        super().__init__()
        self.skip = _skip(latent, latent) if skip else None
        self.before_NL = nn.Sequential(*_rise(latent, width, norm))
        self.NL = PartialNonLocal(
            width, inner, own=own, cosine=cosine, temperature=temperature, renormalise=renormalise, norm=norm
        )
        self.after_NL = nn.Sequential(*_blocks(width, blocks, dilation, norm), *_fall(latent, width, norm))

    def forward(self, x: Tensor, mask: Tensor, sampled: bool = False, keys: int = 0) -> Tensor:
        out: Tensor = self.after_NL(self.NL(self.before_NL(x), mask, sampled, keys))
        return out if self.skip is None else out + self.skip(x)


class HighResMapping(nn.Module):
    """(N, latent, h, w) of any size and the picture's mask to (N, latent, h, w); holes get patches of 8, 4 and 2 places."""

    def __init__(self, latent: int = 64, width: int = 512, dilation: int = 1, norm: Norm = "instance", skip: bool = False):
        super().__init__()
        self.skip = _skip(latent, latent) if skip else None
        self.before_NL = nn.Sequential(*_rise(latent, width, norm), *_blocks(width, 2, dilation, norm))
        self.NL_scale_1, self.NL_scale_2, self.NL_scale_3 = (PatchAttention(width, patch) for patch in (8, 4, 2))
        self.res_block_1, self.res_block_2 = (nn.Sequential(*_blocks(width, 2, dilation, norm)) for _ in range(2))
        self.after_NL = nn.Sequential(*_blocks(width, 2, dilation, norm), *_fall(latent, width, norm))

    def forward(self, seen: Tensor, mask: Tensor, sampled: bool = False) -> Tensor:
        x = self.res_block_1(self.NL_scale_1(self.before_NL(seen), mask, sampled))
        x = self.res_block_2(self.NL_scale_2(x, mask, sampled))
        out: Tensor = self.after_NL(self.NL_scale_3(x, mask, sampled))
        return out if self.skip is None else out + self.skip(seen)


def _widths(latent: int, width: int) -> list[int]:
    return [latent, *(min(latent * 2**i, width) for i in range(1, STEPS)), width]


def _conv(channels: int, out_channels: int, norm: Norm) -> list[nn.Module]:
    return [nn.Conv2d(channels, out_channels, 3, padding=1), norm_layer(norm, out_channels), nn.ReLU(inplace=True)]


def _rise(latent: int, width: int, norm: Norm) -> list[nn.Module]:
    widths = _widths(latent, width)
    return [layer for one, other in pairwise(widths) for layer in _conv(one, other, norm)]


def _fall(latent: int, width: int, norm: Norm) -> list[nn.Module]:
    widths = _widths(latent, width)[::-1]
    layers = [layer for one, other in pairwise(widths[:-1]) for layer in _conv(one, other, norm)]
    return [*layers, nn.Conv2d(widths[-2], latent, 3, padding=1)]


def _skip(latent: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(latent, out_channels, 3, padding=1, padding_mode="reflect")


def _bottleneck(latent: int, channels: int, norm: Norm) -> list[nn.Module]:
    return [norm_layer(norm, latent), nn.ReLU(inplace=True), nn.Conv2d(latent, channels, 1)] if channels else []


def _blocks(width: int, count: int, dilation: int, norm: Norm) -> list[nn.Module]:
    return [ReflectedBlock(width, dilation, norm) for _ in range(count)]
