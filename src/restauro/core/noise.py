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
    """Noise for `pictures` (their indices) of one `shape` (C, H, W). seed: one for all, or one a picture.

    Drawn on the CPU in float32, so that a machine with a GPU starts from the same noise.
    """

    def __init__(
        self, seed: int | Sequence[int], pictures: Sequence[int], shape: Sequence[int], device: torch.device | str = "cpu"
    ):
        seeds = [seed] * len(pictures) if isinstance(seed, int) else seed
        self.streams = tuple(zip(seeds, pictures, strict=True))
        self.shape, self.device = tuple(shape), device

    def __call__(self, step: int, draw: int = 0) -> Tensor:
        return torch.stack([self._one(*stream, step, draw) for stream in self.streams]).to(self.device)

    def _one(self, seed: int, picture: int, step: int, draw: int) -> Tensor:
        state = np.random.SeedSequence([seed, picture, step, draw]).generate_state(1, np.uint64)[0]
        generator = torch.Generator().manual_seed(int(state >> np.uint64(1)))
        return torch.randn(self.shape, generator=generator)
