"""Whether two sets of codes come from one distribution, with an interval: how far real and synthetic photographs lie apart."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from restauro.core.errors import InputError
from restauro.evaluation.statistics import Interval


def pooled(latents: Tensor) -> Tensor:
    """(N, C, h, w) to (N, 2C): each channel's mean and standard deviation over the picture."""
    return torch.cat([latents.mean((2, 3)), latents.std((2, 3))], 1)


def unlikeness(one: Tensor, other: Tensor, *, level: float = 0.95, resamples: int = 2000, seed: int = 0) -> Interval:
    """The energy coefficient (Szekely and Rizzo 2013) of codes (N, D) and (M, D), and its bootstrap interval.

    1 - (E|x - x'| + E|y - y'|) / 2E|x - y|: 0 where both have one distribution, 1 where two single codes differ; the scale of
    the codes does not matter. No code is compared with itself, not even when it is drawn twice, so that equal distributions
    give zero on average, and sometimes less. Raises InputError for fewer than two codes on a side.
    """
    return _interval(_draws([(one, other)], resamples, seed)[0], level, len(one) + len(other))


def unlikeness_difference(
    before: tuple[Tensor, Tensor], after: tuple[Tensor, Tensor], *, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Interval:
    """`unlikeness` after less before, of the same two sets of pictures in the same order: negative where they came nearer."""
    first, second = _draws([before, after], resamples, seed)
    return _interval(second - first, level, len(before[0]) + len(before[1]))


def _draws(pairs: list[tuple[Tensor, Tensor]], resamples: int, seed: int) -> np.ndarray:
    """(pairs, 1 + resamples): of all codes, then of resampled ones, the same ones in every pair."""
    n, m = len(pairs[0][0]), len(pairs[0][1])
    if min(n, m) < 2 or any((len(x), len(y)) != (n, m) for x, y in pairs):
        raise InputError(f"a distance of two sets of codes needs two of each, the same in all, not {n} and {m}")
    rng = np.random.default_rng(seed)
    ones = [np.ones((1, count)) for count in (n, m)]
    drawn = [rng.multinomial(count, np.full(count, 1 / count), size=resamples) for count in (n, m)]
    u, v = (np.concatenate(both) for both in zip(ones, drawn, strict=True))
    return np.stack([_coefficients(x.double(), y.double(), u, v) for x, y in pairs])


def _coefficients(x: Tensor, y: Tensor, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """u (R, n), v (R, m): how often each code counts."""
    between = np.einsum("ri,ij,rj->r", u, torch.cdist(x, y).numpy(), v, optimize=True) / (u.sum(1) * v.sum(1))
    within = sum(_within(z, w) for z, w in ((x, u), (y, v)))
    return 1 - np.divide(within, 2 * between, out=np.ones(len(u)), where=between > 0)


def _within(z: Tensor, w: np.ndarray) -> np.ndarray:
    """The mean distance of two different codes; nan where only one was drawn."""
    total, pairs = np.einsum("ri,ij,rj->r", w, torch.cdist(z, z).numpy(), w, optimize=True), w.sum(1) ** 2 - np.square(w).sum(1)
    return np.divide(total, pairs, out=np.full(len(w), np.nan), where=pairs > 0)


def _interval(values: np.ndarray, level: float, n: int) -> Interval:
    low, high = np.nanquantile(values[1:], ((1 - level) / 2, (1 + level) / 2))
    return Interval(float(values[0]), float(low), float(high), n)
