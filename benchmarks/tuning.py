"""Settings of the rivals, chosen on validation faces: the strengths of guidance, and the classical method."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from torch import Tensor

from benchmarks.answers import answer, weights_of
from benchmarks.faces import Faces, damaged
from benchmarks.scores import Judges
from restauro.core.recipe import Recipe
from restauro.evaluation.classical import classical
from restauro.systems.pgdiff.faces import to_array, to_tensor
from restauro.systems.pgdiff.photograph import fill
from restauro.systems.pgdiff.recipe import BASELINES, PUBLISHED, TASKS, baseline

HERE = Path(__file__).parent
TUNED = HERE / "tuned.json"
CLASSICAL = {"restore": "restore", "reference": "restore", "colorize": "colorize", "inpaint": "inpaint", "old-photo": "denoise"}
SCALES = {
    "restore": (0.1, 3.0, 10.0, 30.0, 100.0),
    "reference": (0.05, 1.0, 3.0, 10.0, 30.0),
    "colorize": (0.01, 0.1, 0.3, 1.0),
    "inpaint": (0.01, 0.1, 0.5, 1.0),
    "old-photo": (0.0015, 0.01, 0.05, 0.3),
}
"""Values of s that are tried first: the published one, then far above it, where it is at its best in 100 steps."""
GDP_SCALES = (0.05, 0.15, 0.45)
FARTHEST = 6
"""How often a grid is made longer by a factor of 3 when its best value is the last one."""


def published(task: str, scale: float, start: float) -> Recipe:
    """The published algorithm at one strength, from pure noise (start 0) or from a warm start."""
    recipe = PUBLISHED[task]
    assert recipe.published is not None
    return msgspec.structs.replace(recipe, start=start, published=msgspec.structs.replace(recipe.published, scale=scale))


def rivals(task: str) -> dict[str, tuple[tuple[float, ...], Callable[[float], Recipe]]]:
    """What is tuned: name -> the values of s that are tried first, and the recipe of one."""
    warm = TASKS[task].start
    found: dict[str, tuple[tuple[float, ...], Callable[[float], Recipe]]] = {
        "noise": (SCALES[task], lambda s: published(task, s, 0.0)),
        "warm": (SCALES[task], lambda s: published(task, s, warm)),
    }
    if f"{task}-gdp" in BASELINES:
        found["gdp"] = (GDP_SCALES, lambda s: baseline("gdp", task, scale=s))
    return found


def classical_answers(faces: Faces) -> dict[str, Tensor]:
    """What OpenCV and scikit-image offer for the task. Old photographs: holes closed from their edges, then denoised."""
    picture = faces.picture
    if faces.task == "old-photo" and faces.mask is not None:
        pairs = zip(picture, faces.mask, strict=True)
        filled = [fill(to_array(one), mask[0].numpy()) for one, mask in pairs]
        picture = to_tensor(filled, picture.device)
    return classical(CLASSICAL[faces.task], picture, faces.mask)  # type: ignore[arg-type]


def tune(task: str, count: int, fresh: bool = False) -> None:
    """Choose the classical method, s for both starts, and GDP's; written to tuned.json with everything that was tried."""
    faces = damaged(task, "val", count)
    judge = Judges(faces)
    methods = {name: judge.primary(picture) for name, picture in classical_answers(faces).items() if name != "input"}
    chosen: dict[str, Any] = {
        "classical": min(methods, key=methods.__getitem__),
        "faces": count,
        "weights": {name: sha256[:12] for name, sha256 in weights_of(PUBLISHED[task]).items()},
    }
    for name, (first, recipe) in rivals(task).items():

        def score(s: float, recipe: Callable[[float], Recipe] = recipe) -> float:
            return judge.primary(answer(recipe(s), faces, keep=True, fresh=fresh).pictures)

        chosen[name], tried = lowest(score, first)
        chosen[f"{name} tried"] = {f"{s:g}": round(value, 4) for s, value in tried.items()}
        print(task, name, chosen[f"{name} tried"], flush=True)
    known = json.loads(TUNED.read_text()) if TUNED.exists() else {}
    TUNED.write_text(json.dumps(known | {task: chosen}, indent=1) + "\n")


def lowest(score: Callable[[float], float], first: tuple[float, ...]) -> tuple[float, dict[float, float]]:
    """Where a score is lowest, and all that was tried, ascending: a grid, made longer while its best is at an end, then
    the geometric means between the best and its neighbours."""
    tried = {s: score(s) for s in first}
    for _ in range(FARTHEST):
        best = min(tried, key=tried.__getitem__)
        if min(tried) < best < max(tried):
            break
        further = float(f"{best * 3 if best == max(tried) else best / 3:.3g}")
        tried[further] = score(further)
    grid = sorted(tried)
    at = grid.index(min(tried, key=tried.__getitem__))
    for neighbour in grid[max(at - 1, 0) : at + 2]:
        if neighbour != grid[at]:
            between = float(f"{(neighbour * grid[at]) ** 0.5:.3g}")
            tried[between] = score(between)
    return min(tried, key=tried.__getitem__), dict(sorted(tried.items()))
