"""What each step sees, made ready by worker processes ahead of it where an objective can say beforehand what it needs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from restauro.training.augment import colour, mirror
from restauro.training.data import Pictures
from restauro.training.objective import ALL, Objective
from restauro.training.ranks import Ranks
from restauro.training.run import Run


@dataclass(frozen=True)
class Part:
    """One part of a step's batch. index: its pictures' places in the data. ready: they, or what `prepare` made of them. rng: for
    what is drawn afterwards.
    """

    number: int
    index: np.ndarray
    ready: Any
    rng: np.random.Generator


class Batches(Dataset[list[Part]]):
    """`batches[step]`: this process's parts of the step, a function of (seed, step) alone.

    The draws of a part depend on (seed, step, part): two devices do what one does in two parts.
    """

    def __init__(self, objective: Objective, data: Pictures, run: Run, ranks: Ranks):
        self._objective, self._data, self._run, self._ranks = objective, data, run, ranks
        weights = objective.weights(data)
        self._share = weights / weights.sum()

    def __getitem__(self, step: int) -> list[Part]:
        run, ranks = self._run, self._ranks
        rng = np.random.default_rng([run.seed, step])
        index = rng.choice(len(self._data), run.batch, p=self._share)
        parts = np.split(index, ranks.world * run.accumulate)
        mine = range(ranks.rank * run.accumulate, (ranks.rank + 1) * run.accumulate)
        return [self._part(i, parts[i], rng if len(parts) == 1 else np.random.default_rng([run.seed, step, 2, i])) for i in mine]

    def _part(self, number: int, index: np.ndarray, rng: np.random.Generator) -> Part:
        pictures = self._data.batch(index, rng)
        if self._run.flip:
            pictures = mirror(pictures, rng, self._run.flip)
        if self._run.colour:
            pictures = colour(pictures, rng, self._run.colour)
        prepare = getattr(self._objective, "prepare", None)
        return Part(number, index, pictures if prepare is None else prepare(pictures, index, self._data, rng), rng)

    def turns(self, network: nn.Module, part: Part) -> Iterator[tuple[str, Tensor]]:
        """(player, loss) of one part, one after the other."""
        objective: Any = self._objective
        if hasattr(objective, "turns"):
            yield from objective.turns(network, part.ready, part.rng)
        elif hasattr(objective, "prepare"):
            yield ALL, objective.learn(network, part.ready, part.rng)
        else:
            yield ALL, objective.loss(network, part.ready, part.index, self._data, part.rng)

    def since(self, step: int) -> Iterator[list[Part]]:
        """The batches of this step and of all that follow; the order and the draws are the same for any number of workers."""
        steps = itertools.count(step)
        if not self._run.workers:
            return map(self.__getitem__, steps)
        return iter(DataLoader(self, batch_size=None, sampler=steps, num_workers=self._run.workers, collate_fn=_as_it_is))


def _as_it_is(parts: list[Part]) -> list[Part]:
    return parts
