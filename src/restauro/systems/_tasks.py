"""What every system's `recipe.py` offers to users, by the word they type; no network is loaded for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING

from restauro.core.recipe import Recipe
from restauro.core.registry import SYSTEMS

if TYPE_CHECKING:
    from restauro.systems._report import Outcome

TASKS: dict[str, Recipe] = {}
for _system in SYSTEMS:
    TASKS |= getattr(import_module(f"{SYSTEMS.place(_system)}.recipe"), "TASKS", {})


def way(recipe: Recipe) -> Callable[..., Iterator[Outcome]]:
    """`restore_variants(pixels, recipe, seeds, device, *, mask, reference, listener)` of the recipe's system."""
    found: Callable[..., Iterator[Outcome]] = import_module(f"{SYSTEMS.place(recipe.system)}.photograph").restore_variants
    return found
