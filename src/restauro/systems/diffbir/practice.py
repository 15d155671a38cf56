"""What the trainings of DiffBIR's parts have in common: where they compute, and the latents of pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
import torch
from torch import Tensor, nn

from restauro.core.knobs import Knob
from restauro.networks.autoencoder_kl import AutoencoderKL
from restauro.properties._look import network_of
from restauro.systems.diffbir.codec import LatentCodec
from restauro.training.data import Pictures

Faces = Annotated[
    Literal["restauro128", "ffhq512", "none"], Knob("how the faces in the pictures are aligned; none: they show anything")
]
SCORED, PART, TERMS = 64, 8, 2
"""Held-out pictures, how many of them at once, and timesteps for each."""


def home(network: nn.Module) -> torch.device:
    """Where a network computes."""
    return next(network.parameters()).device


def codec(name: str, device: torch.device) -> LatentCodec:
    """A trained autoencoder. Raises WeightsError where the weights are of another kind."""
    network, _ = network_of(name, ("latent-autoencoder",), device)
    assert isinstance(network, AutoencoderKL)
    return LatentCodec(network)


@torch.no_grad()
def drawn(codec: LatentCodec, pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Latents of pictures, drawn from their distribution, as a prior is trained on them (Rombach et al. 2022, appendix G)."""
    mean, logvar = codec.network.encode(pictures)
    noise = torch.randn(mean.shape, generator=generator).to(mean)
    return codec.network.scale * (mean + (0.5 * logvar).exp() * noise)


@torch.no_grad()
def held_loss(held: Pictures, steps: int, error: Callable[[np.ndarray, np.ndarray, torch.Generator], Tensor]) -> float:
    """The mean of an objective's errors (N,) on held-out pictures; what is drawn is the same every time.

    error: of the pictures at these places, at these timesteps, which lie evenly over the schedule's `steps`.
    """
    n, generator = min(SCORED, len(held)), torch.Generator().manual_seed(7)
    found = []
    for term in range(TERMS):
        t = (np.arange(n) * steps // n + term * steps // (n * TERMS)) % steps
        for place in range(0, n, PART):
            index = np.arange(place, min(n, place + PART))
            found.append(error(index, t[index], generator).cpu())
    return float(torch.cat(found).mean())
