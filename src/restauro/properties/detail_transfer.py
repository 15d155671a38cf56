"""Detail transfer: the fine detail of a reference photograph, moved onto the face (reference-based super-resolution)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.knobs import Knob
from restauro.diffusion.contract import Observation, Property
from restauro.properties._flow import moved
from restauro.properties._spectrum import low


class Detail(NamedTuple):
    """picture: the reference as the face has it (N, 3, H, W). fit: how well it does, (N, 1, H, W) in [0, 1]."""

    picture: Tensor
    fit: Tensor


class DetailTransfer(Property, frozen=True, kw_only=True):
    """Above a cutoff the picture equals a reference of the same person, moved onto the first stage's answer by optical flow.

    clean: (N, 3, H, W) in [-1, 1].  reference: (R, 3, H, W); each face takes the one that fits it best. Exact projection:
    the filter is an ideal one. It is imposed as far as the reference fits: not where the head is turned away.
    """

    of_input: ClassVar[bool] = False

    cutoff: Annotated[float, Knob("frequency above which it is the reference's; 0: all", ge=0, le=0.9, unit="of Nyquist")] = 0.0

    def of_reference(self) -> Literal["nothing", "look", "person"]:
        return "person"

    def target(self, observed: Observation) -> Detail:
        if observed.reference is None:
            raise RecipeError("detail-transfer needs a reference photograph of the person (--reference FILE)")
        onto = observed.source("restored")
        found = [moved(one[None].expand_as(onto), onto) for one in observed.reference]
        best = torch.stack([fit.mean((1, 2, 3)) for _, fit in found]).argmax(0)
        faces = torch.arange(len(onto), device=onto.device)
        picture, fit = (torch.stack(part)[best, faces] for part in zip(*found, strict=True))
        return Detail(picture.clamp(-1, 1), fit)

    def distance(self, clean: Tensor, target: Detail) -> Tensor:
        return self._high(clean - target.picture).square().mean((1, 2, 3))

    def gradient(self, clean: Tensor, target: Detail) -> Tensor:
        return 2 / clean[0].numel() * self._high(clean - target.picture)

    def project(self, clean: Tensor, target: Detail) -> Tensor:
        return clean + self._high(target.picture - clean)

    def certainty(self, target: Detail) -> Tensor | None:
        return target.fit

    def _high(self, difference: Tensor) -> Tensor:
        return difference - low(difference, self.cutoff) if self.cutoff else difference
