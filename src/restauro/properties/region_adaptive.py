"""Region-adaptive: flat places stay as the first stage has them, textures are the prior's (DiffBIR, 2308.15070, section 3.4)."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.diffusion.contract import Codec, Observation, Property
from restauro.properties._look import gaussian

GREY = (0.2989, 0.5870, 0.1140)
REACH = 4.0
"""Standard deviation, in pixels of a picture of 512, over which slopes are averaged."""


class Regions(NamedTuple):
    """picture: the one to be like, (N, C, H, W), or its latents. weight: how much, (N, 1, H, W) in [0, 1]."""

    picture: Tensor
    weight: Tensor


class RegionAdaptive(Property, frozen=True, kw_only=True):
    """W |clean - restored|^2 is 0, with W = 1 where the restored picture is flat and 0 where it is full of edges.

    clean: (N, 3, H, W) in [-1, 1], or latents where the target is one of latents.  The projection is the restored picture and W
    the certainty: a weight says how far a walk goes there, whatever the size, the steps and the codec.
    As published (versions 2 and 2.1): regions=blocks; version 1 and their plain loss: regions=all; the paper's formula to the
    letter, which has W inside the norm: squared=true.
    """

    regions: Annotated[
        Literal["smooth", "blocks", "all"],
        Knob("smooth: slopes per side of the picture, the same at any size; blocks: of 2x2 px, as published; all: no regions"),
    ] = "smooth"
    edge: Annotated[
        float, Knob("slope of the grey picture at which a quarter is imposed", ge=0.1, le=1000, unit="of white a side")
    ] = 16.0
    squared: Annotated[bool, Knob("W acts twice: still less is imposed near edges")] = False
    of: Annotated[Literal["restored", "picture"], Knob("what is to be kept: the first stage's answer or the damaged picture")] = (
        "restored"
    )

    def target(self, observed: Observation) -> Regions:
        found = self._of(observed.source(self.of).clamp(-1, 1))
        if observed.mask is not None and self.of == "picture":
            return found._replace(weight=found.weight * (1 - observed.mask))
        return found

    def target_at(self, observed: Observation, target: Regions, x: Tensor, t: float) -> Regions:
        if self.of == "restored" and observed.restore_at is not None:
            return self._of(observed.restore_at(x, t).clamp(-1, 1))
        return target

    def in_latents(self, target: Regions, codec: Codec) -> Regions:
        latents = codec.encode(target.picture)
        return Regions(latents, F.interpolate(target.weight, latents.shape[-2:], mode="area"))

    def _of(self, picture: Tensor) -> Regions:
        weight = torch.ones_like(picture[:, :1])
        if self.regions == "blocks":
            weight = blocks(picture)
        elif self.regions == "smooth":
            weight = smooth(picture, self.edge)
        return Regions(picture, weight.square() if self.squared else weight)

    def distance(self, clean: Tensor, target: Regions) -> Tensor:
        return (target.weight * (clean - target.picture).square()).mean((1, 2, 3))

    def gradient(self, clean: Tensor, target: Regions) -> Tensor:
        return 2 / clean[0].numel() * target.weight * (clean - target.picture)

    def project(self, clean: Tensor, target: Regions) -> Tensor:
        return torch.where(target.weight > 0, target.picture, clean)

    def certainty(self, target: Regions) -> Tensor:
        return target.weight


def smooth(picture: Tensor, edge: float) -> Tensor:
    """(N, 1, H, W): 1 - tanh(slope / edge), the slope that of the grey picture in [0, 1] per side, averaged over `REACH`.

    With 16 it is the published map at 512 px, where a block of 2x2 adds up 32 slopes of a pixel, but for the blocks' borders.
    """
    side = (picture.shape[-2] * picture.shape[-1]) ** 0.5
    return 1 - (gaussian(sobel(picture) * (side / 8), REACH * side / 512) / edge).tanh()


def blocks(picture: Tensor) -> Tensor:
    """(N, 1, H, W): 1 - tanh of Sobel's magnitude summed over blocks of 2x2 pixels, as published. Of an odd side the last block
    repeats its last row; the release has no answer for it."""
    height, width = picture.shape[-2:]
    even = F.pad(sobel(picture), (0, width % 2, 0, height % 2), mode="replicate")
    weight = 1 - (4 * F.avg_pool2d(even, 2)).tanh()
    return weight.repeat_interleave(2, 2).repeat_interleave(2, 3)[..., :height, :width]


def sobel(picture: Tensor) -> Tensor:
    """(N, 1, H, W): the length of Sobel's gradient, 8 per unit of grey a pixel, of (N, 3, H, W) in [-1, 1]."""
    grey = ((picture + 1) / 2 * picture.new_tensor(GREY)[:, None, None]).sum(1, keepdim=True)
    across = picture.new_tensor([[1, 0, -1], [2, 0, -2], [1, 0, -1]])
    kernels = torch.stack([across, across.mT])[:, None]
    return F.conv2d(F.pad(grey, (1, 1, 1, 1), mode="replicate"), kernels).square().sum(1, keepdim=True).sqrt()
