"""A function of tensors of any size, tile by tile, with weights that are smooth and sum to one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from restauro.photo.tiles import Tile


def tiled(function: Callable[..., Tensor], maps: Sequence[Tensor], inputs: Sequence[Tile], outputs: Sequence[Tile]) -> Tensor:
    """`function(*maps)`, each (N, C, H, W) of `maps` cut by every tile of `inputs` and the answers put where `outputs` says.

    Both are tiles of one kind, of which one may be the other's `scale`. A condition that belongs to a place is a map as well.
    """
    return blended((function(*cut(maps, tile)) for tile in inputs), outputs)


def cut(maps: Sequence[Tensor], tile: Tile) -> list[Tensor]:
    """What a tile shows of each."""
    return [one[(..., *tile.where)] for one in maps]


def blended(answers: Iterable[Tensor], outputs: Sequence[Tile]) -> Tensor:
    """The answers to all tiles, one after the other, put together."""
    out: Tensor | None = None
    for done, put in zip(answers, outputs, strict=True):
        if out is None:
            out = done.new_zeros(*done.shape[:2], outputs[-1].bottom, outputs[-1].right)
        out[(..., *put.where)] += done * torch.from_numpy(put.weight).to(done)
    assert out is not None
    return out
