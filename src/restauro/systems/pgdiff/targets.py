"""Guided answers to damaged training faces, made once and kept in a file: what a student learns from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from restauro.core.errors import OutputError
from restauro.core.home import cache_dir
from restauro.core.recipe import Recipe
from restauro.diffusion.contract import Observation
from restauro.systems._balance import balance
from restauro.systems.pgdiff import engine
from restauro.systems.pgdiff.practice import damage
from restauro.training.augment import augment
from restauro.training.data import Pictures
from restauro.weights.store import find

BATCH = 16


class Batch(NamedTuple):
    """Each (N, 3, S, S) in [-1, 1]."""

    clean: Tensor
    damaged: Tensor
    answer: Tensor


class Targets(NamedTuple):
    """pixels (n, 3, 3, S, S) uint8: a face, its damaged version (blurred, noisy, compressed), the guided answer to that."""

    pixels: np.ndarray

    @classmethod
    def of(cls, data: Pictures, count: int, recipe: Recipe, folder: str = "") -> Targets:
        """The first `count` of these pictures; those that are not in the folder yet are made, a third of a second each.

        The i-th is a function of i, the pictures, the recipe and its weights. A run that is killed loses one batch.
        Raises OutputError where they cannot be kept.
        """
        path = (Path(folder) if folder else cache_dir() / "targets") / f"{_key(data, recipe)}.u8"
        shape = (3, *data.batch(np.arange(1)).shape[1:])
        size = int(np.prod(shape))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            # whole batches: the last bits of an answer depend on how many are asked for at once
            while (made := path.stat().st_size // (size * BATCH) * BATCH) < count:
                _write(path, made * size, _made(data, range(made, made + BATCH), recipe))
            return cls(np.memmap(path, np.uint8, "r", shape=(count, *shape)))
        except OSError as error:
            raise OutputError(f"{path}: the student's targets cannot be kept: {error.strerror}") from None

    def batch(self, index: np.ndarray, rng: np.random.Generator | None = None) -> Batch:
        """With rng, half of them are mirrored."""
        found = torch.from_numpy(self.pixels[index]).float() / 127.5 - 1
        if rng is not None:
            flips = torch.from_numpy(rng.random(len(index)) < 0.5)[:, None, None, None, None]
            found = torch.where(flips, found.flip(4), found)
        return Batch(*found.unbind(1))


def _made(data: Pictures, index: range, recipe: Recipe) -> bytes:
    clean, damaged = (_levels(torch.cat(part)) for part in zip(*(_case(data, i) for i in index), strict=True))
    answers = engine.run(recipe, Observation(damaged.float() / 127.5 - 1), pictures=index)
    return torch.stack([clean, damaged, _levels(answers)], 1).numpy().tobytes()


def _case(data: Pictures, i: int) -> tuple[Tensor, Tensor]:
    """The i-th face that is practised on, and its damaged version, (1, 3, S, S)."""
    rng = np.random.default_rng([7, i])
    weights = balance(data)
    clean, _ = augment(data.batch(rng.choice(len(data), 1, p=weights / weights.sum())), rng)
    return clean, damage(clean, rng, "blind")[0]


def _levels(pictures: Tensor) -> Tensor:
    return ((pictures.clamp(-1, 1) + 1) * 127.5).round().byte()


def _write(path: Path, place: int, content: bytes) -> None:
    """Where whole ones end: what a killed run wrote by halves is written over."""
    with path.open("r+b") as file:
        file.seek(place)
        file.write(content)


def _key(data: Pictures, recipe: Recipe) -> str:
    """Changes with the recipe, with the weights that it runs, and with the pictures, of which it sees every sixteenth pixel."""
    runs = [recipe.to_json(), *(find(name)[0].sha256 for name in (recipe.prior, recipe.restorer))]
    digest = hashlib.sha256(json.dumps(runs).encode())
    digest.update(data.pixels[..., ::16, ::16].numpy().tobytes())
    return digest.hexdigest()[:16]
