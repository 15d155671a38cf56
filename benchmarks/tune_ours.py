"""Search over the settings of our recipes on validation faces. `python -m benchmarks.tune_ours --task restore --grid JSON`

The grid is an object of lists; each combination is one setting, laid over the task's recipe:
  "start", "fidelity", "told", ...   fields of the recipe
  "sampler": "ddim:eta=1"            with its knobs
  "lightness.weight", "smooth-semantics.cutoff"   a want's weight (0: without it) or knob; a want that is not there is added
  "wants": ["lightness;identity:weight=0.2"]      all wants anew
  "rho": the curvature of the Karras steps (7 is ours)
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from torch import Tensor

from benchmarks.answers import ours, restored, with_first_stage
from benchmarks.faces import Faces, damaged
from benchmarks.scores import UP, Judges, primary
from restauro.core.knobs import parse_settings
from restauro.core.recipe import Recipe, Want, parse_want
from restauro.core.registry import PROPERTIES
from restauro.diffusion import spacing
from restauro.evaluation.tables import Column, Table
from restauro.systems.pgdiff.recipe import TASKS

COLUMNS = [
    Column("LPIPS", "down", 4),
    Column("hole PSNR", "up", 2),
    Column("PSNR", "up", 2),
    Column("identity", "down", 4),
    Column("sharpness", "", 2),
    Column("s/face", "", 2),
]
Setting = dict[str, Any]


def settings(grid: dict[str, list[Any]], draws: int, seed: int) -> Iterator[Setting]:
    """All combinations, or some drawn at random; the recipe as it is comes first."""
    yield {}
    every = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    chosen = np.random.default_rng(seed).permutation(len(every))[:draws] if draws else range(len(every))
    yield from (every[i] for i in chosen if every[i])


def laid_over(recipe: Recipe, setting: Setting) -> Recipe:
    """The recipe with a setting. Raises RecipeError for names and values that are none."""
    for name, value in setting.items():
        if name == "rho":
            continue
        if name == "sampler":
            sampler, knobs = parse_settings(value)
            recipe = msgspec.structs.replace(recipe, sampler=sampler, sampler_knobs=knobs)
        elif name == "wants":
            recipe = msgspec.structs.replace(recipe, wants=tuple(parse_want(one) for one in value.split(";") if one))
        elif "." in name:
            recipe = msgspec.structs.replace(recipe, wants=_wanted(recipe.wants, name, value))
        else:
            recipe = msgspec.structs.replace(recipe, **{name: value})
    return msgspec.structs.replace(recipe, wants=tuple(want for want in recipe.wants if want.weight))


def _wanted(wants: tuple[Want, ...], path: str, value: Any) -> tuple[Want, ...]:
    """The wants with one weight or knob, PROPERTY.NAME, changed."""
    name, _, what = path.partition(".")
    name = PROPERTIES.check(name)
    if name not in [want.property for want in wants]:
        wants = (*wants, Want(property=name))
    changed = []
    for want in wants:
        if want.property == name and what == "weight":
            want = msgspec.structs.replace(want, weight=value)
        elif want.property == name:
            want = msgspec.structs.replace(want, knobs=want.knobs | {what: value})
        changed.append(want)
    return tuple(changed)


def answer(recipe: Recipe, faces: Faces, rho: float = 7.0) -> Tensor:
    spacing.KARRAS_RHO = rho
    return restored(recipe, faces)


def search(task: str, steps: int, faces: Faces, judges: Judges, chosen: Iterator[Setting], out: Path) -> Table:
    """Every setting's scores, best first; also one JSON line each, as they come."""
    rows: list[tuple[str, list[float]]] = []
    assert faces.restored is not None
    known = {"input": faces.picture, "restorer alone": faces.restored}
    for name, picture in known.items():
        rows.append((name, _row(judges, picture, 0.0)))
    for setting in chosen:
        recipe = laid_over(ours(task, steps), setting)
        began = time.perf_counter()
        picture = answer(recipe, faces, setting.get("rho", 7.0))
        row = _row(judges, picture, (time.perf_counter() - began) / len(faces.clean))
        name = " ".join(f"{key}={value}" for key, value in setting.items()) or "as it is"
        rows.append((name, row))
        line = {"task": task, "steps": steps, "faces": len(faces.clean), "setting": setting}
        scores = {c.title: round(v, 5) for c, v in zip(COLUMNS, row, strict=True) if np.isfinite(v)}
        print(f"{steps} steps  {name}  {scores}", flush=True)
        with out.open("a") as file:
            file.write(json.dumps(line | scores | {"recipe": msgspec.to_builtins(recipe)}) + "\n")
    at = [column.title for column in COLUMNS].index(primary(task))
    rows.sort(key=lambda row: -row[1][at] if primary(task) in UP else row[1][at])
    return Table(f"{task}, {steps} steps, {len(faces.clean)} validation faces, by {primary(task)}", COLUMNS, rows)


def _row(judges: Judges, picture: Tensor, seconds: float) -> list[float]:
    scores = judges(picture)
    return [float(scores[c.title].mean()) if c.title in scores else float("nan") for c in COLUMNS[:-1]] + [seconds]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", required=True, choices=list(TASKS))
    parser.add_argument("--steps", type=int, nargs="+", default=[4, 10, 20])
    parser.add_argument("--faces", type=int, default=40, help="validation faces")
    parser.add_argument("--grid", default="{}", help="JSON, or @FILE")
    parser.add_argument("--random", type=int, default=0, metavar="N", help="draw N combinations instead of trying all")
    parser.add_argument("--seed", type=int, default=0, help="of the draws")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "out")
    args = parser.parse_args()
    grid = json.loads(Path(args.grid[1:]).read_text() if args.grid.startswith("@") else args.grid)
    args.out.mkdir(parents=True, exist_ok=True)
    faces = with_first_stage(TASKS[args.task], damaged(args.task, "val", args.faces))
    judges = Judges(faces)
    for steps in args.steps:
        chosen = settings(grid, args.random, args.seed)
        print(search(args.task, steps, faces, judges, chosen, args.out / f"ours-{args.task}.jsonl").text(), flush=True)


if __name__ == "__main__":
    main()
