"""A prior of the weights store as a denoiser, whichever system trained it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from restauro.core.device import choose_dtype
from restauro.core.errors import WeightsError
from restauro.diffusion.denoiser import NetworkDenoiser
from restauro.diffusion.schedule import NoiseSchedule
from restauro.weights.passports import Passport
from restauro.weights.store import find, load


def prior(name: str, device: torch.device, shown: Tensor | None = None) -> NetworkDenoiser:
    """A prior by the name of its weights, on its training schedule, told to draw unaugmented sharp pictures.

    shown: (N or 1, K, S, S), the further input channels of a prior that can look at a damaged picture; absent, zeros, which
    tell it nothing. Raises WeightsError for weights that are no prior.
    """
    passport, _ = find(name)
    if passport.kind != "prior":
        raise WeightsError(f"{name!r} is a {passport.kind}, not a prior; `restauro models list` shows what is here")
    return denoiser_of(passport, load(name, device), device, shown)


def denoiser_of(passport: Passport, network: nn.Module, device: torch.device, shown: Tensor | None = None) -> NetworkDenoiser:
    """A prior's network, wherever it comes from, as its passport says."""
    variance, size = passport.variance or "fixed_small", passport.size
    if not size:
        raise WeightsError(
            f"how large the pictures of {passport.name!r} are is not known: import the file again with --size PIXELS"
        )
    told = torch.tensor([passport.condition], device=device) if passport.condition else None
    channels = int(passport.arguments["out_channels"]) // (2 if variance.startswith("learned") else 1)
    if passport.observes and shown is None:
        shown = torch.zeros(1, int(passport.arguments["in_channels"]) - channels, size, size, device=device)

    def call(x: Tensor, timesteps: Tensor) -> Tensor:
        x = x if shown is None else torch.cat([x, shown.expand(len(x), -1, -1, -1)], 1)
        x = x.contiguous(memory_format=torch.channels_last)
        with precision(device):
            out = network(x, timesteps) if told is None else network(x, timesteps, conditions=told)
        return out.float()

    return read_as_said(passport, call, (channels, size, size))


def read_as_said(passport: Passport, call: Callable[[Tensor, Tensor], Tensor], shape: tuple[int, int, int]) -> NetworkDenoiser:
    """The denoiser whose network is `call`, its answers read as the passport says, on its training schedule."""
    facts: dict[str, Any] = {"predicts": passport.prediction, "variance": passport.variance or "fixed_small"}
    facts |= {"told": passport.told or "timesteps", "clip": passport.clip, "rescale_timesteps": passport.rescaled}
    return NetworkDenoiser(call, trained(passport), shape, **facts)


def precision(device: torch.device) -> AbstractContextManager[Any]:
    """In which a network is called: that which this machine is fastest in."""
    dtype = choose_dtype(device)
    return torch.autocast(device.type, dtype) if dtype != torch.float32 else nullcontext()


def trained(passport: Passport) -> NoiseSchedule:
    """The schedule that a prior was trained on."""
    return NoiseSchedule.named(passport.schedule, passport.steps or 1000, *passport.ends)
