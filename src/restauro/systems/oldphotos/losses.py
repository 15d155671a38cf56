"""What the Old Photos networks are trained on (Wan et al. 2020, arXiv 2004.09484), with the weights of the published code.

A discriminator answers with the maps of its layers, at several scales: `Scales`. The last map of a scale is its verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Scales = Sequence[Sequence[Tensor]]

MATCHING, PERCEPTION, LATENT = 10.0, 10.0, 60.0
"""Of feature matching, of likeness to VGG, of the distance between latents; the adversarial terms and the KL count once."""
VGG_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
"""Of relu1_1 .. relu5_1."""


def lsgan(verdicts: Scales, real: bool) -> Tensor:
    """Squared distance of the verdicts from 1, or from 0, summed over scales (Mao et al. 2017, arXiv 1611.04076)."""
    return torch.stack([(maps[-1] - float(real)).square().mean() for maps in verdicts]).sum()


def adversary(fake: Scales, real: Scales) -> Tensor:
    """What a discriminator minimises: 1/2 (fake + real)."""
    return (lsgan(fake, False) + lsgan(real, True)) / 2


def feature_matching(fake: Scales, real: Scales, layers: int = 3) -> Tensor:
    """L1 of all maps but the verdicts, summed over layers, averaged over scales, times 4/(layers + 1), which is 1 as published.

    layers: how many of a discriminator's convolutions halve the size. No gradient flows into `real`.
    """
    pairs = [pair for ours, theirs in zip(fake, real, strict=True) for pair in zip(ours[:-1], theirs[:-1], strict=True)]
    return 4 / (layers + 1) / len(fake) * torch.stack([(one - other.detach()).abs().mean() for one, other in pairs]).sum()


def perception(answer: Tensor, target: Tensor, features: Callable[[Tensor], Sequence[Tensor]]) -> Tensor:
    """Weighted L1 of VGG's relu1_1 .. relu5_1. As published the pictures stay in [-1, 1], not normalised as for ImageNet.

    features: a picture to these five. No gradient flows into the target.
    """
    with torch.no_grad():
        wanted = features(target)
    return torch.stack([w * (a - b).abs().mean() for w, a, b in zip(VGG_WEIGHTS, features(answer), wanted, strict=True)]).sum()


def kl(latent: Tensor) -> Tensor:
    """KL(N(latent, 1) || N(0, 1)) without its factor 1/2, averaged over all values: the variance is fixed."""
    return latent.square().mean()


def latent_sides(latent: Tensor, old: Tensor) -> tuple[Tensor, Tensor]:
    """The latents of real old photographs and of synthetic ones, as many of each as there are of the fewer. old: (N,) bool."""
    count = min(int(old.sum()), int((~old).sum()))
    return latent[old][:count], latent[~old][:count]
