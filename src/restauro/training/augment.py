"""Augmentation: geometric changes that do not leak, since the network is told their parameters (EDM, arXiv 2206.00364);
mirroring and colour, which are not told."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from restauro.core.errors import RecipeError

PARAMETERS = 5
"""Shift x and y (share of the half side), log2 scale, log2 anisotropy, rotation (radians); zeros: unchanged."""
SPREAD = (0.06, 0.06, 0.15, 0.10, 0.15)


def augment(pictures: Tensor, rng: np.random.Generator, probability: float = 0.15) -> tuple[Tensor, Tensor]:
    """(N, 3, H, W) flipped half of the time and warped with `probability` per parameter; and the (N, 5) parameters.

    Flips are not told: a mirrored face is a face.
    """
    n = len(pictures)
    pictures = mirror(pictures, rng, 0.5)
    drawn = rng.standard_normal((n, PARAMETERS)) * SPREAD * (rng.random((n, PARAMETERS)) < probability)
    moved = np.flatnonzero(np.abs(drawn).sum(1))
    parameters = torch.from_numpy(drawn).float()
    if len(moved):
        index = torch.from_numpy(moved)
        theta = torch.from_numpy(np.stack([_matrix(*row) for row in drawn[moved]])).float()
        grid = F.affine_grid(theta, [len(moved), *pictures.shape[1:]], align_corners=False)
        warped = F.grid_sample(pictures[index], grid, mode="bicubic", padding_mode="reflection", align_corners=False)
        pictures = pictures.index_copy(0, index, warped.clamp(-1, 1))
    return pictures, parameters


def mirror(pictures: Tensor, rng: np.random.Generator, share: float) -> Tensor:
    """(N, C, H, W) of which a share, drawn picture by picture, is flipped left to right."""
    flips = torch.from_numpy(rng.random(len(pictures)) < share)
    return torch.where(flips[:, None, None, None], pictures.flip(3), pictures)


def colour(pictures: Tensor, rng: np.random.Generator, spread: float) -> Tensor:
    """(N, 3, H, W) in [-1, 1]: brightness, contrast and saturation of each picture changed by up to `spread`; clamped.

    Raises RecipeError for pairs, whose colours belong together.
    """
    if pictures.shape[1] != 3:
        raise RecipeError("colour=... changes the colours of single pictures; those of pairs belong together")
    drawn = torch.from_numpy(rng.uniform(-spread, spread, (3, len(pictures), 1, 1, 1))).float()
    brightness, contrast, saturation = drawn
    grey = (pictures * pictures.new_tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)
    pictures = grey + (1 + saturation) * (pictures - grey)
    mean = grey.mean((2, 3), keepdim=True)
    return (mean + (1 + contrast) * (pictures - mean) + brightness).clamp(-1, 1)


def _matrix(x: float, y: float, scale: float, stretch: float, angle: float) -> np.ndarray:
    c, s = math.cos(angle), math.sin(angle)
    rotation = np.array([[c, -s], [s, c]])
    return np.concatenate([rotation * 2.0 ** (scale + np.array([[stretch], [-stretch]])), [[x], [y]]], 1)
