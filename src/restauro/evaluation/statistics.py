"""Means with intervals: a claim of quality is a paired difference whose interval leaves out zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from restauro.core.errors import InputError

Values = Tensor | np.ndarray | Sequence[float]


class Interval(NamedTuple):
    """A mean over n pictures and the bounds of its bootstrap interval."""

    mean: float
    low: float
    high: float
    n: int

    @property
    def decided(self) -> bool:
        """Whether zero lies outside: of a difference, whether its sign is sure."""
        return self.low > 0 or self.high < 0


def mean_interval(values: Values, *, level: float = 0.95, resamples: int = 4000, seed: int = 0) -> Interval:
    """The mean and its percentile bootstrap interval (Efron 1979). Raises InputError for no or non-finite values."""
    array = _array(values)
    if not len(array) or not np.isfinite(array).all():
        raise InputError(f"a mean needs finite values; {int((~np.isfinite(array)).sum())} of {len(array)} are not")
    rng = np.random.default_rng(seed)
    means = np.empty(resamples)
    block = max(1, 2_000_000 // len(array))  # at most 16 MB of indices at a time
    for begin in range(0, resamples, block):
        count = min(block, resamples - begin)
        means[begin : begin + count] = array[rng.integers(len(array), size=(count, len(array)))].mean(1)
    low, high = np.quantile(means, ((1 - level) / 2, (1 + level) / 2))
    return Interval(float(array.mean()), float(low), float(high), len(array))


def paired_difference(ours: Values, theirs: Values, *, level: float = 0.95, resamples: int = 4000, seed: int = 0) -> Interval:
    """The mean of ours - theirs over the same pictures in the same order, and its interval."""
    first, second = _array(ours), _array(theirs)
    if first.shape != second.shape:
        raise InputError(f"a paired difference needs the same pictures on both sides, not {len(first)} and {len(second)}")
    return mean_interval(first - second, level=level, resamples=resamples, seed=seed)


def _array(values: Values) -> np.ndarray:
    if isinstance(values, Tensor):
        values = values.detach().cpu().numpy()
    return np.asarray(values, np.float64).reshape(-1)
