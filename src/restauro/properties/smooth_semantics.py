"""Smooth semantics: the coarse content that a one-pass restorer still finds in the damaged picture (PGDiff, table 1)."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from torch import Tensor

from restauro.core.knobs import Knob
from restauro.diffusion.contract import Observation, Property
from restauro.properties._spectrum import low


class Coarse(NamedTuple):
    """The picture to be like (N, 3, H, W), and what is known of it (N, 1, H, W) in [0, 1]; None: all."""

    picture: Tensor
    known: Tensor | None = None


class SmoothSemantics(Property, frozen=True, kw_only=True):
    """The picture equals the restorer's answer, or the damaged one, in all frequencies (as published) or below a cutoff.

    clean: (N, 3, H, W) in [-1, 1].  Exact projection: the low-pass is an ideal one.
    Of the damaged picture, what the mask hides is not looked at; the first stage has an answer there as well. (Without it
    the scratches of 24 old photographs are 0.1 dB worse, and with a mask grown by a pixel all of the face is.)
    """

    cutoff: Annotated[float, Knob("highest frequency that is compared; 1: all of them", ge=0.02, le=1, unit="of Nyquist")] = 1.0
    of: Annotated[
        Literal["restored", "picture"], Knob("whose coarse content: the first stage's answer or the damaged picture's")
    ] = "restored"

    def target(self, observed: Observation) -> Coarse:
        hidden = observed.mask if self.of == "picture" else None
        return Coarse(observed.source(self.of).clamp(-1, 1), None if hidden is None else 1 - hidden)

    def target_at(self, observed: Observation, target: Coarse, x: Tensor, t: float) -> Coarse:
        if self.of == "restored" and observed.restore_at is not None:
            return Coarse(observed.restore_at(x, t).clamp(-1, 1))
        return target

    def distance(self, clean: Tensor, target: Coarse) -> Tensor:
        return self._seen(low(clean - target.picture, self.cutoff), target).square().mean((1, 2, 3))

    def gradient(self, clean: Tensor, target: Coarse) -> Tensor:
        error = self._seen(low(clean - target.picture, self.cutoff), target)
        if target.known is not None:
            error = low(self._seen(error, target), self.cutoff)
        return 2 / clean[0].numel() * error

    def project(self, clean: Tensor, target: Coarse) -> Tensor:
        return clean + low(target.picture - clean, self.cutoff)

    def certainty(self, target: Coarse) -> Tensor | None:
        return target.known

    def _seen(self, error: Tensor, target: Coarse) -> Tensor:
        return error if target.known is None else error * target.known
