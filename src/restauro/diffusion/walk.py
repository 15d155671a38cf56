"""The walk all samplers share: denoise, bend the clean estimate, propose, bend the step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from typing import NamedTuple

import torch
from torch import Tensor

from restauro.core.noise import Noise
from restauro.diffusion.contract import Denoiser, Estimate, Guidance, Move, Step


class Proposal(NamedTuple):
    """One step as a sampler would make it. `mean` without the noise, `x_next` with it."""

    mean: Tensor
    variance: Tensor
    x_next: Tensor


Draw = Callable[[], Tensor]
"""Fresh noise for the step, which only those who need it ask for."""
Propose = Callable[[Estimate, Tensor, int, Draw], Proposal]
"""`propose(estimate, x, t, draw)`: from the state at index t to the one below."""
Stir = Callable[[Tensor, int, Draw], tuple[Tensor, float]]
"""`stir(x, t, draw)`: another state and its t, to be looked at in the place of x at index t."""


def guided(denoiser: Denoiser, guidance: Guidance, x: Tensor, t: float) -> tuple[Estimate, Tensor]:
    """The bent estimate and the state that belongs to it. Samplers of two calls a step look a second time with it."""
    said = denoiser(x, t)
    estimate = guidance.clean(said, x, t)
    if estimate.clean is not said.clean and said.mean is not None:
        estimate = replace(estimate, mean=None)  # it belonged to the estimate before it was bent
    if guidance.keeps_noise:
        a = float(denoiser.schedule.alpha_bar(t))
        x = x + a**0.5 * (estimate.clean - said.clean) + (1 - a) ** 0.5 * (estimate.noise - said.noise)
    return estimate, x


@torch.no_grad()  # as a decorator it holds inside the generator only, not in whoever iterates over it
def walk(
    denoiser: Denoiser, start: Tensor, guidance: Guidance, noise: Noise, propose: Propose, stir: Stir | None = None
) -> Iterator[Step]:
    """From `start` at the schedule's last index to the clean picture; step i draws `noise(i + 1, 0)`, and what it draws
    after that, or what its repeats draw, `noise(i + 1, 1)`, ..."""
    schedule, x = denoiser.schedule, start
    total = len(schedule)
    for step in range(total):
        t, draws, made = total - 1 - step, count(), list[Move]()

        def move(x: Tensor, step: int = step, t: int = t, draws: count[int] = draws, made: list[Move] = made) -> Move:
            def draw() -> Tensor:
                return noise(step + 1, next(draws))

            x, at = (x, t) if stir is None else stir(x, t, draw)
            estimate, x = guided(denoiser, guidance, x, at)
            mean, variance, x_next = propose(estimate, x, t, draw)
            made[:] = [Move(x=x, t=t, step=step, mean=mean, variance=variance, estimate=estimate, x_next=x_next)]
            return made[0]

        x = guidance.step(move(x), move)
        yield Step(index=step, total=total, t=float(schedule.original_index[t]), clean=made[0].estimate.clean, x=x)
