"""Colour statistics: mean and spread of each channel, by which lost colour is invented (PGDiff, table 1; AdaIN, 1703.06868)."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import torch
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.knobs import Knob
from restauro.diffusion.contract import Observation, Property
from restauro.properties._skin import skin

STYLES: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "celeba-hq": ((0.03202754, -0.16308397, -0.26475719), (0.53549316, 0.47539538, 0.46814889)),
    "celeba-hq-00896": ((0.05546914, -0.22203779, -0.48434922), (0.60425657, 0.53711116, 0.45434347)),
    "celeba-hq-00917": ((-0.43500257, -0.65664947, -0.7156179), (0.47355509, 0.29044732, 0.2357967)),
    "celeba-hq-00439": ((-0.35427222, -0.41545531, -0.36199731), (0.42282647, 0.33328968, 0.36431086)),
}
"""The published palettes: mean and standard deviation of R, G, B in [-1, 1]."""

Statistics = tuple[Tensor, Tensor]


class Palette(NamedTuple):
    """mean and std (N or 1, 3, 1, 1); std None: each picture keeps its own. where: (N, 1, H, W) in [0, 1]; None: everywhere."""

    mean: Tensor
    std: Tensor | None
    where: Tensor | None


class ColourStatistics(Property, frozen=True, kw_only=True):
    """Each channel has the wanted mean and standard deviation, weighted by the region.

    clean: (N, 3, H, W) in [-1, 1].  target: a `Palette`.
    As published, the distance is to the picture's own AdaIN image, which moves with it.
    """

    style: Annotated[
        Literal["celeba-hq", "celeba-hq-00896", "celeba-hq-00917", "celeba-hq-00439", "reference", "restored", "colorized"],
        Knob("a published palette, or that of the reference's, first stage's or colorizer's picture; or palette=FILE or FOLDER"),
    ] = "celeba-hq"
    mean: Annotated[tuple[float, ...], Knob("R,G,B in -1..1 in the place of the style's; palette=... fills it in")] = ()
    std: Annotated[tuple[float, ...], Knob("R,G,B in the place of the style's; palette=... fills it in")] = ()
    spread: Annotated[bool, Knob("the standard deviation is imposed, too; false: each picture keeps its own")] = True
    region: Annotated[
        Literal["all", "known", "skin"],
        Knob("what is measured and coloured: all as published, what is not missing, or skin (of aligned faces)"),
    ] = "known"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, low, values in (("mean", -1.0, self.mean), ("std", 0.0, self.std)):
            if values and (len(values) != 3 or not all(low <= value <= 1 for value in values)):
                raise RecipeError(f"colour-statistics: {name} is three numbers R,G,B from {low:g} to 1, not {list(values)}")
        if self.region == "skin" and self.style in STYLES and not (self.mean and (self.std or not self.spread)):
            raise RecipeError(
                "colour-statistics: the published palettes are those of whole pictures; "
                "region=skin needs style=reference, restored or colorized, or palette=FILE or FOLDER"
            )

    def of_reference(self) -> Literal["nothing", "look", "person"]:
        return "look" if self.style == "reference" else "nothing"

    def target(self, observed: Observation) -> Palette:
        where = self._region(observed.picture, observed.mask, observed.template)
        mean, std = self._style(observed, where)
        if self.mean:
            mean = observed.picture.new_tensor(self.mean)[None, :, None, None]
        if self.std:
            std = observed.picture.new_tensor(self.std)[None, :, None, None]
        return Palette(mean, std if self.spread else None, where)

    def _region(self, picture: Tensor, mask: Tensor | None, template: str) -> Tensor | None:
        if self.region == "skin":
            return skin(picture, mask, template)
        return None if mask is None or self.region == "all" else 1 - mask

    def _style(self, observed: Observation, where: Tensor | None) -> Statistics:
        if self.style in STYLES:
            mean, std = (observed.picture.new_tensor(values)[None, :, None, None] for values in STYLES[self.style])
            return mean, std
        if self.style == "restored":
            return statistics(observed.source("restored"), where)
        if self.style == "colorized":
            if observed.coloured is None:
                raise RecipeError("colour-statistics:style=colorized needs a colorizer for the photograph (--colorizer NAME)")
            return statistics(observed.coloured, where)
        if observed.reference is None:
            raise RecipeError("colour-statistics:style=reference needs a reference picture (--reference FILE)")
        mean, std = statistics(observed.reference, self._region(observed.reference, None, observed.template))
        return mean.mean(0, keepdim=True), std.mean(0, keepdim=True)

    def distance(self, clean: Tensor, target: Palette) -> Tensor:
        share = shares(clean, target.where)
        return ((clean - adain(clean, target).clamp(-1, 1)).square() * share).sum((1, 2, 3)) / clean.shape[1]

    def gradient(self, clean: Tensor, target: Palette) -> Tensor:
        """In closed form: the AdaIN image is not held constant (facts of the published code)."""
        share = shares(clean, target.where)
        mean, std = statistics(clean, target.where)
        centred, gain = clean - mean, 1 if target.std is None else target.std / std
        wanted = centred * gain + target.mean
        residual = clean - wanted.clamp(-1, 1)
        free = torch.where(wanted.abs() <= 1, residual, torch.zeros_like(residual))
        through = free - total(free * share)
        if target.std is not None:
            through = through - centred * total(free * centred * share) * freedom(share) / std.square()
        return 2 / clean.shape[1] * share * (residual - gain * through)

    def project(self, clean: Tensor, target: Palette) -> Tensor:
        """AdaIN; in a region, clean + where * (affine in clean) with the gain and the shift that meet the statistics."""
        if target.where is None:
            return adain(clean, target)
        h, share = target.where, shares(clean, target.where)
        mean, std = statistics(clean, h)
        centred, shift = clean - mean, target.mean - mean
        inner = total(share * h).clamp_min(1e-6)
        lift = h * shift / inner
        if target.std is None:
            return clean + lift
        bent = h * (centred - total(share * h * centred) / inner)
        rest = centred + lift - shift
        # the spread of rest + gain * bent is the wanted one: a quadratic in the gain, eps as in AdaIN
        wanted = total(share * centred.square()) * (target.std / std).square()
        a, b, c = total(share * bent.square()), total(share * bent * rest), total(share * rest.square()) - wanted
        gain = ((b.square() - a * c).clamp_min(0).sqrt() - b) / a.clamp_min(1e-9)
        return clean + gain * bent + lift


def statistics(picture: Tensor, where: Tensor | None = None, *, unbiased: bool = True) -> Statistics:
    """Weighted mean and standard deviation of each channel, (N, C, 1, 1): n - 1 or n below, 1e-5 inside the root."""
    share = shares(picture, where)
    mean = total(picture * share)
    variance = total((picture - mean).square() * share)
    return mean, (variance * (freedom(share) if unbiased else 1) + 1e-5).sqrt()


def adain(picture: Tensor, target: Statistics | Palette) -> Tensor:
    """The picture with the target's statistics, not clamped."""
    where = target.where if isinstance(target, Palette) else None
    mean, std = statistics(picture, where)
    return (picture - mean) * (1 if target[1] is None else target[1] / std) + target[0]


def shares(picture: Tensor, where: Tensor | None) -> Tensor:
    """(N, 1, H, W) weights that add up to 1, or to 0 where there are none."""
    where = torch.ones_like(picture[:1, :1]) if where is None else where
    return where / total(where).clamp_min(1e-6)


def total(x: Tensor) -> Tensor:
    return x.sum((2, 3), keepdim=True)


def freedom(share: Tensor) -> Tensor:
    """n / (n - 1), for weights."""
    return 1 / (1 - total(share.square())).clamp_min(1e-6)
