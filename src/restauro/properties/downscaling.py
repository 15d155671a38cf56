"""Downscaling: reduced, the picture is the small one it was made from (the consistency of SR3, 2104.07636, section 4.4)."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from restauro.core.knobs import Knob
from restauro.diffusion.contract import Observation
from restauro.photo.resize import resize
from restauro.properties._linear import Linear

ROUNDS = 4
"""Of cutting off what leaves [-1, 1] and putting right what that has changed."""


class Small(NamedTuple):
    """picture: (N, C, h, w), the small one; certainty: (N, 1, H, W) of what it says about each place, None: all of it."""

    picture: Tensor
    certainty: Tensor | None = None


class Downscaling(Linear, frozen=True, kw_only=True):
    """The picture reduced by `factor`, anti-aliased bicubic, equals the small picture that the observed one shows.

    clean: (N, 3, H, W) in [-1, 1], of any size; sides of the small one are round(H / factor), round(W / factor).
    Exact projection: x + R+ (y - R x), with R the reduction, borders included, and R+ its pseudo-inverse; both are one
    matrix a side. What it changes is what the small picture shows: detail stays.
    """

    factor: Annotated[int, Knob("how many times smaller the small picture is", ge=2, le=16)] = 2
    seen: Annotated[
        Literal["enlarged", "whole"],
        Knob("the observed picture is the small one, enlarged (bicubic): that is undone; or it has its full size and is reduced"),
    ] = "enlarged"

    def target(self, observed: Observation) -> Small:
        size = self._small(observed.picture)
        small = enlargement_undone(observed.picture, size) if self.seen == "enlarged" else reduced(observed.picture, size)
        return Small(small, None if observed.mask is None else 1 - self._touched(observed.mask))

    def error(self, clean: Tensor, target: Small) -> Tensor:
        size = (target.picture.shape[-2], target.picture.shape[-1])
        wrong = reduced(clean, size) - target.picture
        (_, back_y), (_, back_x) = _both(clean, size)
        return back_y @ wrong @ back_x.mT

    def certainty(self, target: Small) -> Tensor | None:
        return target.certainty

    def within(self, clean: Tensor) -> Tensor:
        """Back and forth between the range and the property. Where the small picture itself leaves no room, a little is cut."""
        target = Small(reduced(clean, self._small(clean)))
        for _ in range(ROUNDS if float(clean.abs().max()) > 1 else 0):
            clean = self.project(clean.clamp(-1, 1), target)
        return clean

    def _small(self, picture: Tensor) -> tuple[int, int]:
        height, width = (max(1, round(side / self.factor)) for side in picture.shape[-2:])
        return height, width

    def _touched(self, mask: Tensor) -> Tensor:
        """The mask and what lies so near that pixels of the small picture which show it speak of that, too."""
        return F.max_pool2d(mask, 8 * self.factor + 1, stride=1, padding=4 * self.factor)


def reduced(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """(..., H, W) to (..., h, w) as `photo.resize` does, anti-aliased bicubic; differentiable."""
    (down_y, _), (down_x, _) = _both(picture, size)
    return down_y @ picture @ down_x.mT


def enlargement_undone(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """The (..., h, w) whose bicubic enlargement is nearest to the picture: the very one where the picture is one."""
    up_y, up_x = (_axis(small, large)[1].to(picture) for large, small in zip(picture.shape[-2:], size, strict=True))
    return up_y @ picture @ up_x.mT


def _both(picture: Tensor, size: tuple[int, int]) -> list[tuple[Tensor, Tensor]]:
    """Matrix and pseudo-inverse of both axes, in the picture's dtype, on its device."""
    pairs = (_axis(large, small) for large, small in zip(picture.shape[-2:], size, strict=True))
    return [(matrix.to(picture), inverse.to(picture)) for matrix, inverse in pairs]


@lru_cache(maxsize=16)
def _axis(n: int, m: int) -> tuple[Tensor, Tensor]:
    """What resizing n pixels to m does, (m, n), and its pseudo-inverse, (n, m); float64.

    Read off the answers to single pixels. The product of the shorter side is well conditioned, so no singular values are
    needed, which would take minutes for thousands of pixels.
    """
    matrix = torch.from_numpy(resize(np.eye(n, dtype=np.float32), m, n, clip=False)).double()
    matrix = matrix / matrix.sum(1, keepdim=True)  # which single precision has moved
    if m <= n:
        return matrix, torch.linalg.solve(matrix @ matrix.mT, matrix).mT.contiguous()
    return matrix, torch.linalg.solve(matrix.mT @ matrix, matrix.mT)
