"""The weights' moving average (EMA), which is what ships."""

from __future__ import annotations

import torch
from torch import nn


def decay_at(step: int, decay: float) -> float:
    """Shorter at the beginning, so that the random start is forgotten: (1 + n) / (10 + n) after n steps, until `decay`."""
    return min(decay, (1 + step) / (10 + step))


@torch.no_grad()
def average(mean: nn.Module, network: nn.Module, decay: float) -> None:
    """mean <- decay mean + (1 - decay) network; what does not float (counters) is copied."""
    for old, new in zip(mean.state_dict().values(), network.state_dict().values(), strict=True):
        if old.dtype.is_floating_point:
            old.lerp_(new, 1 - decay)
        else:
            old.copy_(new)
