"""Face verification over pairs: ten-fold accuracy, ROC area, true accepts at a share of false accepts (LFW's protocol).

The embedder that is judged is the caller's; a network that guided a restoration never judges it.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from restauro.core.errors import InputError


class Pairs(NamedTuple):
    """Keys of the two pictures of each pair; same (n,) bool; folds (n,) int."""

    first: list[str]
    second: list[str]
    same: np.ndarray
    folds: np.ndarray


class Verification(NamedTuple):
    """accuracy and its standard deviation over the folds; ROC area; share of true accepts at each false-accept rate."""

    accuracy: float
    deviation: float
    roc_area: float
    true_accepts: dict[float, float]
    threshold: float


def read_pairs(path: str | Path) -> Pairs:
    """A CSV file with the columns fold, a, b, same (1 or 0)."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        same = np.array([row["same"] == "1" for row in rows])
        folds = np.array([int(row["fold"]) for row in rows])
        return Pairs([row["a"] for row in rows], [row["b"] for row in rows], same, folds)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}", "missing") from None
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{path}: not a list of pairs; expected the columns fold, a, b, same") from None


def distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Euclidean distances (n,) between two (n, D) arrays of embeddings."""
    return np.linalg.norm(np.asarray(first, np.float64) - np.asarray(second, np.float64), axis=1)


def verify(distance: np.ndarray, same: np.ndarray, folds: np.ndarray, rates: Sequence[float] = (0.01, 0.1)) -> Verification:
    """distance (n,): small = the same person; same (n,) bool; folds (n,) int.

    Each fold's threshold is chosen on the other folds. `threshold` is the one chosen on all pairs.
    """
    distance, same, folds = np.asarray(distance, np.float64), np.asarray(same, bool), np.asarray(folds)
    if not (distance.shape == same.shape == folds.shape) or same.all() or not same.any():
        raise InputError("verification needs a distance, a label and a fold for each pair, and pairs of both kinds")
    scores = []
    for fold in np.unique(folds):
        inside = folds == fold
        threshold = best_threshold(distance[~inside], same[~inside])
        scores.append(float(((distance[inside] < threshold) == same[inside]).mean()))
    accepts = {rate: true_accepts(distance, same, rate) for rate in rates}
    area = roc_area(distance, same)
    return Verification(float(np.mean(scores)), float(np.std(scores)), area, accepts, best_threshold(distance, same))


def best_threshold(distance: np.ndarray, same: np.ndarray) -> float:
    """The threshold of most correct answers; between two pairs, in the middle of the best stretch."""
    order = np.argsort(distance, kind="stable")
    values, labels = distance[order], same[order]
    # right[i]: correct answers when the i nearest pairs are accepted
    right = np.concatenate(([0], np.cumsum(labels))) + np.concatenate((np.cumsum(~labels[::-1])[::-1], [0]))
    cuts = np.concatenate(([values[0] - 1e-6], (values[1:] + values[:-1]) / 2, [values[-1] + 1e-6]))
    best = np.flatnonzero(right == right.max())
    return float(cuts[best[len(best) // 2]])


def roc_area(distance: np.ndarray, same: np.ndarray) -> float:
    """The chance that a pair of the same person is nearer than a pair of different people; ties count half."""
    values, index = np.unique(distance, return_inverse=True)
    positive = np.bincount(index[same], minlength=len(values))
    negative = np.bincount(index[~same], minlength=len(values))
    farther = negative.sum() - np.cumsum(negative)
    return float((positive * (farther + negative / 2)).sum() / (positive.sum() * negative.sum()))


def true_accepts(distance: np.ndarray, same: np.ndarray, rate: float) -> float:
    """The share of same-person pairs accepted when at most `rate` of the others are."""
    strangers = np.sort(distance[~same])
    allowed = int(np.floor(rate * len(strangers) + 1e-9))
    threshold = strangers[allowed] if allowed < len(strangers) else np.inf
    return float((distance[same] < threshold).mean())
