"""Does restoring bring a face nearer to the person? `python -m benchmarks.likeness`

Test faces damaged at four fixed levels; the distance of dlib's embedding to the truth's, for the input, for the restorer
alone and for ours. dlib's network judges only: no part of the package trains or guides with it. Beside it stands what the
same person measures in two different photographs: below that a distance says nothing about who it is.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import msgspec
import numpy as np
from torch import Tensor

from benchmarks.answers import answer
from benchmarks.faces import SHARED, damaged
from benchmarks.judge import identity_judge
from benchmarks.scores import Judges, levels
from restauro.evaluation.statistics import Interval, mean_interval, paired_difference
from restauro.evaluation.tables import Cell, Column, Table
from restauro.systems.pgdiff.recipe import TASKS
from restauro.training.data import load

OUT = Path(__file__).parent / "out"
SAME = 0.6
"""dlib's customary threshold."""


def chain(sigma: float, factor: float, noise: float, quality: int) -> str:
    """The blind-face chain at one strength, lengths in pixels of a 512-px face."""
    values = {"blur": sigma, "downsample": factor, "noise": noise, "jpeg": quality}
    return "+".join(f"{link}:low={value},high={value}" for link, value in values.items())


LEVELS = {
    "light": chain(2, 2, 2, 90),
    "medium": chain(4, 6, 6, 80),
    "heavy": chain(7, 12, 10, 70),
    "severe": chain(10, 20, 15, 50),
}
"""In the small picture the eyes are 42, 28, 14 and 8 px apart; with less than that the product leaves a face alone."""
COLUMNS = [
    Column("identity", "", 3),
    Column("median", "", 3),
    Column("90 %", "", 3),
    Column(f"under {SAME}", "", 2),
    Column("minus input", "", 4),
]


def same_person(limit: int = 0) -> np.ndarray:
    """Distances between two different photographs of a person: the same pairs of the identity protocol."""
    with (SHARED / "data" / "identity" / "pairs.csv").open() as file:
        pairs = [[int(row[x].removeprefix("id-")) for x in "ab"] for row in csv.DictReader(file) if row["same"] == "1"]
    index = np.array(pairs[: limit or None])
    pictures, embed = load(SHARED / "data" / "identity" / "identity.tar", 128), identity_judge()
    used, place = np.unique(index, return_inverse=True)
    known = embed(levels(pictures.batch(used)))
    first, second = known[place.reshape(index.shape)].transpose(1, 0, 2)
    return np.asarray(np.linalg.norm(first - second, axis=1))


def level(name: str, count: int, usual: float) -> tuple[list[tuple[str, list[Cell]]], str]:
    """One level's rows and its verdict. usual: the median distance between two photographs of a person."""
    faces = damaged("restore", "test", count, chain=LEVELS[name])
    judge, recipe = Judges(faces), TASKS["restore"]
    alone = msgspec.structs.replace(recipe, steps=0, wants=())
    pictures: dict[str, Tensor] = {
        "input": faces.picture,
        "restorer alone": answer(alone, faces).pictures,
        f"ours {recipe.steps}": answer(recipe, faces).pictures,
    }
    far = {row: judge.identity(picture) for row, picture in pictures.items()}
    rows: list[tuple[str, list[Cell]]] = []
    for row, values in far.items():
        difference = None if row == "input" else paired_difference(values, far["input"])
        spread = [float(np.median(values)), float(np.quantile(values, 0.9)), float((values < SAME).mean())]
        rows.append((f"{name}: {row}", [mean_interval(values), *spread, difference]))
    change = rows[-1][1][-1]
    assert isinstance(change, Interval)
    nearer = "yes" if change.high < 0 else "no, farther" if change.low > 0 else "undecided"
    within = "yes" if float(np.median(far["input"])) < usual else "no"
    return (
        rows,
        f"{name}: restored nearer the truth than the input: {nearer}; input already within same-person distance: {within}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=100, help="test faces a level")
    parser.add_argument("--pairs", type=int, default=0, help="pairs of photographs of a person; 0: all 400")
    parser.add_argument("--out", type=Path, default=OUT, help="where the table goes")
    args = parser.parse_args()
    usual = same_person(args.pairs)
    median, most = float(np.median(usual)), float(np.quantile(usual, 0.9))
    rows, verdicts = [], []
    for name in LEVELS:
        print(f"  {name} ...", flush=True)
        found, verdict = level(name, args.faces, median)
        rows += found
        verdicts.append(verdict)
    usually = f"two photographs of one person: median {median:.3f}, 90 % below {most:.3f}, n = {len(usual)}"
    notes = "\n".join([usually, *verdicts, *(f"{name} = {links}" for name, links in LEVELS.items())])
    table = Table(f"likeness: {args.faces} test faces a level, dlib's distance to the truth", COLUMNS, rows, notes)
    print(table.text())
    args.out.mkdir(parents=True, exist_ok=True)
    table.save(args.out / "likeness.json")
    table.save(args.out / "likeness.md")


if __name__ == "__main__":
    main()
