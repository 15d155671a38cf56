"""Guidance of a latent prior by the same properties: in latents where they mean the same there, else in the decoded picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.diffusion.contract import Codec, Estimate, Observation, Property, Target
from restauro.diffusion.guidance import CleanGuidance, Wanted, certain, stride
from restauro.diffusion.schedule import NoiseSchedule

Pull = tuple[Property, float, Target]
"""A property, how much of it, and its target."""


class LatentGuidance(CleanGuidance):
    """As `CleanGuidance`, for clean estimates that are latents.

    What pulls by a gradient gets it through the decoder. What has a projection is imposed on the decoded picture, and only the
    difference is encoded: what the codec itself gets wrong stays out of it. It costs a decoding and two encodings a step.
    space "latent": properties that can say their target in latents are imposed there, which needs neither.

    `impose` speaks of pictures. Raises RecipeError for a property of the noisy state, which here is no picture.
    """

    spread = 1.0

    def __init__(
        self,
        wanted: Sequence[Wanted],
        observed: Observation,
        schedule: NoiseSchedule,
        codec: Codec,
        space: Literal["latent", "picture"] = "latent",
    ):
        super().__init__(wanted, observed, schedule)
        self.codec = codec
        self.pulling: list[Pull] = []
        self.imposed: list[Pull] = []
        self.latent: list[Pull] = []
        for prop, weight, target in self.wanted:
            if prop.space == "state":
                raise RecipeError(f"{type(prop).__name__.lower()} looks at noisy pictures; this prior's are latents")
            there = prop.in_latents(target, codec) if space == "latent" else None
            if there is not None:
                self.latent.append((prop, weight, there))
            else:
                (self.pulling if prop.project is None else self.imposed).append((prop, weight, target))

    def clean(self, estimate: Estimate, x: Tensor, t: float) -> Estimate:
        a = float(self.schedule.alpha_bar(t))
        latents = estimate.clean
        for prop, weight, target in self.pulling:
            latents = latents - stride(*self._slope(prop, latents, target), weight * (1 - a) ** 0.5)
        if self.imposed:
            seen = self.codec.decode(latents)
            latents = latents + self.codec.encode(self._bent(self.imposed, seen, a)) - self.codec.encode(seen)
        return replace(estimate, clean=self._bent(self.latent, latents, a))

    def _bent(self, wanted: Sequence[Pull], clean: Tensor, a: float) -> Tensor:
        for prop, weight, target in wanted:
            assert prop.project is not None
            clean = clean.lerp(prop.project(clean, target), self.share(weight * certain(prop, target, clean), a))
        return clean

    def _slope(self, prop: Property, latents: Tensor, target: Target) -> tuple[Tensor, Tensor]:
        """Gradient and distance."""
        with torch.enable_grad():
            leaf = latents.detach().requires_grad_(True)
            distance = prop.distance(self.codec.decode(leaf), target)
            (gradient,) = torch.autograd.grad(distance.sum(), leaf)
        return gradient, distance.detach()
