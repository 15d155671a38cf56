"""Ancestral sampling: draw each step from p(x_{t-1} | x_t) (Ho et al. 2020, algorithm 2)."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from restauro.core.noise import Noise
from restauro.diffusion.contract import Denoiser, Estimate, Guidance, Sampler, Step
from restauro.diffusion.denoiser import posterior
from restauro.diffusion.walk import Draw, Proposal, walk


class Ancestral(Sampler, frozen=True, kw_only=True):
    """One noisy step per index, with the denoiser's learned variance or the fixed small one. No noise on the last."""

    def steps(self, denoiser: Denoiser, start: Tensor, guidance: Guidance, noise: Noise) -> Iterator[Step]:
        def propose(estimate: Estimate, x: Tensor, t: int, draw: Draw) -> Proposal:
            mean, variance, log_variance = posterior(denoiser.schedule, estimate, x, t)
            return Proposal(mean, variance, mean + (0.5 * log_variance).exp() * draw() if t else mean)

        return walk(denoiser, start, guidance, noise, propose)
