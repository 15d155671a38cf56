"""How well marks of a few pixels' width were found: what lies close enough to a true one counts."""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor


class Counts(NamedTuple):
    """Pixels: found, of them near a true one; true, of them near a found one."""

    found: int
    right: int
    true: int
    seen: int


def found_and_true(found: Tensor, truth: Tensor, tolerance: int = 2) -> Counts:
    """(N, 1, H, W) bool masks of several pictures together. tolerance: pixels in each direction, diagonally too."""
    near_truth, near_found = (_widened(mask, tolerance) for mask in (truth, found))
    counts = (found, found & near_truth, truth, truth & near_found)
    return Counts(*(int(mask.sum()) for mask in counts))


def precision_recall(counts: Counts) -> tuple[float, float]:
    """Shares of what was found that is right, and of what is true that was seen; 1 where there is nothing."""
    precision = counts.right / counts.found if counts.found else 1.0
    return precision, counts.seen / counts.true if counts.true else 1.0


def f1(counts: Counts) -> float:
    """The harmonic mean of both."""
    precision, recall = precision_recall(counts)
    return 2 * precision * recall / max(precision + recall, 1e-9)


def _widened(mask: Tensor, radius: int) -> Tensor:
    return F.max_pool2d(mask.float(), 2 * radius + 1, 1, radius) > 0
