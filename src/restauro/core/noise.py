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
        state = np.random.SeedSequence([self.seed, picture, step, draw]).generate_state(1, np.uint64)[0]
        generator = torch.Generator().manual_seed(int(state >> np.uint64(1)))
        return torch.randn(self.shape, generator=generator)
