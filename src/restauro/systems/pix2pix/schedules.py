"""The learning rates of pix2pix's program, epoch by epoch, with what is wrong in them.

Its schedulers step at the start of every epoch, also of the first, so that each value comes one epoch early: the linear one
begins to fall before its time and the last epoch learns nothing; the cosine climbs again after `constant` epochs; the plateau
watches a figure that is always 0 and cuts blindly. Ours is `Run(decay="linear", flat=0.5)`: by steps, whole for the first half,
then falling to zero behind the last step.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

from restauro.core.errors import RecipeError
from restauro.core.knobs import suggest

Policy = Literal["linear", "step", "cosine", "plateau"]
PATIENCE = 5
"""Epochs without progress that the plateau endures."""


def published(policy: Policy, epoch: int, *, constant: int = 100, decaying: int = 100, every: int = 50) -> float:
    """The share of the learning rate that is in force in an epoch, counted from 1, whether or not the run was resumed.

    constant, decaying: epochs before and while it falls (linear); constant: half a period (cosine). every: epochs between cuts
    to a tenth (step). Raises RecipeError for a policy that there is not; the program returns the exception.
    """
    if policy == "linear":
        return 1 - max(0, epoch + 1 - constant) / (decaying + 1)
    if policy == "step":
        return 0.1 ** (epoch // every)
    if policy == "cosine":
        return (1 + math.cos(math.pi * epoch / constant)) / 2
    if policy == "plateau":
        return 0.2 ** ((epoch - 1) // (PATIENCE + 1))
    raise RecipeError(f"there is no learning-rate policy {policy!r}{suggest(str(policy), get_args(Policy))}")
