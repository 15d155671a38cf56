"""Between pictures and what a prior works on: nothing for a pixel prior."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Codec(Protocol):
    """`factor`: how many pixels of a side make one latent position. Pictures (N, 3, H, W) in [-1, 1]."""

    factor: int

    def encode(self, picture: Tensor) -> Tensor: ...

    def decode(self, latent: Tensor) -> Tensor: ...


class Identity:
    """The codec of a prior in pixels."""

    factor = 1

    def encode(self, picture: Tensor) -> Tensor:
        return picture

    def decode(self, latent: Tensor) -> Tensor:
        return latent
