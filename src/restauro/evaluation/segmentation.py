"""How well a segmentation agrees with the truth: one confusion matrix over all pictures, and the three scores made of it.

pix2pix judges pictures made from labels by what a segmentation network sees in them (Isola et al. 2017, section 4.1; the scores
are those of Long et al. 2015). Any network's labels will do. True labels outside of the classes are not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from restauro.core.errors import InputError
from restauro.evaluation.statistics import Interval

TINY = 1e-12
"""What the published program adds to denominators."""


class Scores(NamedTuple):
    """All in [0, 1], higher is better: the share of right pixels; the mean over the classes of the share of a class's pixels
    that were found; that of intersection over union; and both, class by class, (n,), NaN where a class does not occur.
    """

    pixel_accuracy: float
    class_accuracy: float
    class_iou: float
    accuracies: np.ndarray
    ious: np.ndarray


def confusion(truth: np.ndarray, found: np.ndarray, classes: int) -> np.ndarray:
    """(n, n) int64, rows: truth. Labels are integers of one shape; true ones outside 0..n-1 are left out.

    Raises InputError where the shapes differ or something was found that is no class.
    """
    if truth.shape != found.shape:
        raise InputError(f"labels of {found.shape} cannot be compared with a truth of {truth.shape}")
    known = (truth >= 0) & (truth < classes)
    true, seen = truth[known].astype(np.int64), found[known].astype(np.int64)
    if len(seen) and (seen.min() < 0 or seen.max() >= classes):
        wrong = seen.min() if seen.min() < 0 else seen.max()
        raise InputError(f"the label {wrong} was found; the classes are 0..{classes - 1}")
    return np.bincount(classes * true + seen, minlength=classes**2).reshape(classes, classes)


def scores(matrix: np.ndarray, *, published: bool = False) -> Scores:
    """Of a confusion matrix. A class without a true pixel has no accuracy, one that is neither true nor found has no IoU: they
    are left out of the means. published: they count as 0.
    """
    m = np.asarray(matrix, np.float64)
    right, true, seen = np.diag(m), m.sum(1), m.sum(0)
    either = true + seen - right
    if published:
        accuracies, ious = right / (true + TINY), right / (either + TINY)
        return Scores(float(right.sum() / (m.sum() + TINY)), float(accuracies.mean()), float(ious.mean()), accuracies, ious)
    accuracies, ious = _over(right, true), _over(right, either)
    return Scores(float(_over(right.sum(), m.sum())), _mean(accuracies), _mean(ious), accuracies, ious)


def intervals(
    matrices: Sequence[np.ndarray], *, published: bool = False, level: float = 0.95, resamples: int = 1000, seed: int = 0
) -> tuple[Interval, Interval, Interval]:
    """The three scores of the sum of each picture's matrix, with bootstrap intervals over the pictures.

    Raises InputError without pictures.
    """
    if not len(matrices):
        raise InputError("no segmentations to score")
    stack, n = np.stack(matrices), len(matrices)
    rng = np.random.default_rng(seed)
    drawn = np.array(
        [scores(np.tensordot(rng.multinomial(n, [1 / n] * n), stack, 1), published=published)[:3] for _ in range(resamples)]
    )
    low, high = np.nanquantile(drawn, ((1 - level) / 2, (1 + level) / 2), axis=0)
    means = scores(stack.sum(0), published=published)[:3]
    one, two, three = (Interval(mean, float(a), float(b), n) for mean, a, b in zip(means, low, high, strict=True))
    return one, two, three


def nearest_class(levels: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 to (H, W): the class whose colour, a row of `palette` (n, 3), is nearest. So a picture of labels that a
    network painted, or that JPEG softened, becomes labels."""
    distances = (np.square(levels.astype(np.int32) - colour).sum(-1) for colour in np.asarray(palette, np.int32))
    return np.argmin(np.stack(list(distances)), 0)


def _over(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)


def _mean(values: np.ndarray) -> float:
    kept = values[np.isfinite(values)]
    return float(kept.mean()) if len(kept) else float("nan")
