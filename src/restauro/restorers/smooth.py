"""One-pass networks as restorers: the interface that first stages and "smooth semantics" share."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restauro.core.errors import WeightsError
from restauro.restorers.timed import Timed
from restauro.weights.passports import Passport
from restauro.weights.store import find, load


class OnePass:
    """A network that sees the picture alone: an imported RRDB file, or one that spandrel knows. Holes are shown as they are.

    range: the values of black and white as the network was trained; pictures outside are in [-1, 1]. An answer that is
    `scale` times as large is reduced: a restorer keeps the picture's size.
    """

    tiles = True

    def __init__(self, network: nn.Module, range: tuple[float, float] = (-1.0, 1.0), multiple: int = 4, scale: int = 1):
        self.network, self.range, self.multiple, self.scale = network, range, multiple, scale

    @torch.no_grad()
    def __call__(self, picture: Tensor, *, mask: Tensor | None = None, noise: Tensor | None = None) -> Tensor:
        black, white = self.range
        gain = (white - black) / 2
        answer: Tensor = self.network(pad((picture + 1) * gain + black, self.multiple))
        return (reduced(answer, self.scale)[..., : picture.shape[-2], : picture.shape[-1]] - black) / gain - 1


class SmoothRestorer:
    """Our own: sees the picture with its holes emptied and the mask.

    picture (N, 3, H, W) in [-1, 1]; mask (N, 1, H, W), 1 = missing. H and W are padded to a multiple of `multiple`.
    """

    scale, tiles = 1, False

    def __init__(self, network: nn.Module, multiple: int):
        self.network, self.multiple = network, multiple

    @torch.no_grad()
    def __call__(self, picture: Tensor, *, mask: Tensor | None = None, noise: Tensor | None = None) -> Tensor:
        mask = torch.zeros_like(picture[:, :1]) if mask is None else mask
        emptied = picture * (1 - mask)
        answer = smooth_answer(self.network, pad(emptied, self.multiple), pad(mask, self.multiple))
        return answer[..., : picture.shape[-2], : picture.shape[-1]].clamp(-1, 1)


def smooth_answer(network: nn.Module, emptied: Tensor, mask: Tensor) -> Tensor:
    """(N, 3, H, W): the network's answer to a picture whose holes (mask 1) are empty (0).

    The network gives a picture and a gate: how much of the input shines through. Behind space-to-depth a narrow network
    can carry neither all fine detail of a good input nor the noise of a bad one; with the gate it need not.
    """
    out = network(torch.cat([emptied, mask], 1).contiguous(memory_format=torch.channels_last))
    return out[:, :3] + out[:, 3:].sigmoid() * emptied


def restorer(name: str, device: torch.device) -> OnePass | SmoothRestorer | Timed:
    """The restorer of a name, shipped or imported. Raises WeightsError when these weights are no restorer."""
    passport, _ = find(name)
    if passport.kind not in ("restorer", "upscaler", "translator"):
        raise WeightsError(f"{name!r} is a {passport.kind}, not a restorer; `restauro models list` shows what is here")
    channels = [passport.arguments.get(side, 3) for side in ("in_channels", "out_channels")]
    if passport.kind == "translator" and channels != [3, 3]:
        raise WeightsError(f"{name!r} translates {channels[0]} channels to {channels[1]}: a restorer is shown and answers three")
    if passport.prediction not in ("", "clean", "gated"):
        raise WeightsError(f"{name!r} answers with {passport.prediction!r}; restorers here give a clean or a gated picture")
    return restoring(passport, load(name, device))


def restoring(passport: Passport, network: Any) -> OnePass | SmoothRestorer | Timed:
    """The network of a restorer's passport as the restorer that it is."""
    if passport.architecture == "rrdb-timed":
        return Timed(network)
    if passport.prediction == "gated":
        return SmoothRestorer(network, int(network.multiple))
    return OnePass(network, passport.range, getattr(network, "multiple", 4), getattr(network, "scale", 1))


def pad(picture: Tensor, multiple: int) -> Tensor:
    """Right and bottom repeated up to a multiple."""
    height, width = picture.shape[-2:]
    extra = (-width % multiple, -height % multiple)
    return F.pad(picture, (0, extra[0], 0, extra[1]), mode="replicate") if any(extra) else picture


def reduced(answer: Tensor, scale: int) -> Tensor:
    """Bicubic with antialias, as pictures are made small everywhere here."""
    height, width = answer.shape[-2] // scale, answer.shape[-1] // scale
    return answer if scale == 1 else F.interpolate(answer, (height, width), mode="bicubic", antialias=True, align_corners=False)
