"""Smooth semantics: the coarse content that a one-pass restorer still finds in the damaged picture (PGDiff, table 1)."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.diffusion.contract import Observation, Property


class SmoothSemantics(Property, frozen=True, kw_only=True):
    """The picture equals the restorer's answer, or the damaged one, in all frequencies (as published) or below a cutoff.

    clean, target: (N, 3, H, W) in [-1, 1].  Exact projection: the low-pass is an ideal one.
    """

    cutoff: Annotated[float, Knob("highest frequency that is compared; 1: all of them", ge=0.02, le=1, unit="of Nyquist")] = 1.0
    of: Annotated[
        Literal["restored", "picture"], Knob("whose coarse content: the first stage's answer or the damaged picture's")
    ] = "restored"

    def target(self, observed: Observation) -> Tensor:
        return observed.source(self.of).clamp(-1, 1)

    def target_at(self, observed: Observation, target: Tensor, x: Tensor, t: float) -> Tensor:
        return observed.restore_at(x, t).clamp(-1, 1) if self.of == "restored" and observed.restore_at is not None else target

    def distance(self, clean: Tensor, target: Tensor) -> Tensor:
        return self._low(clean - target).square().mean((1, 2, 3))

    def gradient(self, clean: Tensor, target: Tensor) -> Tensor:
        return 2 / clean[0].numel() * self._low(clean - target)

    def project(self, clean: Tensor, target: Tensor) -> Tensor:
        return clean + self._low(target - clean)

    def _low(self, difference: Tensor) -> Tensor:
        if self.cutoff == 1:
            return difference
        height, width = difference.shape[-2:]
        fy = torch.fft.fftfreq(height, device=difference.device)[:, None] * 2
        fx = torch.fft.rfftfreq(width, device=difference.device)[None] * 2
        keep = (fy.square() + fx.square()) <= self.cutoff**2
        return torch.fft.irfft2(torch.fft.rfft2(difference) * keep, (height, width))
