"""What PGDiff's networks practise on: which damages and which pictures, and how often."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from restauro.degradations.chains import blind, chain, degrade
from restauro.degradations.fade import Fade
from restauro.degradations.grey import Grey
from restauro.degradations.holes import Holes
from restauro.degradations.scratches import Scratches
from restauro.diffusion.contract import Restorer
from restauro.restorers.smooth import restorer

DAMAGES = {"blind": 0.7, "grey": 0.08, "holes": 0.1, "old-photo": 0.12}
"""Kinds of damage and their shares."""
BLIND = blind((0.1, 15), (0.8, 30), 20, (30, 100))
HEAVY = chain("codeformer-large")
LIGHT = blind((0.1, 4), (0.8, 4), 12, (50, 100))


def damage(picture: Tensor, rng: np.random.Generator, kind: str | None = None) -> tuple[Tensor, Tensor]:
    """One (1, 3, H, W) picture damaged, its holes emptied, and its (1, 1, H, W) mask."""
    kind = kind or rng.choice(list(DAMAGES), p=list(DAMAGES.values()))
    light = LIGHT if rng.random() < 0.6 else []
    if kind == "blind":
        links = (BLIND, HEAVY, LIGHT)[rng.choice(3, p=(0.25, 0.5, 0.25))]
    elif kind == "grey":
        links = [Grey(sepia=0.3), *light]
    elif kind == "holes":
        links = [Holes(), *light]
    else:
        links = [Grey(sepia=0.5), Fade(), Holes() if rng.random() < 0.3 else Scratches(), *(light or LIGHT)]
    damaged = degrade(picture, links, rng)
    mask = damaged.mask if damaged.mask is not None else torch.zeros_like(picture[:, :1])
    told = kind == "holes" or rng.random() < 0.6  # thin scratches are not always known
    mask = mask if told else torch.zeros_like(mask)
    return damaged.picture * (1 - mask), mask


@cache
def first_stage(name: str) -> Restorer:
    """The restorer whose answers others learn from, on the CPU, where pictures are made ready."""
    return restorer(name, torch.device("cpu"))
