"""Known region: what is not missing stays as it is (PGDiff, table 1, "unmasked region")."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.knobs import Knob
from restauro.diffusion.contract import Observation, Property


class KnownRegion(Property, frozen=True, kw_only=True):
    """The picture equals the observed one where the mask is 0.

    clean: (N, 3, H, W) in [-1, 1].  target: the picture and what is known of it, (N, 1 or 3, H, W) in [0, 1].
    """

    soft: Annotated[bool, Knob("grey levels of the mask are weights; false: all above 0 is missing, as published")] = True

    def target(self, observed: Observation) -> tuple[Tensor, Tensor]:
        if observed.mask is None:
            raise RecipeError("known-region needs a mask (--mask FILE, white = missing)")
        known = 1 - observed.mask if self.soft else (observed.mask <= 0).to(observed.picture)
        return observed.picture, known

    def distance(self, clean: Tensor, target: tuple[Tensor, Tensor]) -> Tensor:
        picture, known = target
        return ((clean - picture) * known).square().mean((1, 2, 3))

    def gradient(self, clean: Tensor, target: tuple[Tensor, Tensor]) -> Tensor:
        picture, known = target
        return 2 / clean[0].numel() * (clean - picture) * known.square()

    def project(self, clean: Tensor, target: tuple[Tensor, Tensor]) -> Tensor:
        return torch.where(target[1] > 0, target[0], clean)

    def certainty(self, target: tuple[Tensor, Tensor]) -> Tensor:
        return target[1]
