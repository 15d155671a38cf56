"""What a user runs: one recipe per task, ours and as published."""

from __future__ import annotations

from restauro.core.recipe import Published, Recipe, Want

TASKS: dict[str, Recipe] = {
    "restore": Recipe(
        task="restore",
        start=0.4,
        wants=(Want(property="smooth-semantics", weight=0.5, knobs={"cutoff": 0.15}),),
    ),
    "colorize": Recipe(
        task="colorize",
        start=0.3,
        wants=(Want(property="lightness", knobs={"weights": "luma"}),),
    ),
    "inpaint": Recipe(
        task="inpaint",
        start=0.6,
        wants=(Want(property="known-region"),),
    ),
    "old-photo": Recipe(
        task="old-photo",
        start=0.4,
        wants=(Want(property="smooth-semantics", weight=0.5, knobs={"cutoff": 0.15}),),
    ),
}
"""Ours: guidance on the clean estimate, warm start from the first stage, ten calls."""

SCALES = {"restore": 0.1, "colorize": 0.01, "inpaint": 0.01, "old-photo": 0.0015}
"""The published strengths. The released code's default is 0.1 for all, 10 to 67 times what its authors recommend."""

PUBLISHED: dict[str, Recipe] = {
    task: Recipe(
        task=task,  # type: ignore[arg-type]
        faithful=True,
        sampler="ancestral",
        steps=100,
        start=0.0,
        published=Published(scale=scale),
    )
    for task, scale in SCALES.items()
}
"""As published: from pure noise, 100 calls, guidance on the step."""
