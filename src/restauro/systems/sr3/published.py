"""SR3 as published, twice: the paper's Algorithm 2 and the repository's loop, which differ in variance and clipping."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

from torch import Tensor

from restauro.core.noise import Noise
from restauro.diffusion.contract import Unguided
from restauro.diffusion.denoiser import NetworkDenoiser
from restauro.diffusion.samplers.ancestral import Ancestral

RULES: dict[str, dict[str, Any]] = {
    "paper": {"variance": "fixed_large", "clip": False},
    "repository": {"variance": "fixed_small_clipped", "clip": True},
}
"""The paper adds noise of variance 1 - alpha_t and clips nothing; the repository's is the posterior's, its clean estimate is
clipped to [-1, 1]."""


def published(denoiser: NetworkDenoiser, rule: Literal["paper", "repository"]) -> NetworkDenoiser:
    """The denoiser with the variance and the clipping of one of the two; both then walk by ancestral steps."""
    return replace(denoiser, **RULES[rule])


def sampled(denoiser: NetworkDenoiser, noise: Noise, steps: str = "") -> Tensor:
    """(N, C, H, W) in [-1, 1], from noise alone by ancestral steps: the whole batch.

    steps: which few to visit, as for `NoiseSchedule.respace` ("sr3-linear:100"); all of them by default.
    """
    fewer = denoiser.on(denoiser.schedule.respace(steps))
    *_, last = Ancestral().steps(fewer, noise(0), Unguided(), noise)
    return last.x.clamp(-1, 1)


def trace(denoiser: NetworkDenoiser, first: Tensor, start: Tensor, noise: Noise) -> Iterator[Tensor]:
    """What the repository's loop keeps, (N, C, H, W) each: `first`, then the state after every k-th step, the last among them.

    first: the condition; without one, the noise `start`. k = 1 | (T // 10), bit by bit, so that k is odd. Without a trace the
    repository returns the last picture of the batch alone; here the last of these is the whole batch.
    """
    yield first
    steps = len(denoiser.schedule)
    every = 1 | steps // 10
    for step in Ancestral().steps(denoiser, start, Unguided(), noise):
        if (steps - 1 - step.index) % every == 0:
            yield step.x
