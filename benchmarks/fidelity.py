"""Is -w a promise? The nearer to 1, the nearer the result to the photograph. `python -m benchmarks.fidelity`

The perception-distortion curve of every task: distance to the input and to the first stage's answer, LPIPS and PSNR to
the truth. Distances are root mean squares in levels of 255 over what the input still shows: outside the holes, and where
the task gives colour on purpose, of the lightness alone. Colorizing and inpainting keep what they are shown exactly at
every w; what w decides there is how far the invented part may go from the first stage.

`--with diffbir --plot FILE` draws the paper's trade between fidelity and quality: w is the strength of the region guidance, and
what falls is the distance to the first stage's answer. Quality without a truth is the Frechet distance between the answers
and other clean faces, in LPIPS-Alex features (no FID; it is larger for fewer faces).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks import latent
from benchmarks.answers import answer, ours, with_first_stage
from benchmarks.faces import SHARED, Faces, clean, damaged
from benchmarks.scores import Judges
from restauro.core.recipe import Recipe
from restauro.evaluation.frechet import alex_features, frechet_distance, moments
from restauro.evaluation.sheets import save_sheet
from restauro.evaluation.tables import Cell, Column, Table
from restauro.properties.lightness import Lightness
from restauro.systems.diffbir.recipe import TASKS_WITH
from restauro.systems.pgdiff.recipe import TASKS
from restauro.training.plot import draw

OUT = Path(__file__).parent / "out"
BATCH = 32
EXACT = ("colorize", "inpaint")
"""Tasks that keep what they are shown."""
TOLERANCE = 0.5
"""Levels: what rounding to 8 bits and the ends of the range may cost where it should be exact."""
COLUMNS = [
    Column("to the input", "", 3),
    Column("to the first stage", "", 3),
    Column("LPIPS", "down", 4),
    Column("PSNR", "up", 2),
    Column("identity", "down", 3),
    Column("sharpness", "", 2),
    Column("Frechet", "down", 1),
]
TRADE = ("LPIPS", "Frechet")
"""What is drawn over PSNR."""
Scores = dict[str, float]
"""A measure's mean over the faces."""


class Point(NamedTuple):
    """One w: mean distances over the faces, and the pictures."""

    fidelity: float
    to_input: float
    to_first: float
    pictures: Tensor


def curve(recipe: Recipe, faces: Faces, fidelities: list[float]) -> list[Point]:
    """The recipe at every w. `faces.restored` must be known."""
    assert faces.restored is not None
    points = []
    for fidelity in fidelities:
        made = answer(msgspec.structs.replace(recipe, fidelity=fidelity), faces).pictures
        change = made - faces.picture
        if recipe.task in ("colorize", "old-photo"):
            change = Lightness().measure(change)
        everywhere = torch.ones_like(made[:, :1])
        shown = everywhere if faces.mask is None else 1 - faces.mask
        invented = faces.mask if recipe.task == "inpaint" and faces.mask is not None else everywhere
        points.append(Point(fidelity, rms(change, shown), rms(made - faces.restored, invented), made))
    return points


def rms(change: Tensor, weight: Tensor) -> float:
    """Mean over the faces of the weighted root mean square, in levels of 255."""
    return float(((change.square().mean(1, keepdim=True) * weight).sum((1, 2, 3)) / weight.sum((1, 2, 3))).sqrt().mean() * 127.5)


def falls(recipe: Recipe, points: list[Point]) -> bool:
    """Whether the promise is kept. DiffBIR's region guidance draws to the first stage's answer, not to the photograph."""
    to_input, to_first = [p.to_input for p in points], [p.to_first for p in points]
    nearer = bool((np.diff(to_first) < 0).all())
    if recipe.task in EXACT:
        return max(to_input) < TOLERANCE and nearer
    return nearer if recipe.system == "diffbir" else bool((np.diff(to_input) < 0).all())


def scored(faces: Faces, points: list[Point]) -> list[Scores]:
    """Every column of every point."""
    judge, features = Judges(faces), alex_features(SHARED / "data" / "weights" / "lpips_alex_f16.npz")
    others = moments(features(part) for part in clean("test").split(BATCH))
    found = []
    for point in points:
        known: Scores = {title: float(values.mean()) for title, values in judge(point.pictures).items()}
        known["Frechet"] = frechet_distance(moments(features(part) for part in point.pictures.split(BATCH)), others)
        found.append(known | {"to the input": point.to_input, "to the first stage": point.to_first})
    return found


def plot(points: list[Point], scores: list[Scores]) -> Image.Image:
    """Every column over w; and below, what is seen of quality over what is kept."""
    over = {c.title: [(p.fidelity, one[c.title]) for p, one in zip(points, scores, strict=True)] for c in COLUMNS}
    trade = {f"{title}, from w 0 to w 1": [(round(one["PSNR"], 2), one[title]) for one in scores] for title in TRADE}
    upper, lower = draw(over, "w"), draw(trade, "PSNR")
    sheet = Image.new("RGB", (upper.width, upper.height + lower.height), "white")
    sheet.paste(upper, (0, 0))
    sheet.paste(lower, (0, upper.height))
    return sheet


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--with", dest="system", default="pgdiff", choices=["pgdiff", "diffbir"], help="system (default pgdiff)")
    parser.add_argument("--faces", type=int, default=32, help="validation faces")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--points", type=int, default=9, help="values of w from 0 to 1")
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), help="default: all that the system has")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the curves; of several tasks FILE-TASK")
    parser.add_argument("--out", type=Path, default=OUT, help="where the tables go")
    latent.add_weights(parser)
    args = parser.parse_args(words)
    names, here = latent.weights(args), TASKS_WITH if args.system == "diffbir" else TASKS
    if args.system == "diffbir" and (why := latent.missing(names)):
        raise SystemExit(why)
    tasks = args.tasks or list(here)
    if strange := set(tasks) - set(here):
        raise SystemExit(f"{args.system} does not {min(strange)}; it has {', '.join(here)}")
    args.out.mkdir(parents=True, exist_ok=True)
    for task in tasks:
        recipe = ours(task, args.steps) if args.system == "pgdiff" else latent.recipe_of(task, names, steps=args.steps)
        faces = with_first_stage(recipe, damaged(task, "val", args.faces))
        points = curve(recipe, faces, np.linspace(0, 1, args.points).tolist())
        scores = scored(faces, points)
        table = table_of(recipe, points, scores)
        print(table.text(), flush=True)
        table.save(args.out / f"fidelity-{task}{'' if args.system == 'pgdiff' else '-diffbir'}.json")
        if args.plot:
            place = args.plot if len(tasks) == 1 else args.plot.with_stem(f"{args.plot.stem}-{task}")
            print(f"drawn in {save_sheet(plot(points, scores), place)}", flush=True)


def table_of(recipe: Recipe, points: list[Point], scores: list[Scores]) -> Table:
    rows: list[tuple[str, list[Cell]]] = [
        (f"w {point.fidelity:.3f}", [one[column.title] for column in COLUMNS]) for point, one in zip(points, scores, strict=True)
    ]
    note = f"the promise is kept: {'yes' if falls(recipe, points) else 'no'}"
    title = f"{recipe.task}, {recipe.system}: {len(points[0].pictures)} validation faces, {recipe.steps} calls"
    return Table(title, COLUMNS, rows, note)


if __name__ == "__main__":
    main()
