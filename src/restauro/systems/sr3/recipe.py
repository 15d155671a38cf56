"""What a user runs: a photograph, enlarged."""

from __future__ import annotations

import msgspec

from restauro.core.recipe import Recipe, Want

TASKS: dict[str, Recipe] = {
    "upscale": Recipe(
        task="upscale",
        system="sr3",
        prior="super-resolver",
        restorer="",
        sampler="dpmpp-2m",
        steps=5,
        start=0.3,
        upscale=2,
        wants=(Want(property="downscaling"),),
    )
}
"""One call for the middle of what the photograph could be, the others from noise over it; then consistent with the photograph."""


def larger_by(recipe: Recipe) -> Recipe:
    """How the photograph is enlarged in which another task restores the faces."""
    return msgspec.structs.replace(
        TASKS["upscale"], prior=recipe.upscaler, upscale=recipe.upscale, cleaning=recipe.cleaning, seed=recipe.seed
    )
