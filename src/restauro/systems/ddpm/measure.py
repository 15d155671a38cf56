"""The likelihood of a folder of pictures under a prior."""

from __future__ import annotations

import torch

from restauro.core.events import Event, Listener, silent
from restauro.core.noise import PictureNoise
from restauro.diffusion.contract import Denoiser
from restauro.diffusion.likelihood import Bits, Term, strata, terms
from restauro.diffusion.losses import prior_bits
from restauro.training.data import Pictures

BATCH = 16


def measure(
    denoiser: Denoiser,
    pictures: Pictures,
    timesteps: int | None = None,
    *,
    seed: int = 0,
    device: torch.device | str = "cpu",
    listener: Listener = silent,
) -> Bits:
    """Bits per dimension of every picture, by all terms of the bound or by so many; batches change nothing.

    Every picture's noise and timesteps follow from (seed, its place).
    """
    groups = strata(len(denoiser.schedule), timesteps)
    parts: list[Bits] = []
    total = -(-len(pictures) // BATCH) * len(groups)
    for begin in range(0, len(pictures), BATCH):
        index = range(begin, min(begin + BATCH, len(pictures)))
        clean = pictures.pixels[begin : index.stop].float().to(device) / 127.5 - 1
        noise = PictureNoise(seed, index, clean.shape[1:], device)
        found = []
        for term in terms(denoiser, clean, noise, groups):
            found.append(term)
            listener(Event("timesteps", len(parts) * len(groups) + len(found), total))
        parts.append(Bits(prior_bits(denoiser.schedule, clean).cpu(), tuple(found)))
    return joined(parts)


def joined(parts: list[Bits]) -> Bits:
    """Several batches as one."""

    def one(terms: tuple[Term, ...]) -> Term:
        columns = (torch.cat([getattr(term, name) for term in terms]) for name in ("t", "bits", "clean_error", "noise_error"))
        return Term(terms[0].stratum, *columns)

    return Bits(torch.cat([part.prior for part in parts]), tuple(map(one, zip(*(part.terms for part in parts), strict=True))))
