"""A picture as the task "upscale" makes it larger, for systems that are asked for a larger result."""

from __future__ import annotations

import msgspec
import numpy as np
import torch

from restauro.core.events import Listener, silent
from restauro.core.recipe import Recipe
from restauro.systems._tasks import TASKS, way


def enlarge(
    pixels: np.ndarray, factor: int, recipe: Recipe, cleaning: float, device: torch.device, listener: Listener = silent
) -> np.ndarray:
    """(H, W, 3) to (H factor, W factor, 3) by the recipe's upscaler and seed."""
    ours = TASKS["upscale"]
    how = msgspec.structs.replace(ours, prior=recipe.upscaler, upscale=factor, cleaning=cleaning, seed=recipe.seed)
    found: np.ndarray = next(way(how)(pixels, how, [recipe.seed], device, listener=listener)).pixels
    return found
