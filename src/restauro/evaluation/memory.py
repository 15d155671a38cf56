"""Has a prior learnt faces by heart? The gap between training and held-out pictures, and the nearest training pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from restauro.diffusion.contract import Denoiser

BATCH = 16
Distance = Callable[[Tensor, Tensor], Tensor]


@torch.no_grad()
def denoising_psnr(denoiser: Denoiser, pictures: Tensor, sigma: float, seed: int = 7) -> np.ndarray:
    """(N,) dB: each picture under noise of `sigma` times the signal, and the denoiser's clean estimate of it.

    pictures: (N, 3, S, S) in [-1, 1]. Picture i of every batch with the same seed has the same noise: figures of pairs compare.
    """
    t = int(np.rint(denoiser.schedule.t_of_sigma(sigma)))
    generator = torch.Generator().manual_seed(seed)
    found = []
    for part in pictures.split(BATCH):
        x = denoiser.schedule.q_sample(part, t, torch.randn(part.shape, generator=generator).to(part))
        error = (denoiser(x, t).clean - part).double().square().mean((1, 2, 3))
        found.append(10 * torch.log10(4 / error))
    return torch.cat(found).cpu().numpy()


def matched(values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(len(wanted),) places in `values` (n,), each at most once, whose value is nearest to the wanted one.

    A gap between pictures that differ in sharpness says nothing about memory: pairs of the same sharpness do.
    """
    left = np.asarray(values, np.float64).copy()
    chosen = np.empty(len(wanted), np.int64)
    for i, value in enumerate(wanted):
        chosen[i] = np.argmin(np.abs(left - value))
        left[chosen[i]] = np.inf
    return chosen


class Nearest(NamedTuple):
    """place: of the picture in the collection; mirrored: whether it is the nearer one mirrored; distance; each (N, count)."""

    place: np.ndarray
    mirrored: np.ndarray
    distance: np.ndarray


def nearest(pictures: Tensor, collection: Tensor, count: int = 1, *, side: int = 32) -> Nearest:
    """For each picture the nearest of a collection, in levels of 255, root mean square after reduction to `side` px.

    pictures: (N, 3, S, S) in [-1, 1]; collection: (n, 3, S, S) uint8, which counts mirrored, too. Reduced, so that a
    picture that is merely a little softer than its model is still found.
    """
    known = torch.cat([_small(part.float() / 127.5 - 1, side) for part in collection.split(256)])
    both = torch.stack([known, known.flip(3)], 1).flatten(2)
    wanted = _small(pictures, side).flatten(1)
    distances = torch.stack([(both - one).square().mean(2).sqrt() for one in wanted]) * 127.5
    best, which = distances.min(2)
    distance, index = best.topk(count, largest=False)
    return Nearest(index.numpy(), which.gather(1, index).bool().numpy(), distance.numpy())


def _small(pictures: Tensor, side: int) -> Tensor:
    return F.interpolate(pictures.cpu().float(), (side, side), mode="area")
