"""A super-resolver of the weights store as a denoiser of the large picture, bound to the small one."""

from __future__ import annotations

import torch
from torch import Tensor

from restauro.core.errors import WeightsError
from restauro.diffusion.denoiser import NetworkDenoiser
from restauro.systems._prior import precision, read_as_said
from restauro.weights.store import find, load

KIND = "super-resolver"


def super_resolver(name: str, reference: Tensor, conditions: Tensor | None = None) -> NetworkDenoiser:
    """The denoiser, on its training schedule, of pictures like `reference`, (N, 3, H, W): the small ones, enlarged bicubically.

    conditions: (1, K), what a network with conditions is told. Raises WeightsError for weights of another kind.
    """
    passport, _ = find(name)
    if passport.kind != KIND:
        raise WeightsError(f"{name!r} is a {passport.kind}, not a {KIND}; `restauro models list` shows what is here")
    device = reference.device
    network = load(name, device)
    more = {} if conditions is None or not passport.arguments.get("conditions") else {"conditions": conditions.to(device)}

    def call(x: Tensor, told: Tensor) -> Tensor:
        seen = torch.cat([reference.expand(len(x), -1, -1, -1), x], 1).contiguous(memory_format=torch.channels_last)
        with precision(device):
            return network(seen, told, **more).float()

    channels, height, width = reference.shape[1:]
    return read_as_said(passport, call, (channels, height, width))
