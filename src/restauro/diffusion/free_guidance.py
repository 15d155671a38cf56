"""Classifier-free guidance: towards what one prompt gives, away from what another gives (Ho and Salimans 2022, equation 6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Conditional = Callable[..., Tensor]
"""`network(x, told, *conditions)` -> (N, C, H, W); each condition has N entries."""
Strength = Callable[[Tensor], Tensor]
"""`strength(told)` -> (N,), of the (N,) timesteps the network is told."""


def classifier_free(
    network: Conditional, wanted: Sequence[Tensor], unwanted: Sequence[Tensor], strength: float | Strength
) -> Callable[[Tensor, Tensor], Tensor]:
    """u + s (w - u), w and u the network's answers under the wanted and the unwanted conditions, as a `network(x, told)`.

    wanted, unwanted: the same conditions in the same order, each of N entries or of one for all. What does not differ
    (DiffBIR: the restored picture) stands in both. s = 1: the wanted ones alone, u is not asked for. Otherwise both in one call.

    Whether the network says the noise, v or the clean picture is all the same: each is linear in the others.
    """

    def call(x: Tensor, told: Tensor) -> Tensor:
        s = strength(told).to(x.dtype)[:, None, None, None] if callable(strength) else x.new_tensor(strength)
        towards = [one.expand(len(x), *one.shape[1:]) for one in wanted]
        if (s == 1).all():
            return network(x, told, *towards)
        away = [one.expand(len(x), *one.shape[1:]) for one in unwanted]
        both = [torch.cat(pair) for pair in zip(towards, away, strict=True)]
        w, u = network(torch.cat([x, x]), torch.cat([told, told]), *both).chunk(2)
        return u + s * (w - u)

    return call


def rising(strength: float, T: int = 1000) -> Strength:
    """s(t) = 1 + s (1 - cos(pi ((T - t) / T)^5)) / 2: none in pure noise, s + 1 at the end, half of it from t = 0.13 T.

    DiffBIR's "rescaled" guidance, of which strengths up to 1 are left as they are (T is 1000 there). No rescaling of the
    answer's spread, which goes by that name elsewhere (Lin et al. 2024).
    """

    def at(told: Tensor) -> Tensor:
        if strength <= 1:
            return torch.full_like(told, strength)
        return 1 + strength * (1 - torch.cos(torch.pi * ((T - told) / T) ** 5)) / 2

    return at
