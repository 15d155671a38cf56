"""Lightness: grey-scale content survives fading and missing colour (PGDiff, table 1)."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.knobs import Knob
from restauro.diffusion.contract import Observation, Property

WEIGHTS = {"mean": (1 / 3, 1 / 3, 1 / 3), "luma": (0.299, 0.587, 0.114)}


class Lightness(Property, frozen=True, kw_only=True):
    """The weighted channel sum equals the observed one wherever nothing is missing.

    clean: (N, 3, H, W) in [-1, 1].  target: lightness (N, 1, H, W) and what is known of it, (N, 1 or 3, H, W) in [0, 1].
    Exact projection: the map is linear. What leaves [-1, 1] loses chroma, not lightness.
    """

    weights: Annotated[
        Literal["mean", "luma"] | tuple[float, float, float],
        Knob("'mean' as published, 'luma' as seen (ITU-R BT.601), or R,G,B as the film or scanner saw, scaled to a sum of 1"),
    ] = "luma"
    of: Annotated[Literal["picture", "restored"], Knob("whose lightness: the damaged picture's or the first stage's")] = "picture"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.weights, str) and (min(self.weights) < 0 or sum(self.weights) <= 0):
            raise RecipeError(f"lightness: weights are shares of R,G,B, none below 0, not {list(self.weights)}")

    def shares(self, like: Tensor) -> Tensor:
        """(3, 1, 1), adding up to 1: the lightness of a grey picture is itself."""
        shares = like.new_tensor(WEIGHTS[self.weights] if isinstance(self.weights, str) else self.weights)
        return (shares / shares.sum())[:, None, None]

    def measure(self, clean: Tensor) -> Tensor:
        return (clean * self.shares(clean)).sum(1, keepdim=True)

    def target(self, observed: Observation) -> tuple[Tensor, Tensor | None]:
        known = None if observed.mask is None else 1 - observed.mask
        seen = observed.source(self.of)
        return self.measure(seen if self.of == "picture" else seen.clamp(-1, 1)), known

    def target_at(
        self, observed: Observation, target: tuple[Tensor, Tensor | None], x: Tensor, t: float
    ) -> tuple[Tensor, Tensor | None]:
        if self.of == "restored" and observed.restore_at is not None:
            return self.measure(observed.restore_at(x, t).clamp(-1, 1)), target[1]
        return target

    def distance(self, clean: Tensor, target: tuple[Tensor, Tensor | None]) -> Tensor:
        wanted, known = target
        error = (self.measure(clean) - wanted).expand_as(clean)
        return (error if known is None else error * known.expand_as(clean)).square().mean((1, 2, 3))

    def project(self, clean: Tensor, target: tuple[Tensor, Tensor | None]) -> Tensor:
        wanted, known = target
        w = self.shares(clean)
        there = clean + (wanted - self.measure(clean)) * w / w.square().sum()
        return there if known is None else torch.where(known > 0, there, clean)

    def certainty(self, target: tuple[Tensor, Tensor | None]) -> Tensor | None:
        return target[1]

    def within(self, clean: Tensor) -> Tensor:
        """Pixels that leave [-1, 1] are drawn towards their own grey, as far as they must."""
        grey = self.measure(clean).clamp(-1, 1)
        chroma = clean - grey
        room = torch.where(chroma > 0, 1 - grey, 1 + grey) / chroma.abs().clamp_min(1e-12)
        share = room.amin(1, keepdim=True).clamp(0, 1)
        return torch.where(share < 1, grey + share * chroma, clean)
