"""Is -w a promise? The nearer to 1, the nearer the result to the photograph. `python -m benchmarks.fidelity`

The perception-distortion curve of every task: distance to the input and to the first stage's answer, LPIPS and PSNR to
the truth. Distances are root mean squares in levels of 255 over what the input still shows: outside the holes, and where
the task gives colour on purpose, of the lightness alone. Colorizing and inpainting keep what they are shown exactly at
every w; what w decides there is how far the invented part may go from the first stage.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import torch
from torch import Tensor

from benchmarks.answers import answer, ours, with_first_stage
from benchmarks.faces import Faces, damaged
from benchmarks.scores import Judges
from restauro.evaluation.tables import Cell, Column, Table
from restauro.properties.lightness import Lightness
from restauro.systems.pgdiff.recipe import TASKS

OUT = Path(__file__).parent / "out"
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
]


class Point(NamedTuple):
    """One w: mean distances over the faces, and the pictures."""

    fidelity: float
    to_input: float
    to_first: float
    pictures: Tensor


def curve(task: str, faces: Faces, fidelities: list[float], steps: int) -> list[Point]:
    """The task's recipe at every w. `faces.restored` must be known."""
    assert faces.restored is not None
    points = []
    for fidelity in fidelities:
        recipe = msgspec.structs.replace(ours(task, steps), fidelity=fidelity)
        made = answer(recipe, faces).pictures
        change = made - faces.picture
        if task in ("colorize", "old-photo"):
            change = Lightness().measure(change)
        everywhere = torch.ones_like(made[:, :1])
        shown = everywhere if faces.mask is None else 1 - faces.mask
        invented = faces.mask if task == "inpaint" and faces.mask is not None else everywhere
        points.append(Point(fidelity, rms(change, shown), rms(made - faces.restored, invented), made))
    return points


def rms(change: Tensor, weight: Tensor) -> float:
    """Mean over the faces of the weighted root mean square, in levels of 255."""
    return float(((change.square().mean(1, keepdim=True) * weight).sum((1, 2, 3)) / weight.sum((1, 2, 3))).sqrt().mean() * 127.5)


def falls(task: str, points: list[Point]) -> bool:
    """Whether the promise is kept."""
    to_input, to_first = [p.to_input for p in points], [p.to_first for p in points]
    if task in EXACT:
        return max(to_input) < TOLERANCE and bool((np.diff(to_first) < 0).all())
    return bool((np.diff(to_input) < 0).all())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=32, help="validation faces")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--points", type=int, default=9, help="values of w from 0 to 1")
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--out", type=Path, default=OUT, help="where the tables go")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for task in args.tasks:
        faces = with_first_stage(TASKS[task], damaged(task, "val", args.faces))
        judge = Judges(faces)
        points = curve(task, faces, np.linspace(0, 1, args.points).tolist(), args.steps)
        rows: list[tuple[str, list[Cell]]] = []
        for point in points:
            scores = {title: float(values.mean()) for title, values in judge(point.pictures).items()}
            cells: list[Cell] = [point.to_input, point.to_first, scores["LPIPS"], scores["PSNR"], scores["identity"]]
            rows.append((f"w {point.fidelity:.3f}", cells))
        note = f"the promise is kept: {'yes' if falls(task, points) else 'no'}"
        table = Table(f"{task}: {args.faces} validation faces, {args.steps} calls", COLUMNS, rows, note)
        print(table.text(), flush=True)
        table.save(args.out / f"fidelity-{task}.json")


if __name__ == "__main__":
    main()
