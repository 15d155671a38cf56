"""Guidance on the clean estimate: few calls, no tuning against the schedule (ours).

A property with an exact projection is imposed on the estimate; any other pulls by a normalised gradient step whose
length follows the noise level, so that it fades with the noise it is meant to steer, and that never goes further than
to where the distance would be 0. The network's own noise is kept (`keeps_noise`): re-deriving it from a bent estimate
blurs (0.8 to 1.7 dB in 50 steps on a Gaussian prior, tests/diffusion/test_guidance.py). A property of the noisy state
moves estimate and noise as classifier guidance does (diffusion/classifier.py).

A weight, or the grey of a soft mask, says how much of a projection the whole walk imposes. It is dealt out over the steps
by what survives of each: of a change at noise level sigma, S^2 / (S^2 + sigma^2) in pictures of spread S, the rest being
the noise's. So 0.5 goes half the way, from pure noise or from a warm start, in 5 steps or in 80 (within 0.08 with every
sampler of first order, 0.13 with those of second; dealt out evenly, 0.5 was 0.21 to 0.54 of it).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from restauro.diffusion.contract import Estimate, Move, Observation, Property, Target
from restauro.diffusion.schedule import NoiseSchedule

SPREAD = 0.5
"""Standard deviation of pictures in [-1, 1]."""


class Wanted(NamedTuple):
    """A property and how much of it. For projections 1 is all of it; for the others, the step in units of the noise."""

    property: Property
    weight: float = 1.0


class CleanGuidance:
    """Bends the clean estimate towards every wanted property, projections last so that what is exact stays exact.

    Of projections that contradict each other the heaviest comes last and wins, at equal weights the one named first.

    Targets are computed once, here; a projected property costs one cheap expression a step.
    """

    keeps_noise = True
    spread = SPREAD

    def __init__(self, wanted: Sequence[Wanted], observed: Observation, schedule: NoiseSchedule):
        order = sorted(reversed(wanted), key=lambda one: (one.property.project is not None, one.weight))
        self.wanted: list[tuple[Property, float, Target]] = [(w.property, w.weight, w.property.target(observed)) for w in order]
        self.observed, self.schedule = observed, schedule

    def clean(self, estimate: Estimate, x: Tensor, t: float) -> Estimate:
        clean, noise = estimate.clean, estimate.noise
        told, a = float(self.schedule.told(t)), float(self.schedule.alpha_bar(t))
        spread = (1 - a) ** 0.5
        for prop, weight, fixed in self.wanted:
            target = prop.target_at(self.observed, fixed, x, told)
            if prop.space == "state":
                uphill = -weight * prop.gradient(x, target)
                clean, noise = clean + (1 - a) / a**0.5 * uphill, noise - spread * uphill
            elif prop.project is not None:
                clean = clean.lerp(prop.project(clean, target), self.share(weight * certain(prop, target, clean), a))
            else:
                clean = clean - stride(prop.gradient(clean, target), prop.distance(clean, target), weight * spread)
        return replace(estimate, clean=clean, noise=noise)

    def share(self, weight: Tensor, a: float) -> Tensor:
        """Of a projection at the step with this alpha-bar, so that the whole walk imposes `weight` of it."""
        here, all = (_surviving(one, self.spread) for one in (a, self.schedule.alphas_cumprod))
        part = float(here / all.sum()) if all.any() else 1 / len(all)  # a single step from pure noise
        return 1 - (1 - weight.clamp(max=1)) ** part

    def impose(self, picture: Tensor) -> Tensor:
        """What can be met exactly, met by a picture that no walk has made."""
        for prop, weight, target in self.wanted:
            if prop.project is not None:
                share = (weight * certain(prop, target, picture)).clamp(max=1)
                picture = picture.lerp(prop.project(picture, target), share)
        return picture

    def step(self, move: Move, redo: Callable[[Tensor], Move]) -> Tensor:
        return move.x_next


def _surviving(a: ArrayLike, spread: float) -> np.ndarray:
    a = np.asarray(a)
    return a * spread**2 / (a * spread**2 + 1 - a)


def certain(prop: Property, target: Target, clean: Tensor) -> Tensor:
    known = prop.certainty(target)
    return clean.new_ones(()) if known is None else known


def stride(gradient: Tensor, distance: Tensor, length: float) -> Tensor:
    """Along each picture's gradient g, root mean square `length`, but not beyond 2 distance / |g|^2 g.

    That is where a squared distance is 0 (Newton's step). Without the bound a weight above 1, or few steps, overshoot.
    """
    norm = gradient.square().mean((1, 2, 3), keepdim=True).sqrt().clamp_min(1e-12)
    enough = 2 * distance[:, None, None, None] / (gradient[0].numel() * norm)
    return enough.clamp(0, length) * gradient / norm
