"""PGDiff's restorer f(x_t, y, t): it sees the damaged picture y, the noisy state and the time."""

from __future__ import annotations

import torch
from torch import Tensor

from restauro.networks.rrdb import TimedRestorer

LAST = 999.0
"""The noisiest timestep it was trained with."""


class Timed:
    """As published it is asked anew at every step: `at(picture, x, t)`.

    As a first stage it is asked once, at the last timestep, with pure noise for the state: the one question whose answer
    depends on the picture alone, and the first that the published algorithm asks. At t = 0 the state would pass for the
    clean picture, and the damaged one in its place would come back as it is.
    """

    scale, multiple, tiles = 1, 4, True

    def __init__(self, network: TimedRestorer):
        self.network = network

    def __call__(self, picture: Tensor, *, mask: Tensor | None = None, noise: Tensor | None = None) -> Tensor:
        """noise: (N, 3, H, W), standard normal; without it the state is its mean."""
        return self.at(picture, torch.zeros_like(picture) if noise is None else noise, LAST).clamp(-1, 1)

    @torch.no_grad()
    def at(self, picture: Tensor, x: Tensor, t: float) -> Tensor:
        """picture, x: (N, 3, H, W), H and W multiples of 4. t: on the prior's original scale, 0..999."""
        answer: Tensor = self.network(x, picture, torch.full((len(x),), t, device=x.device))
        return answer
