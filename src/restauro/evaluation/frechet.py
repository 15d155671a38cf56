"""The Frechet distance between two sets of pictures, as Gaussians in a network's features (Heusel et al. 2017, 1706.08500).

With Inception's features it is called FID; with others, as here those of LPIPS-Alex, it is not, and figures of the two cannot
be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from restauro.core.errors import InputError
from restauro.evaluation.lpips import trunk

Features = Callable[[Tensor], Tensor]


class Moments(NamedTuple):
    """mean (D,) and root (K, D), float64, of n feature vectors; the covariance is root^T root."""

    mean: np.ndarray
    root: np.ndarray
    n: int


def alex_features(path: str | Path) -> Features:
    """Pictures (N, 3, H, W) in [-1, 1] to (N, 1152): the means of the five layers of LPIPS's AlexNet over the picture.

    path: LPIPS-Alex weights. WeightsError for other files.
    """
    taps = trunk(path)

    def features(pictures: Tensor) -> Tensor:
        with torch.no_grad():
            return torch.cat([tap.mean((2, 3)) for tap in taps(pictures)], 1)

    return features


def moments(features: Iterable[Tensor]) -> Moments:
    """Of feature vectors (N, D), in batches. InputError for fewer than two."""
    rows = torch.cat([one.double().cpu() for one in features]).numpy()
    if len(rows) < 2:
        raise InputError(f"a Frechet distance needs at least two pictures on each side, not {len(rows)}")
    mean = rows.mean(0)
    root = (rows - mean) / np.sqrt(len(rows) - 1)
    return Moments(mean, root if len(rows) <= rows.shape[1] else np.asarray(np.linalg.qr(root, mode="r")), len(rows))


def frechet_distance(one: Moments, other: Moments) -> float:
    """|m1 - m2|^2 + trace(C1 + C2 - 2 (C1 C2)^(1/2)).

    With C = R^T R the last trace is the sum of the singular values of R1 R2^T, also where fewer pictures than features leave
    the covariances singular. Few pictures make it larger: compare only figures of equal n.
    """
    cross = np.linalg.svd(one.root @ other.root.T, compute_uv=False).sum()
    spread = np.square(one.root).sum() + np.square(other.root).sum()
    return float(np.square(one.mean - other.mean).sum() + spread - 2 * cross)
