"""Data consistency: blurred as the photograph was, the picture is the photograph (Wang et al. 2022, arXiv 2212.00490)."""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

import torch
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.diffusion.contract import Observation, Property
from restauro.properties._look import gaussian

BLURS = (0.0, 0.4, 0.6, 0.8, 1.1, 1.5, 2.0, 2.8, 4.0, 5.6)
"""Standard deviations that are tried, in pixels of a picture of 128."""
NEAR = 2.0
"""Standard deviation, in these pixels, of the neighbourhood in which photograph and first stage agree or do not."""


class Seen(NamedTuple):
    """picture: the damaged one in frequencies; blur: what is left of each of them, (N, 1, H, W // 2 + 1); trust: (N, 1, H, W)."""

    picture: Tensor
    blur: Tensor
    trust: Tensor


class DataConsistency(Property, frozen=True, kw_only=True):
    """The frequencies that survived the blur are the photograph's, undone of it; the blur is the Gaussian that makes the
    first stage's answer most like the photograph.

    clean: (N, 3, H, W) in [-1, 1].  Exact projection: the pseudo-inverse of the blur where at least `survived` is left.
    It is imposed less where the photograph differs from the first stage's blurred answer (scratches, stains, noise), by
    1 / (1 + d^2 / tolerance^2) with the local root mean square difference d, and not under the mask.
    """

    survived: Annotated[float, Knob("least of a frequency that must be left to be used", ge=0.2, le=0.99)] = 0.8
    tolerance: Annotated[float, Knob("difference at which the photograph is believed by half", ge=0.001, le=10)] = 0.1

    def target(self, observed: Observation) -> Seen:
        picture, restored = observed.picture, observed.source("restored")
        seen, answer = torch.fft.rfft2(picture), torch.fft.rfft2(restored)
        blurs = torch.stack([_left(picture, sigma) for sigma in BLURS])
        errors = torch.stack([(blur * answer - seen).abs().square().sum((1, 2, 3)) for blur in blurs])
        blur = blurs[errors.argmin(0)][:, None]
        difference = (picture - torch.fft.irfft2(blur * answer, picture.shape[-2:])).square().mean(1, keepdim=True)
        trust = 1 / (1 + gaussian(difference, NEAR * picture.shape[-1] / 128) / self.tolerance**2)
        return Seen(seen, blur, trust if observed.mask is None else trust * (1 - observed.mask))

    def distance(self, clean: Tensor, target: Seen) -> Tensor:
        return self._error(clean, target).square().mean((1, 2, 3))

    def gradient(self, clean: Tensor, target: Seen) -> Tensor:
        return 2 / clean[0].numel() * self._error(clean, target)

    def project(self, clean: Tensor, target: Seen) -> Tensor:
        return clean - self._error(clean, target)

    def certainty(self, target: Seen) -> Tensor | None:
        return target.trust

    def _error(self, clean: Tensor, target: Seen) -> Tensor:
        used = target.blur >= self.survived
        return torch.fft.irfft2((torch.fft.rfft2(clean) - target.picture / target.blur.clamp_min(0.1)) * used, clean.shape[-2:])


def _left(picture: Tensor, sigma: float) -> Tensor:
    """Of every frequency, after a Gaussian blur: (H, W // 2 + 1)."""
    height, width = picture.shape[-2:]
    sigma = sigma * width / 128
    fy, fx = (make(side, device=picture.device) for make, side in ((torch.fft.fftfreq, height), (torch.fft.rfftfreq, width)))
    return torch.exp(-2 * (math.pi * sigma) ** 2 * (fy[:, None].square() + fx[None].square())).to(picture.dtype)
