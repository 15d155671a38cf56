"""What every system's `recipe.py` offers to users, by the word they type; no network is loaded for it."""

from __future__ import annotations

from importlib import import_module

from restauro.core.recipe import Recipe
from restauro.core.registry import SYSTEMS

TASKS: dict[str, Recipe] = {}
for _system in SYSTEMS:
    TASKS |= getattr(import_module(f"{SYSTEMS.place(_system)}.recipe"), "TASKS", {})
