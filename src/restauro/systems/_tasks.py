"""What every system's `recipe.py` offers to users, by the word they type; no network is loaded for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

from restauro.core.recipe import Recipe
from restauro.core.registry import SYSTEMS

if TYPE_CHECKING:
    from restauro.systems._report import Outcome

TASKS: dict[str, Recipe] = {}
for _system in SYSTEMS:
    TASKS |= getattr(import_module(f"{SYSTEMS.place(_system)}.recipe"), "TASKS", {})


def way(recipe: Recipe) -> Callable[..., Iterator[Outcome]]:
    """`restore_variants(pixels, recipe, seeds, device, *, mask, reference, listener)` of the recipe's system."""
    return _way(recipe.system)


def way_of_faces() -> Callable[..., Iterator[Outcome]]:
    """The same, for the faces of a photograph alone, each restored by the engine of the recipe's system.

    It takes `ground`, too: what the faces are put into, in the place of the photograph.
    """
    return _way("pgdiff")


def _way(system: str) -> Callable[..., Iterator[Outcome]]:
    found: Callable[..., Iterator[Outcome]] = import_module(f"{SYSTEMS.place(system)}.photograph").restore_variants
    return found


def engine_of(recipe: Recipe) -> Any:
    """The module of the recipe's system that restores aligned faces: `run(recipe, observed, *, pictures, listener)` and
    `calls(recipe)`."""
    return import_module(f"{SYSTEMS.place(recipe.system)}.engine")
