"""Several results of one photograph: the same recipe with other seeds, and where they differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from restauro.api.result import Result
from restauro.api.tasks import make_recipe, runs
from restauro.core.errors import RecipeError
from restauro.core.events import Listener, silent
from restauro.evaluation.spread import Spread, Window
from restauro.photo.photo import Photo
from restauro.photo.read import Source
from restauro.photo.resize import resize
from restauro.systems._report import FaceReport

ROOM = 0.35
"""How much is shown around a face, in shares of its box."""


def variants(
    source: Source | Photo,
    count: int,
    *,
    task: str = "restore",
    mask: Any = None,
    reference: Sequence[Source | Photo] = (),
    device: str = "auto",
    listener: Listener = silent,
    **settings: Any,
) -> tuple[list[Result], Spread]:
    """`count` results with the seeds seed, seed + 1, ..., and where they differ: what varies is not in the photograph.

    task: restore, enhance, colorize, inpaint or old-photo. settings: as for that task. Of the spread: `deviation` (H, W) of
    255, `mean`, `map()` and `sheet(titles)`, two pictures.

    >>> results, spread = restauro.variants("grandma.jpg", 4)  # doctest: +SKIP
    """
    if count < 2:
        raise RecipeError(f"{count} variants: at least 2 can differ")
    recipe = make_recipe("reference" if reference and task == "restore" else task, **settings)
    seeds = range(recipe.seed, recipe.seed + count)
    found = list(runs(source, recipe, seeds, mask=mask, reference=reference, device=device, listener=listener))
    spread = spread_of(found[0])
    for result in found:
        spread.add(result.pixels)
    return found, spread


def spread_of(result: Result) -> Spread:
    """An empty spread for the variants of this result: its sheet shows the faces that were changed, or else the picture."""
    height, width = result.pixels.shape[:2]
    before = (
        result.source.pixels if result.pixels.shape == result.source.pixels.shape else resize(result.source.pixels, height, width)
    )
    shown = [] if result.recipe.aligned else [face for face in result.report.faces if face.verdict in ("restored", "unsure")]
    if not shown:
        return Spread(before, [(0, 0, width, height)])
    windows = [_window(face, result.recipe.upscale, width, height) for face in shown]
    return Spread(before, windows, [f"face {face.number}" for face in shown] if len(shown) > 1 else [])


def _window(face: FaceReport, scale: int, width: int, height: int) -> Window:
    x, y, across, down = (scale * value for value in face.box)
    more = ROOM * max(across, down)
    left, top, right, bottom = x - more, y - more, x + across + more, y + down + more
    low, high = np.floor((max(left, 0), max(top, 0))).astype(int), np.ceil((min(right, width), min(bottom, height))).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])
