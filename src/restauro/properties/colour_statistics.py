"""Colour statistics: mean and spread of each channel, by which lost colour is invented (PGDiff, table 1; AdaIN, 1703.06868)."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.knobs import Knob
from restauro.diffusion.contract import Observation, Property

STYLES: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "celeba-hq": ((0.03202754, -0.16308397, -0.26475719), (0.53549316, 0.47539538, 0.46814889)),
    "celeba-hq-00896": ((0.05546914, -0.22203779, -0.48434922), (0.60425657, 0.53711116, 0.45434347)),
    "celeba-hq-00917": ((-0.43500257, -0.65664947, -0.7156179), (0.47355509, 0.29044732, 0.2357967)),
    "celeba-hq-00439": ((-0.35427222, -0.41545531, -0.36199731), (0.42282647, 0.33328968, 0.36431086)),
}
"""The published palettes: mean and standard deviation of R, G, B in [-1, 1]."""

Statistics = tuple[Tensor, Tensor]


class ColourStatistics(Property, frozen=True, kw_only=True):
    """Each channel has the wanted mean and standard deviation over the whole picture.

    clean: (N, 3, H, W) in [-1, 1].  target: mean and std, each (N or 1, 3, 1, 1).
    As published, the distance is to the picture's own AdaIN image, which moves with it.
    """

    style: Annotated[
        Literal["celeba-hq", "celeba-hq-00896", "celeba-hq-00917", "celeba-hq-00439", "reference", "restored"],
        Knob("a published palette, or that of the reference picture or of the first stage's answer"),
    ] = "celeba-hq"

    def target(self, observed: Observation) -> Statistics:
        if self.style in STYLES:
            mean, std = (observed.picture.new_tensor(values)[None, :, None, None] for values in STYLES[self.style])
            return mean, std
        if self.style == "restored":
            return statistics(observed.source("restored"))
        if observed.reference is None:
            raise RecipeError("colour-statistics:style=reference needs a reference picture (--reference FILE)")
        return statistics(observed.reference)

    def distance(self, clean: Tensor, target: Statistics) -> Tensor:
        return (clean - adain(clean, target).clamp(-1, 1)).square().mean((1, 2, 3))

    def gradient(self, clean: Tensor, target: Statistics) -> Tensor:
        """In closed form: the AdaIN image is not held constant (facts of the published code)."""
        n = clean[0, 0].numel()
        mean, std = statistics(clean)
        centred, gain = clean - mean, target[1] / std
        wanted = centred * gain + target[0]
        residual = clean - wanted.clamp(-1, 1)
        free = torch.where(wanted.abs() <= 1, residual, torch.zeros_like(residual))
        slope = (free * centred).sum((2, 3), keepdim=True) / ((n - 1) * std.square())
        through = free - free.mean((2, 3), keepdim=True) - centred * slope
        return (2 * residual - 2 * gain * through) / clean[0].numel()

    def project(self, clean: Tensor, target: Statistics) -> Tensor:
        return adain(clean, target)


def statistics(picture: Tensor, *, unbiased: bool = True) -> Statistics:
    """Mean and standard deviation of each channel, (N, C, 1, 1): n - 1 or n below, 1e-5 inside the root."""
    variance = picture.var((2, 3), correction=int(unbiased), keepdim=True)
    return picture.mean((2, 3), keepdim=True), (variance + 1e-5).sqrt()


def adain(picture: Tensor, target: Statistics) -> Tensor:
    """The picture with the target's statistics, not clamped."""
    mean, std = statistics(picture)
    return (picture - mean) / std * target[1] + target[0]
