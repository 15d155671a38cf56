"""What a user runs: one recipe per task, ours and as published."""

from __future__ import annotations

from typing import Any

from restauro.core.errors import RecipeError
from restauro.core.knobs import suggest
from restauro.core.recipe import Published, Recipe, Want

SMOOTH = Want(property="smooth-semantics", weight=0.8, knobs={"cutoff": 0.3})
"""The coarse third of the frequencies stays near the first stage: what is finer is the prior's to tell."""
SEEN = Want(property="data-consistency", weight=0.75, knobs={"survived": 0.3})
"""What the blur has left is mostly the photograph's own, where the first stage agrees with it: scratches must not come back."""
ANEW = "euler-ancestral"
"""A sampler whose every step draws noise anew: it washes out what the first stage got wrong (docs/guidance.md)."""

TASKS: dict[str, Recipe] = {
    "restore": Recipe(task="restore", start=0.5, wants=(SMOOTH, SEEN), sampler=ANEW),
    "reference": Recipe(
        task="reference", start=0.5, wants=(SMOOTH, Want(property="detail-transfer", knobs={"cutoff": 0.2})), sampler=ANEW
    ),
    "enhance": Recipe(
        task="enhance",
        start=0.5,
        wants=(
            SMOOTH,
            Want(property="data-consistency", weight=0.75),  # hardly blurred: frequencies that need much undoing are noise
            Want(property="perceptual", weight=0.05),
            Want(property="adversarial", weight=0.01),
        ),
        sampler=ANEW,
    ),
    "colorize": Recipe(task="colorize", start=0.2, wants=(Want(property="lightness"),), colorizer="colorizer"),
    "inpaint": Recipe(task="inpaint", start=1.0, told=False, wants=(Want(property="known-region"),), sampler=ANEW),
    "old-photo": Recipe(task="old-photo", start=0.5, wants=(SMOOTH,), sampler=ANEW),
}
"""Ours: a prior that is shown the damaged picture (not of holes, of which it has seen too few), guidance on the clean
estimate, warm start from the first stage, ten calls. Chosen on validation faces by LPIPS, for inpainting by the PSNR inside
the hole; with more noise at the start and a lower cutoff LPIPS falls further, and faces are less like themselves."""

SCALES: dict[str, dict[str, float]] = {
    "pgdiff": {"restore": 0.1, "reference": 0.05, "colorize": 0.01, "inpaint": 0.01, "old-photo": 0.0015},
    "gdp": {"restore": 0.15, "colorize": 0.4, "inpaint": 0.4, "old-photo": 0.3},
    "ddnm": {"restore": 1.0, "colorize": 1.0, "inpaint": 1.0, "old-photo": 1.0},
}
"""The strength of every published method in each of its tasks.

pgdiff: as its authors recommend; the released code's default is 0.1 for all, 10 to 67 times that.
"""

WISHES: dict[str, dict[str, tuple[Want, ...]]] = {
    "pgdiff": {
        "restore": (Want(property="smooth-semantics"),),
        "reference": (
            Want(property="smooth-semantics"),
            Want(property="identity", weight=25.0, knobs={"loss": "mse", "align": False, "mirror": False, "blur": 0}),
        ),
        "colorize": (
            Want(property="lightness", knobs={"weights": "mean"}),
            Want(property="colour-statistics", weight=0.05, knobs={"region": "all"}),
        ),
        "inpaint": (Want(property="known-region"),),
        "old-photo": (
            Want(property="lightness", knobs={"weights": "mean", "of": "restored"}),
            Want(property="colour-statistics", weight=0.5, knobs={"region": "all"}),
        ),
    },
    "ddnm": {
        "restore": (Want(property="smooth-semantics", knobs={"cutoff": 0.4, "of": "picture"}),),
        "colorize": (Want(property="lightness"),),
        "inpaint": (Want(property="known-region"),),
        "old-photo": (Want(property="lightness"),),
    },
}
"""pgdiff: the published sum of losses. ddnm: the measurements A that are imposed. gdp has degradations of its own (gdp.py),
and properties only if asked for."""


def baseline(method: str, task: str, steps: int = 100, scale: float | None = None) -> Recipe:
    """The recipe of a published method ("pgdiff", "gdp", "ddnm") for a task, from pure noise; scale: its strength s.

    Raises RecipeError where the method does not define the task.
    """
    if method not in SCALES:
        raise RecipeError(f"unknown method {method!r}{suggest(method, SCALES)}")
    scales = SCALES[method]
    if task not in scales:
        raise RecipeError(f"{method} was not published for {task!r}; it has {', '.join(scales)}")
    walk: dict[str, Any] = {"sampler": "ddim", "sampler_knobs": {"eta": 0.85}} if method == "ddnm" else {"sampler": "ancestral"}
    return Recipe(
        task=task,  # type: ignore[arg-type]
        faithful=True,
        steps=steps,
        start=0.0,
        wants=WISHES.get(method, {}).get(task, ()),
        published=Published(method=method, scale=scales[task] if scale is None else scale),  # type: ignore[arg-type]
        **walk,
    )


PUBLISHED: dict[str, Recipe] = {task: baseline("pgdiff", task) for task in SCALES["pgdiff"]}
"""PGDiff as published, 100 calls."""

BASELINES: dict[str, Recipe] = {
    f"{task}-{method}": baseline(method, task) for method in ("gdp", "ddnm") for task in SCALES[method]
}
"""What its paper compares with, by the names under which `restauro recipes` shows them."""
