"""Tasks done by DiffBIR: a prior of latents behind a first stage, ours or as released."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from restauro.core.errors import RecipeError
from restauro.core.knobs import build, suggest
from restauro.core.recipe import Latent, Recipe, Release
from restauro.systems.diffbir.recipe import TASKS_WITH, published
from restauro.weights.importing import named

LATENT = "diffbir"
NETWORKS = ("autoencoder", "control", "text")
"""Fields of `Latent` that name weights."""
UNPUBLISHED = ("sampler", "sampler_knobs", "start", "told", "wants")
"""Fields of a recipe that mean nothing to the releases."""


def by_diffbir(
    task: str, faithful: bool, wishes: Mapping[str, Any], released: Mapping[str, Any], given: Collection[str]
) -> Recipe:
    """The recipe of a task. wishes, released: fields of `Latent` and `Release`. given: fields of the recipe that were asked for.

    Raises RecipeError for a task that DiffBIR has not, and for what does not go together.
    """
    if task not in TASKS_WITH:
        raise RecipeError(f"{task} with {LATENT}{suggest(task, TASKS_WITH)}")
    if released and not faithful:
        raise RecipeError(f"{next(iter(released))} is the releases' own; use it with faithful, or fidelity without")
    if faithful and (dead := sorted(set(given) & set(UNPUBLISHED))):
        raise RecipeError(f"the releases have no {dead[0]}: their sampler is `walk`, their start `begin`, their guidance `pull`")
    recipe = published(str(released.get("release", "v2.1")), task) if faithful else TASKS_WITH[task]
    files = {name: named(str(wishes[name])) for name in NETWORKS if name in wishes}
    changes: dict[str, Any] = {"latent": build(Latent, _plain(recipe.latent) | dict(wishes) | files, name=LATENT)}
    if faithful:
        changes["released"] = build(Release, _plain(recipe.released) | dict(released), name=LATENT)
    return msgspec.structs.replace(recipe, **changes)


def not_by_diffbir(wishes: Mapping[str, Any]) -> None:
    """Raises RecipeError where a wish is for DiffBIR, which is not what does it."""
    if wishes:
        raise RecipeError(f"{next(iter(wishes))} belongs to {LATENT}: --with {LATENT} (by=['{LATENT}'])")


def _plain(struct: Any) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(struct)
    return found
