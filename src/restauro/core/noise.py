"""Noise is per picture: one stream per (seed, picture, step, draw), so that a batch of eight equals eight singles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor


class Noise(Protocol):
    """Standard normal noise for a whole batch: `noise(step, draw)` has shape (N, C, H, W). Step 0 is the start."""

    def __call__(self, step: int, draw: int = 0) -> Tensor: ...


class PictureNoise:
    """Noise for `pictures` (their indices) of one `shape` (C, H, W).

    Drawn on the CPU in float32, so that a machine with a GPU starts from the same noise.
    """

    def __init__(self, seed: int, pictures: Sequence[int], shape: Sequence[int], device: torch.device | str = "cpu"):
        self.seed, self.pictures, self.shape, self.device = seed, tuple(pictures), tuple(shape), device

    def __call__(self, step: int, draw: int = 0) -> Tensor:
        return torch.stack([self._one(picture, step, draw) for picture in self.pictures]).to(self.device)

    def _one(self, picture: int, step: int, draw: int) -> Tensor:
        return _normal(self.shape, self.seed, picture, step, draw)


BLOCK = 64


class FieldNoise:
    """Noise for one window of a field without end: windows that overlap see the same noise there.

    window: top, bottom, left, right of the (1, channels, bottom - top, right - left) that is drawn. The field is made of
    blocks with a stream each, so that nothing outside the window is drawn, however large the picture.
    """

    def __init__(
        self, seed: int, channels: int, window: tuple[int, int, int, int], device: torch.device | str = "cpu", picture: int = 0
    ):
        self.seed, self.channels, self.window, self.device, self.picture = seed, channels, window, device, picture

    def __call__(self, step: int, draw: int = 0) -> Tensor:
        top, bottom, left, right = self.window
        rows, columns = range(top // BLOCK, -(-bottom // BLOCK)), range(left // BLOCK, -(-right // BLOCK))
        shape = (self.channels, BLOCK, BLOCK)
        blocks = [[_normal(shape, self.seed, self.picture, step, draw, row, column) for column in columns] for row in rows]
        field = torch.cat([torch.cat(row, 2) for row in blocks], 1)
        y, x = top - rows[0] * BLOCK, left - columns[0] * BLOCK
        return field[None, :, y : y + bottom - top, x : x + right - left].to(self.device)


def _normal(shape: Sequence[int], *key: int) -> Tensor:
    state = np.random.SeedSequence(key).generate_state(1, np.uint64)[0]
    return torch.randn(tuple(shape), generator=torch.Generator().manual_seed(int(state >> np.uint64(1))))
