"""The walk all samplers share: denoise, bend the clean estimate, propose, bend the step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


Propose = Callable[[Estimate, Tensor, int, Callable[[], Tensor]], Proposal]
"""`propose(estimate, x, t, draw)`; `draw()` gives the step's noise, which only those who need it ask for."""


@torch.no_grad()  # as a decorator it holds inside the generator only, not in whoever iterates over it
def walk(denoiser: Denoiser, start: Tensor, guidance: Guidance, noise: Noise, propose: Propose) -> Iterator[Step]:
    """From `start` at the schedule's last index to the clean picture; step i draws `noise(i + 1, 0)`, its repeats
    `noise(i + 1, 1)`, ..."""
    schedule, x = denoiser.schedule, start
    total = len(schedule)
    for step in range(total):
        t, draws, made = total - 1 - step, count(), list[Move]()

        def move(x: Tensor, step: int = step, t: int = t, draws: count[int] = draws, made: list[Move] = made) -> Move:
            said = denoiser(x, t)
            estimate = guidance.clean(said, x, t)
            if guidance.keeps_noise:
                x = x + float(schedule.sqrt_alphas_cumprod[t]) * (estimate.clean - said.clean)
            draw = next(draws)
            mean, variance, x_next = propose(estimate, x, t, lambda: noise(step + 1, draw))
            made[:] = [Move(x=x, t=t, step=step, mean=mean, variance=variance, estimate=estimate, x_next=x_next)]
            return made[0]

        x = guidance.step(move(x), move)
        yield Step(index=step, total=total, t=float(schedule.original_index[t]), clean=made[0].estimate.clean, x=x)
