"""What a prior may be shown of the damaged picture, as further input channels (Palette, arXiv 2111.05826)."""

from __future__ import annotations

import torch
from torch import Tensor

from restauro.diffusion.contract import Observation
from restauro.weights.store import find

CHANNELS = 7


def channels(observed: Observation) -> Tensor:
    """(N, 7, H, W): the picture with its holes emptied, the mask, the first stage's answer. All zeros mean "not told"."""
    mask = torch.zeros_like(observed.picture[:, :1]) if observed.mask is None else observed.mask
    return torch.cat([observed.picture * (1 - mask), mask, observed.source("restored")], 1)


def shown(name: str, observed: Observation) -> Tensor | None:
    """What the prior of this name is shown; None if it cannot look at anything but the noisy picture."""
    return channels(observed) if find(name)[0].observes else None
