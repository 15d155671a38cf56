"""What a user runs: a photograph, enlarged."""

from __future__ import annotations

from restauro.core.recipe import Recipe, Want

TASKS: dict[str, Recipe] = {
    "upscale": Recipe(
        task="upscale",
        system="sr3",
        prior="super-resolver",
        restorer="",
        sampler="dpmpp-2m",
        steps=5,
        start=0.25,
        upscale=2,
        wants=(Want(property="downscaling"),),
    )
}
"""One call for the middle of what the photograph could be, the others from noise over it; then consistent with the photograph."""
