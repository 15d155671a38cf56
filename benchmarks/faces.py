"""The damaged faces that benchmarks restore: the same pictures and the same damage every time."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from restauro.degradations.chains import degrade
from restauro.training.data import load

SHARED = Path(os.environ.get("RESTAURO_SHARED", Path(__file__).parents[2] / "shared"))
CHAINS = {"restore": "codeformer", "colorize": "grey", "inpaint": "holes", "old-photo": "old-photo"}
"""What each task repairs."""


@dataclass(frozen=True)
class Faces:
    """clean, picture: (N, 3, 128, 128) in [-1, 1]; mask: (N, 1, 128, 128), 1 = missing, or None."""

    task: str
    clean: Tensor
    picture: Tensor
    mask: Tensor | None

    def part(self, begin: int, end: int) -> Faces:
        return Faces(
            self.task, self.clean[begin:end], self.picture[begin:end], None if self.mask is None else self.mask[begin:end]
        )


def damaged(task: str, split: str, count: int) -> Faces:
    """`count` faces spread evenly over a split ("test" or "val"), each with its own seeded damage."""
    pictures = load(SHARED / "data" / "faces", 128, pattern=f"faces-{split}.tar")
    index = np.linspace(0, len(pictures) - 1, count).astype(int)
    clean = pictures.batch(index)
    done = [degrade(one[None], CHAINS[task], np.random.default_rng([7, int(i)])) for one, i in zip(clean, index, strict=True)]
    masks = [one.mask for one in done if one.mask is not None]
    return Faces(task, clean, torch.cat([one.picture for one in done]), torch.cat(masks) if masks else None)
