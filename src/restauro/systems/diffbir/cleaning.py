"""The first stage on a picture of any size, in bounded memory."""

from __future__ import annotations

import torch
from torch import Tensor

from restauro.photo.tiled import tiled
from restauro.photo.tiles import tiles
from restauro.restorers.smooth import OnePass, SmoothRestorer, restorer
from restauro.restorers.strips import Strips
from restauro.restorers.timed import Timed

WHOLE = 2**20
"""Pixels of a picture that is restored in one call."""
TILE, OVERLAP = 512, 64


def cleaned(name: str, picture: Tensor, mask: Tensor | None = None, whole: int = WHOLE) -> Tensor:
    """(N, 3, H, W) in [-1, 1] to the same by the restorer of a name. mask: (N, 1, H, W), 1 = missing."""
    return cleaned_by(restorer(name, picture.device), picture, mask, whole)


@torch.no_grad()
def cleaned_by(
    network: OnePass | SmoothRestorer | Timed, picture: Tensor, mask: Tensor | None = None, whole: int = WHOLE
) -> Tensor:
    """What is larger than `whole` goes in tiles where the restorer allows that, else layer by layer in strips, which is exact."""
    height, width = picture.shape[-2:]
    if height * width <= whole:
        return network(picture, mask=mask)
    if not network.tiles:
        with Strips(picture.device):
            parts = [network(one[None], mask=None if mask is None else mask[i : i + 1]) for i, one in enumerate(picture)]
        return torch.cat(parts)
    holes = torch.zeros_like(picture[:, :1]) if mask is None else mask
    where = list(tiles(height, width, TILE, OVERLAP))
    return tiled(lambda some, hole: network(some, mask=hole), [picture, holes], where, where)
