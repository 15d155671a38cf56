"""The damaged faces that benchmarks restore: the same pictures and the same damage every time."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from restauro.degradations.chains import degrade
from restauro.diffusion.contract import Observation
from restauro.training.data import Pictures, load

SHARED = Path(os.environ.get("RESTAURO_SHARED", Path(__file__).parents[2] / "shared"))
CHAINS = {
    "restore": "codeformer",
    "reference": "blur:low=8,high=8+downsample:low=10,high=16+noise:high=15+jpeg:low=40,high=80",
    "enhance": "blur:low=0.5,high=3+downsample:low=1,high=3+noise:high=5+jpeg:low=60,high=95",
    "colorize": "grey",
    "inpaint": "holes",
    "old-photo": "old-portrait",
}
"""What each task repairs. With a reference: heavy damage, so that it is not certain who it is."""


@dataclass(frozen=True)
class Faces:
    """clean, picture: (N, 3, 128, 128) in [-1, 1]; mask: (N, 1, 128, 128), 1 = missing, or None.

    reference: (N, 3, 128, 128) another photograph of each person, or None. restored: a first stage's answer, if it is known.
    """

    task: str
    clean: Tensor
    picture: Tensor
    mask: Tensor | None = None
    reference: Tensor | None = None
    restored: Tensor | None = None

    def observed(self, begin: int = 0, end: int | None = None) -> Observation:
        """What a restoration may see of some of them."""
        mask, reference, restored = (x if x is None else x[begin:end] for x in (self.mask, self.reference, self.restored))
        return Observation(self.picture[begin:end], mask=mask, reference=reference, restored=restored)


def damaged(task: str, split: str, count: int, chain: str = "") -> Faces:
    """`count` faces spread evenly over a split ("test" or "val"), each with its own seeded damage: the task's, or `chain`.

    For "reference" they are people of the identity protocol; nobody is in both splits.
    """
    if task == "reference":
        clean, reference = _pairs(split, count)
        index = np.arange(len(clean))
    else:
        pictures = _split(split)
        index = np.linspace(0, len(pictures) - 1, count).astype(int)
        clean, reference = pictures.batch(index), None
    links = chain or CHAINS[task]
    done = [degrade(one[None], links, np.random.default_rng([7, int(i)])) for one, i in zip(clean, index, strict=True)]
    masks = [one.mask for one in done if one.mask is not None]
    return Faces(task, clean, torch.cat([one.picture for one in done]), torch.cat(masks) if masks else None, reference)


@cache
def _split(split: str) -> Pictures:
    return load(SHARED / "data" / "faces", 128, pattern=f"faces-{split}.tar")


def clean(split: str) -> Tensor:
    """All faces of a split, undamaged."""
    pictures = _split(split)
    return pictures.batch(np.arange(len(pictures)))


def same_person() -> tuple[Pictures, list[tuple[int, int]]]:
    """The pictures of the identity protocol, and for each person of two or more the indices of the two sharpest."""
    folder = SHARED / "data" / "identity"
    with (folder / "people.csv").open() as file:
        rows = list(csv.DictReader(file))
    people: dict[str, list[tuple[float, int]]] = {}
    for row in rows:
        people.setdefault(row["identity"], []).append((-float(row["sharp"]), int(row["key"].removeprefix("id-"))))
    pictures = load(folder / "identity.tar", 128)
    assert len(pictures) == len(rows)
    return pictures, [(mine[0][1], mine[1][1]) for mine in map(sorted, people.values()) if len(mine) > 1]


def _pairs(split: str, count: int) -> tuple[Tensor, Tensor]:
    """Truths and references: of every second person the sharpest picture and the next."""
    pictures, pairs = same_person()
    half = pairs[{"val": 0, "test": 1}[split] :: 2]
    chosen = np.array(half)[np.linspace(0, len(half) - 1, count).astype(int)]
    return pictures.batch(chosen[:, 0]), pictures.batch(chosen[:, 1])
