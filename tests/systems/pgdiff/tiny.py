"""Recipes on the tiny networks, and what they are told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor

from restauro.core.recipe import Recipe
from restauro.diffusion.contract import Move, Observation
from restauro.systems.pgdiff.photograph import Outcome, restore_variants
from restauro.systems.pgdiff.recipe import PUBLISHED, TASKS
from tests.laws.pictures import disc, waves

EVERY_TASK = list(TASKS)
EVERY_PUBLISHED = list(PUBLISHED)


def ours(task: str, **changes: Any) -> Recipe:
    return msgspec.structs.replace(TASKS[task], **{"prior": "tiny-prior", "restorer": "tiny-restorer", "steps": 5, **changes})


def published(task: str, **changes: Any) -> Recipe:
    return msgspec.structs.replace(
        PUBLISHED[task], **{"prior": "tiny-prior", "restorer": "tiny-restorer", "steps": 10, **changes}
    )


def restore_photograph(pixels: np.ndarray, recipe: Recipe, device: torch.device, **known: Any) -> Outcome:
    """The one outcome of the recipe's own seed."""
    return next(restore_variants(pixels, recipe, [recipe.seed], device, **known))


def faces(n: int = 2, size: int = 32, *, mask: bool = True, soft: bool = False) -> Observation:
    """Different pictures, one hole, one reference."""
    hole = disc(size, soft=soft).float().expand(n, -1, -1, -1)
    return Observation(waves(1, n, size).float(), mask=hole if mask else None, reference=waves(9, 1, size).float())


def one(observed: Observation, i: int) -> Observation:
    mask = None if observed.mask is None else observed.mask[i : i + 1]
    return replace(observed, picture=observed.picture[i : i + 1], mask=mask)


def black(n: int = 1, size: int = 32) -> Observation:
    """Nothing is known."""
    nothing = torch.zeros(n, 3, size, size)
    return Observation(nothing, mask=torch.ones(n, 1, size, size), reference=waves(9, 1, size).float())


def never(x: Tensor) -> Move:
    """In the place of `redo`, where nothing may be repeated."""
    raise AssertionError("no repeats")
