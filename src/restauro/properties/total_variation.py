"""Total variation: few and sharp edges, no grain (Rudin, Osher and Fatemi 1992)."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.diffusion.contract import Observation, Property

SMOOTH = 0.5
"""Slopes below it count by their square, so that there is a gradient everywhere: one of 255 levels a pixel at 128 pixels."""


class TotalVariation(Property, frozen=True, kw_only=True):
    """The mean slope of the colours, per side of the picture: the same for a small and an enlarged copy. The target is 0.

    clean: (N, 3, H, W) in [-1, 1].
    """

    kind: Annotated[
        Literal["isotropic", "anisotropic"], Knob("length of the slope, or sum of its two parts, which favours upright edges")
    ] = "isotropic"

    def target(self, observed: Observation) -> None:
        return None

    def distance(self, clean: Tensor, target: None) -> Tensor:
        side = (clean.shape[-2] * clean.shape[-1]) ** 0.5
        down = side * clean.diff(dim=2, append=clean[:, :, -1:])
        across = side * clean.diff(dim=3, append=clean[..., -1:])
        if self.kind == "isotropic":
            return length(torch.stack([down, across])).mean((1, 2, 3))
        return (length(down[None]) + length(across[None])).mean((1, 2, 3))


def length(parts: Tensor) -> Tensor:
    """Over the first dimension; smoothed at 0, where it is 0."""
    return (parts.square().sum(0) + SMOOTH**2).sqrt() - SMOOTH
