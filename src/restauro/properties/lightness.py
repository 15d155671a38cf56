"""Lightness: grey-scale content survives fading and missing colour (PGDiff, table 1)."""

from __future__ import annotations

from typing import Annotated, Literal

from torch import Tensor

from restauro.core.knobs import Knob
from restauro.diffusion.contract import Observation, Property

WEIGHTS = {"mean": (1 / 3, 1 / 3, 1 / 3), "luma": (0.299, 0.587, 0.114)}


class Lightness(Property, frozen=True, kw_only=True):
    """The weighted channel sum equals the observed one wherever nothing is missing.

    clean: (N, 3, H, W) in [-1, 1].  target: lightness (N, 1, H, W) and what is known of it, (N, 1 or 3, H, W) in [0, 1].
    Exact projection: the map is linear.
    """

    weights: Annotated[Literal["mean", "luma"], Knob("'mean' as published, 'luma' as seen (ITU-R BT.601)")] = "luma"
    of: Annotated[Literal["picture", "restored"], Knob("whose lightness: the damaged picture's or the first stage's")] = "picture"

    def measure(self, clean: Tensor) -> Tensor:
        return (clean * clean.new_tensor(WEIGHTS[self.weights])[:, None, None]).sum(1, keepdim=True)

    def target(self, observed: Observation) -> tuple[Tensor, Tensor | None]:
        known = None if observed.mask is None else 1 - observed.mask
        return self.measure(observed.source(self.of)), known

    def target_at(
        self, observed: Observation, target: tuple[Tensor, Tensor | None], x: Tensor, t: float
    ) -> tuple[Tensor, Tensor | None]:
        if self.of == "restored" and observed.restore_at is not None:
            return self.measure(observed.restore_at(x, t)), target[1]
        return target

    def distance(self, clean: Tensor, target: tuple[Tensor, Tensor | None]) -> Tensor:
        wanted, known = target
        error = (self.measure(clean) - wanted).expand_as(clean)
        return (error if known is None else error * known.expand_as(clean)).square().mean((1, 2, 3))

    def project(self, clean: Tensor, target: tuple[Tensor, Tensor | None]) -> Tensor:
        wanted, known = target
        w = clean.new_tensor(WEIGHTS[self.weights])[:, None, None]
        change = (wanted - self.measure(clean)) * w / w.square().sum()
        return clean + (change if known is None else change * known)
