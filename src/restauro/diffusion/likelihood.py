"""How many bits a prior needs for a picture: the variational bound, term by term (Ho et al. 2020, section 4.3).

    L = L_T + sum over t > 1 of L_{t-1} + L_0, here with t = 0 .. T-1: term 0 is the decoder's L_0, term t the KL of one step.

Bits per dimension (pixel and channel). Pictures must have 8-bit levels, for L_0 is the probability of a level.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.noise import Noise
from restauro.diffusion.contract import Denoiser
from restauro.diffusion.losses import prior_bits, step_bits


@dataclass(frozen=True)
class Term:
    """One term of N pictures. t: (N,) indices, drawn from `stratum`, whose terms it stands for.

    bits, clean_error, noise_error: (N,); the last two are mean squared errors of the clean estimate and of its noise.
    """

    stratum: range
    t: Tensor
    bits: Tensor
    clean_error: Tensor
    noise_error: Tensor


@dataclass(frozen=True)
class Bits:
    """The bound of N pictures: `prior` (N,) is L_T; `terms` from the noisiest to L_0, as they were computed."""

    prior: Tensor
    terms: tuple[Term, ...]

    @property
    def total(self) -> Tensor:
        """(N,) bits per dimension, float64; an unbiased estimate where strata were drawn from."""
        return self.prior.double() + sum(len(term.stratum) * term.bits.double() for term in self.terms)

    @property
    def decoder(self) -> Tensor:
        """(N,) L_0."""
        return self.terms[-1].bits.double()

    def progressive(self) -> tuple[Tensor, Tensor]:
        """Rate (bits per dimension) and distortion (RMSE in levels of 255), each (N, K), K in the order of `terms`.

        The rate at t is what a receiver of x_t has paid: L_T and all terms above t. Of a stratum's terms those above the
        one that was drawn are taken to be like it.
        """
        paid, rates = self.prior.double(), []
        for term in self.terms:
            above = (term.stratum[-1] - term.t).to(paid)
            rates.append(paid + above * term.bits.double())
            paid = paid + len(term.stratum) * term.bits.double()
        errors = torch.stack([term.clean_error.double() for term in self.terms], 1)
        return torch.stack(rates, 1), 127.5 * errors.sqrt()


def strata(steps: int, count: int | None = None) -> list[range]:
    """`count` groups of neighbouring terms, the noisiest first; None: every term alone.

    L_0 is always alone. The others are cut geometrically, since terms fall about as 1/t: the first ones, which are largest,
    stay alone, too.
    """
    if count is None or count >= steps:
        return [range(t, t + 1) for t in reversed(range(steps))]
    if count < 2:
        raise RecipeError("the bound needs at least two timesteps: L_0 and one for all others")
    return [range(low, high) for low, high in pairwise(_cuts(steps, count))][::-1]


def _cuts(steps: int, count: int) -> list[int]:
    """0, 1, ..., steps: the next cut is as many times further as leaves the rest evenly cut."""
    cuts = [0, 1]
    while len(cuts) < count:
        ratio = (steps / cuts[-1]) ** (1 / (count + 1 - len(cuts)))
        cuts.append(max(cuts[-1] + 1, round(cuts[-1] * ratio)))
    return [*cuts, steps]


@torch.no_grad()
def terms(denoiser: Denoiser, clean: Tensor, noise: Noise, groups: Sequence[range]) -> Iterator[Term]:
    """One term a group, for pictures (N, C, H, W) in [-1, 1]; each picture draws its own t from the group.

    A group takes `noise(its first t)`, so that a lone term is the same however many others there are, and to choose among
    several the draw after that.
    """
    schedule = denoiser.schedule
    for group in groups:
        t = torch.full((len(clean),), group[0])
        if len(group) > 1:
            place = torch.special.ndtr(noise(group[0], 1).flatten(1)[:, 0].cpu().double()) * len(group)
            t += place.long().clamp(max=len(group) - 1)
        drawn = noise(group[0])
        x = schedule.q_sample(clean, t, drawn)
        estimate = denoiser(x, t)
        bits = step_bits(schedule, estimate, clean, x, t)
        missed = schedule.noise_from_clean(x, t, estimate.clean) - drawn
        errors = (change.square().mean((1, 2, 3)).cpu() for change in (estimate.clean - clean, missed))
        yield Term(group, t, bits.cpu(), *errors)  # sums in float64 are taken on the CPU: not every device can


def bound(denoiser: Denoiser, clean: Tensor, noise: Noise, timesteps: int | None = None) -> Bits:
    """Bits per dimension of pictures (N, C, H, W) with 8-bit levels in [-1, 1], by all steps or by so many."""
    found = tuple(terms(denoiser, clean, noise, strata(len(denoiser.schedule), timesteps)))
    return Bits(prior_bits(denoiser.schedule, clean).cpu(), found)
