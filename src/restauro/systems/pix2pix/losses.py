"""What the two sides of pix2pix play for (Isola et al. 2017, arXiv 1611.07004, section 3.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

GanMode = Literal["vanilla", "lsgan", "wgangp"]


def gan_loss(logits: Tensor, real: bool, mode: GanMode) -> Tensor:
    """How far a discriminator's logits are from calling its pictures real, or false; any shape, averaged over all values.

    "vanilla": cross-entropy (Goodfellow et al. 2014, 1406.2661), for the generator in its non-saturating form; "lsgan": squared
    distance from 1 or 0 (Mao et al. 2017, 1611.04076); "wgangp": the mean, its sign turned for real ones (Arjovsky et al. 2017,
    1701.07875).
    """
    if mode == "wgangp":
        return -logits.mean() if real else logits.mean()
    wanted = torch.full_like(logits, float(real))
    return F.mse_loss(logits, wanted) if mode == "lsgan" else F.binary_cross_entropy_with_logits(logits, wanted)


def gradient_penalty(discriminator: Callable[[Tensor], Tensor], pictures: Tensor, constant: float = 1.0) -> Tensor:
    """Squared distance of the gradient's norm from `constant`, averaged over pictures (N, C, H, W), without its weight, 10.

    Gulrajani et al. 2017 (1704.00028) take pictures `between` real and false ones. The gradient is that of the sum of a
    picture's logits. Differentiable towards the discriminator's parameters.
    """
    pictures = pictures.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(pictures).sum(), pictures, create_graph=True)
    norm = (gradient.flatten(1) + 1e-16).norm(dim=1)
    return (norm - constant).square().mean()


def between(real: Tensor, false: Tensor, shares: Tensor) -> Tensor:
    """share real + (1 - share) false; shares (N,), one for each picture."""
    return false.lerp(real, shares.view(-1, 1, 1, 1))
