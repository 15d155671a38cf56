"""The contract between the one training loop and what a system trains."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from restauro.training.data import Pictures


class Player(NamedTuple):
    """A side of an adversarial training. module: whose parameters it moves; rate: factor on the run's learning rate (two time
    scales: Heusel et al. 2017, arXiv 1706.08500).
    """

    module: nn.Module
    rate: float = 1.0


class Objective(Protocol):
    """What is trained, and towards what. The loop knows nothing else.

    All randomness comes from the generators handed in: the loop seeds them from (seed, step), so that a resumed run
    draws what an uninterrupted one would have drawn. What a loss learns on the way (a sampler of noise levels) are buffers
    of the network that is built: they are stored with it, and `shipped` leaves them behind.

    Tensors are made on the CPU; the network takes and gives them, wherever it computes itself (place.py).

    Further names are optional. `read(source, size, *, pattern, stored)` reads training pictures that are not plain ones, as pairs
    are (pairs.py).

    `prepare(pictures, index, data, rng)` returns tensors, made on other cores while the network learns (`Run.workers`), and
    `learn(network, prepared, rng)` the loss of them; `loss` then is the one after the other.

    Where networks play against each other, `players(network)` names them, {word: Player}, first the one whose loss is told, and
    `turns(network, prepared, rng)` stands in place of `loss`: a generator of (player, loss). After each the loop moves the
    parameters of that player alone, with its own optimizer; what the generator computes next sees them moved. A loss may
    build on a graph of before, so that one forward pass serves several turns. `prepared` are the pictures where there is no
    `prepare`.

    `samples(network, size)` or, of held-out pictures, `answers(network, held)` returns pictures (N, 3, size, size) in [-1, 1],
    the same draws every time, which the loop lays out as RUN/samples-STEP.png. `better = "lower"` says that the first of
    `scores`, by which a moving average is chosen, is better the lower it is.
    """

    def build(self, data: Pictures) -> nn.Module:
        """The network, freshly initialised."""
        ...

    def weights(self, data: Pictures) -> np.ndarray:
        """(n,) positive: how often each picture is drawn, relative to the others."""
        ...

    def loss(self, network: nn.Module, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> Tensor:
        """A scalar. pictures (N, 3, S, S) in [-1, 1]; index: their places in the training data."""
        ...

    def scores(self, network: nn.Module, held: Pictures) -> dict[str, float]:
        """Figures on held-out pictures, the same draws every time; the first one decides between two moving averages."""
        ...

    def shipped(self, network: nn.Module) -> nn.Module:
        """The part of the network that is used after training."""
        ...

    def passport(self) -> dict[str, Any]:
        """What the weights need to be loaded and read, in the fields of a passport: kind, architecture, arguments, ..."""
        ...


def torch_generator(rng: np.random.Generator) -> torch.Generator:
    """A torch generator that continues a NumPy one."""
    return torch.Generator().manual_seed(int(rng.integers(2**63 - 1)))


ALL = "network"
"""The only player where there is one."""


def players_of(objective: Objective, network: nn.Module) -> dict[str, Player]:
    """Who plays, by name; first the one whose loss is told."""
    named = getattr(objective, "players", None)
    found: dict[str, Player] = {ALL: Player(network)} if named is None else named(network)
    return found
