"""Dropout that may stay on in use, where it is the only noise of a pix2pix generator (Isola et al. 2017, section 2.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Masks = Callable[[torch.Size], Tensor]
"""Which values of a layer of this shape (N, C, H, W) are kept: booleans."""


class Dropout(nn.Module):
    """Half of the values become zero, the others twice as large: in training, and inside of `dropping`."""

    masks: Masks | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.masks is not None:
            return x * (2 * self.masks(x.shape)).to(x)
        return F.dropout(x, 0.5, self.training)


@contextmanager
def dropping(network: nn.Module, masks: Masks) -> Iterator[None]:
    """Within it the network's dropout layers take these masks, in the order in which they are called."""
    layers = [module for module in network.modules() if isinstance(module, Dropout)]
    try:
        for layer in layers:
            layer.masks = masks
        yield
    finally:
        for layer in layers:
            layer.masks = None


def drawn(generators: Sequence[torch.Generator]) -> Masks:
    """Masks of each picture by its own generator, on the CPU, so that a batch equals its singles."""
    return lambda shape: torch.stack([torch.rand(shape[1:], generator=one) < 0.5 for one in generators])
