"""The image pool: a discriminator also judges false pictures of earlier steps (Shrivastava et al. 2017, arXiv 1612.07828)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn


class ImagePool(nn.Module):
    """Room for `size` pictures of one shape (C, H, W); 0, as in pix2pix: what goes in comes out. CycleGAN has 50.

    Its pictures are stored with the network, so that a resumed run goes on as an uninterrupted one. They are kept as the whole
    numbers that their bits spell: what floats is averaged over time and over devices (training/average.py, ranks.py).
    """

    bits: Tensor
    held: Tensor

    def __init__(self, size: int, shape: tuple[int, ...]):
        super().__init__()
        self.register_buffer("bits", torch.zeros(size, *shape, dtype=torch.int32))
        self.register_buffer("held", torch.zeros((), dtype=torch.long))

    @property
    def pictures(self) -> Tensor:
        """(number of pictures in it, C, H, W) float32."""
        return self.bits[: int(self.held)].view(torch.float32)

    @torch.no_grad()
    def query(self, pictures: Tensor, rng: np.random.Generator) -> Tensor:
        """(N, C, H, W) in their order: each new one, or with probability 1/2 a stored one, whose place it takes.

        While there is room a picture is stored and given back.
        """
        size = len(self.bits)
        if not size:
            return pictures
        return torch.stack([self._one(one, size, rng) for one in pictures.float()])

    def _one(self, picture: Tensor, size: int, rng: np.random.Generator) -> Tensor:
        if self.held < size:
            self._put(int(self.held), picture)
            self.held += 1
            return picture
        if rng.random() <= 0.5:
            return picture
        place = int(rng.integers(size))
        stored = self.pictures[place].clone().to(picture.device)
        self._put(place, picture)
        return stored

    def _put(self, place: int, picture: Tensor) -> None:
        self.bits[place] = picture.contiguous().view(torch.int32).to(self.bits.device)
