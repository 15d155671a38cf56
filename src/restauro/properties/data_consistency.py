"""Data consistency: blurred as the photograph was, the picture is the photograph (Wang et al. 2022, arXiv 2212.00490)."""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

import torch
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.diffusion.contract import Observation
from restauro.properties._linear import Linear
from restauro.properties._look import gaussian

BLURS = (0.0, 0.4, 0.6, 0.8, 1.1, 1.5, 2.0, 2.8, 4.0, 5.6)
"""Standard deviations that are tried, in pixels of a picture of 128."""
SLOPE = 3.0
"""The power of a sharp face falls as frequency^-3 (400 training faces, 4 to 40 cycles a picture)."""
NEAR = 2.0
"""Standard deviation, in these pixels, of the neighbourhood in which photograph and first stage agree or do not."""


class Seen(NamedTuple):
    """picture: the damaged one in frequencies; blur: what is left of each of them, (N, 1, H, W // 2 + 1); trust: (N, 1, H, W)."""

    picture: Tensor
    blur: Tensor
    trust: Tensor


class DataConsistency(Linear, frozen=True, kw_only=True):
    """The frequencies that survived the blur are the photograph's, undone of it; the blur is the Gaussian that makes of a
    sharp face's power spectrum the photograph's, above its noise.

    clean: (N, 3, H, W) in [-1, 1].  Exact projection: the pseudo-inverse of the blur where at least `survived` is left.
    It is imposed less where the photograph differs from the first stage's blurred answer (scratches, stains, noise), by
    1 / (1 + d^2 / tolerance^2) with the local root mean square difference d, and not under the mask.
    """

    survived: Annotated[float, Knob("least of a frequency that must be left to be used", ge=0.2, le=0.99)] = 0.5
    tolerance: Annotated[float, Knob("difference at which the photograph is believed by half", ge=0.001, le=10)] = 0.1

    def target(self, observed: Observation) -> Seen:
        picture, restored = observed.picture, observed.source("restored")
        seen, answer = torch.fft.rfft2(picture), torch.fft.rfft2(restored)
        blur = torch.stack([_left(picture, sigma) for sigma in BLURS])[_blur(picture)][:, None]
        difference = (picture - torch.fft.irfft2(blur * answer, picture.shape[-2:])).square().mean(1, keepdim=True)
        trust = 1 / (1 + gaussian(difference, NEAR * picture.shape[-1] / 128) / self.tolerance**2)
        return Seen(seen, blur, trust if observed.mask is None else trust * (1 - observed.mask))

    def certainty(self, target: Seen) -> Tensor | None:
        return target.trust

    def error(self, clean: Tensor, target: Seen) -> Tensor:
        used = target.blur >= self.survived
        return torch.fft.irfft2((torch.fft.rfft2(clean) - target.picture / target.blur.clamp_min(0.1)) * used, clean.shape[-2:])


def _left(picture: Tensor, sigma: float) -> Tensor:
    """Of every frequency, after a Gaussian blur: (H, W // 2 + 1)."""
    height, width = picture.shape[-2:]
    sigma = sigma * width / 128
    fy, fx = (make(side, device=picture.device) for make, side in ((torch.fft.fftfreq, height), (torch.fft.rfftfreq, width)))
    return torch.exp(-2 * (math.pi * sigma) ** 2 * (fy[:, None].square() + fx[None].square())).to(picture.dtype)


def _blur(picture: Tensor) -> Tensor:
    """(N,) places in BLURS: which explains the power spectrum of the grey picture best, in logarithms."""
    power, side = _radial(picture.mean(1)), picture.shape[-1]
    noise = power[:, -max(side // 16, 1) :].mean(1, keepdim=True)
    cycles = torch.arange(power.shape[1], device=picture.device).clamp_min(1).to(picture.dtype)
    low, used = slice(3, 8), slice(3, 3 * side // 8)
    errors = []
    for sigma in BLURS:
        sharp = cycles**-SLOPE * torch.exp(-((2 * math.pi * sigma / 128 * cycles) ** 2))
        scale = (power[:, low].log() - sharp[low].log()).mean(1, keepdim=True).exp()
        errors.append((power[:, used].log() - (scale * sharp[used] + noise).log()).square().mean(1))
    return torch.stack(errors).argmin(0)


def _radial(grey: Tensor) -> Tensor:
    """(N, S, S) to the mean power at 0 to S / 2 cycles a picture, (N, S // 2 + 1); seen through a Hann window."""
    side = grey.shape[-1]
    window = torch.hann_window(side, periodic=False, dtype=grey.dtype, device=grey.device)
    seen = (grey - grey.mean((1, 2), keepdim=True)) * window[:, None] * window
    power = torch.fft.rfft2(seen).abs().square() + 1e-12
    fy, fx = (make(side, device=grey.device) * side for make in (torch.fft.fftfreq, torch.fft.rfftfreq))
    ring = (fy[:, None].square() + fx.square()).sqrt().round().long()
    inside = ring <= side // 2
    total = power.new_zeros(len(grey), side // 2 + 1).index_add_(1, ring[inside], power[:, inside])
    return total / torch.bincount(ring[inside], minlength=side // 2 + 1)
