"""One table a task: what five tasks give, against what a user would otherwise pick. `python -m benchmarks.restoration`

Rows: the input; the best classical method; the restorer alone; PGDiff as published at 100 calls, its s tuned, from pure
noise and from the same warm start as ours; GDP and DDNM at 100 calls; ours at 4, 10 and 20 calls, and without showing
the prior the damaged picture. Settings are chosen on the validation split (`--tune` writes them to tuned.json) and
reported on the test split. Identity is judged by dlib's network and perceptual distance by LPIPS-Alex: neither guided
anything nor was a training loss. Answers of 100 calls are kept in benchmarks/out/cache.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from torch import Tensor

from benchmarks.answers import Answer, answer, ours, weights_of
from benchmarks.faces import Faces, damaged
from benchmarks.scores import UP, Judges, primary
from benchmarks.tuning import HERE, TUNED, classical_answers, published, rivals, tune
from restauro.core.recipe import Recipe, Want
from restauro.evaluation.sheets import contact_sheet, save_sheet
from restauro.evaluation.statistics import Interval, mean_interval, paired_difference
from restauro.evaluation.tables import Cell, Column, Table
from restauro.systems.pgdiff import engine
from restauro.systems.pgdiff.recipe import ANEW, PUBLISHED, SEEN, baseline
from restauro.systems.pgdiff.references import looks_at_reference
from restauro.weights.store import find

STEPS = (4, 10, 20)
SCORES = [
    Column("LPIPS", "down", 3),
    Column("hole PSNR", "up", 2),
    Column("PSNR", "up", 2),
    Column("SSIM", "up", 3),
    Column("identity", "down", 3),
    Column("sharpness", "", 2),
]
COLUMNS = [*SCORES, Column("calls", "", 0), Column("s/face", "", 2)]
Scores = dict[str, dict[str, np.ndarray]]
"""Row -> column -> one number a face."""


def recipes_of(task: str, tuned: dict[str, Any]) -> dict[str, Recipe]:
    """The rows that a recipe makes."""
    plain = ours(task, 10)
    rows = {
        "restorer alone": msgspec.structs.replace(
            plain, steps=0, wants=tuple(w for w in plain.wants if w.weight >= 1 and not looks_at_reference(w))
        ),
        "published 100, pure noise": published(task, tuned["noise"], 0.0),
        "published 100, warm start": published(task, tuned["warm"], plain.start),
    }
    if task != "reference":  # neither method has it
        rows["GDP 100"] = baseline("gdp", task, scale=tuned["gdp"])
        rows["DDNM 100"] = baseline("ddnm", task)
    rows |= {f"ours {steps}": ours(task, steps) for steps in STEPS}
    if find(plain.prior)[0].observes:
        rows[f"ours 10, {'not told' if plain.told else 'told'}"] = msgspec.structs.replace(plain, told=not plain.told)
    if SEEN in plain.wants:
        rows["ours 10, unseen"] = msgspec.structs.replace(plain, wants=tuple(want for want in plain.wants if want != SEEN))
    if plain.sampler == ANEW:
        rows["ours 10, DDIM"] = msgspec.structs.replace(plain, sampler="ddim")
    if task == "reference":
        alone = tuple(want for want in plain.wants if not looks_at_reference(want))
        rows["ours 10, no reference"] = msgspec.structs.replace(plain, wants=alone)
        rows["ours 10, by identity"] = msgspec.structs.replace(plain, wants=(*alone, Want(property="identity", weight=0.1)))
    return rows


def rows_of(task: str, tuned: dict[str, Any], faces: Faces, fresh: bool) -> dict[str, tuple[Answer, int]]:
    """Name -> answer and calls."""
    best = classical_answers(faces)[tuned["classical"]]
    found = {"input": (Answer(faces.picture, 0.0), 0), f"classical: {tuned['classical']}": (Answer(best, 0.0), 0)}
    for name, recipe in recipes_of(task, tuned).items():
        print(f"  {task}: {name} ...", flush=True)
        found[name] = answer(recipe, faces, keep=recipe.steps >= 100, fresh=fresh), calls(recipe)
    return found


def calls(recipe: Recipe) -> int:
    """Of the prior, and one of the first stage where the answer depends on it; none of these recipes needs a Jacobian."""
    looks = (engine.property_of(want) for want in recipe.wants)
    first = recipe.start > 0 or recipe.steps == 0 or any(getattr(look, "of", "") == "restored" for look in looks)
    return recipe.steps + first


def bench(task: str, count: int, out: Path, fresh: bool) -> None:
    """Print one task's table and its paired differences; write them, every face's scores and the contact sheet."""
    tuned = json.loads(TUNED.read_text()).get(task, {})
    if missing := {"classical", *rivals(task)} - set(tuned):
        raise SystemExit(f"{TUNED.name} has no {', '.join(sorted(missing))} for {task}; first run with --tune --tasks {task}")
    faces = damaged(task, "test", count)
    rows, judge = rows_of(task, tuned, faces, fresh), Judges(faces)
    scores: Scores = {name: judge(made.pictures) for name, (made, _) in rows.items()}
    cells: list[tuple[str, list[Cell]]] = [
        (name, [*_means(scores[name]), spent, made.seconds]) for name, (made, spent) in rows.items()
    ]
    notes = [*compared(task, scores), frontier(scores)]
    if tuned["weights"] != short(weights_of(PUBLISHED[task])):
        notes.append("note: s was tuned with other weights")
    table = Table(f"{task}: {len(faces.clean)} test faces, primary column {primary(task)}", COLUMNS, cells, "\n".join(notes))
    print(table.text(), flush=True)
    out.mkdir(parents=True, exist_ok=True)
    table.save(out / f"restoration-{task}.json")
    table.save(out / f"restoration-{task}.md")
    plain = {name: {title: values.tolist() for title, values in columns.items()} for name, columns in scores.items()}
    (out / f"restoration-{task}-scores.json").write_text(json.dumps(plain))
    sheet(faces, {name: made.pictures for name, (made, _) in rows.items()}, table.title, out / f"restoration-{task}.png")


def sheet(faces: Faces, rows: dict[str, Tensor], title: str, path: Path) -> None:
    rows = {**rows, "truth": faces.clean} | ({} if faces.reference is None else {"reference": faces.reference})
    shown = np.linspace(0, len(faces.clean) - 1, min(len(faces.clean), 8)).astype(int)
    pictures = [[one[i] for one in rows.values()] for i in shown]
    save_sheet(contact_sheet(pictures, list(rows), cell=144, heading=title), path)


def compared(task: str, scores: Scores) -> list[str]:
    """The paired differences that decide whether ours is better, in which column, and what its parts are worth."""
    column, theirs = primary(task), better(task, scores)
    pairs = [("ours 10", name) for name in (theirs, *(n for n in scores if not n.startswith("ours") and n != theirs))]
    pairs += [("ours 4", "ours 10"), ("ours 20", "ours 10")]
    pairs += [(name, "ours 10") for name in scores if name.startswith("ours 10, ")]
    lines = [f"{a} - {b}, {column}: {_said(paired_difference(scores[a][column], scores[b][column]))}" for a, b in pairs]
    wins = beats(column, paired_difference(scores["ours 10"][column], scores[theirs][column]))
    lines.insert(1, f"ours 10 beats {theirs} (the better of the published two) beyond doubt: {'yes' if wins else 'no'}")
    judged = ["input", *(name for name in scores if name in ("restorer alone", "ours 10, no reference", theirs))]
    lines += [
        f"ours 10 - {b}, identity distance: {_said(paired_difference(scores['ours 10']['identity'], scores[b]['identity']))}"
        for b in judged
    ]
    return lines


def better(task: str, scores: Scores) -> str:
    """Of the two published rows the one that is better in the task's column."""
    sign = -1 if primary(task) in UP else 1
    return min((n for n in scores if n.startswith("published")), key=lambda n: sign * float(scores[n][primary(task)].mean()))


def beats(column: str, difference: Interval) -> bool:
    return difference.low > 0 if column in UP else difference.high < 0


def frontier(scores: Scores) -> str:
    """Which side of the PSNR-sharpness trade is the weaker one of ours."""
    others = [n for n in scores if n.endswith(("noise", "start", "100")) or n == "restorer alone"]
    best_psnr = max(others, key=lambda n: float(scores[n]["PSNR"].mean()))
    best_sharp = min(others, key=lambda n: abs(float(scores[n]["sharpness"].mean()) - 1))
    gap = float(scores["ours 10"]["PSNR"].mean() - scores[best_psnr]["PSNR"].mean())
    sharp = float(scores["ours 10"]["sharpness"].mean()), float(scores[best_sharp]["sharpness"].mean())
    return (
        f"PSNR {gap:+.2f} dB to {best_psnr}; sharpness {sharp[0]:.2f}, nearest to 1 of the others {sharp[1]:.2f} ({best_sharp})"
    )


def summary(out: Path) -> Table:
    """All tasks whose scores lie in `out`, one line each."""
    titles = ["input", "classical", "restorer", "published", "GDP", "DDNM", *(f"ours {steps}" for steps in STEPS)]
    differences = ["ours 10 - published", "ours 4 - 10", "ours 20 - 10", "identity: ours 10 - input"]
    columns = [Column("measure"), *(Column(title, "", 3) for title in titles), Column("faces", "", 0), Column("beaten")]
    columns += [Column(title, "", 4) for title in differences]
    rows: list[tuple[str, list[Cell]]] = []
    for task in PUBLISHED:
        path = out / f"restoration-{task}-scores.json"
        if not path.exists():
            continue
        scores: Scores = {n: {c: np.array(v) for c, v in of.items()} for n, of in json.loads(path.read_text()).items()}
        column, theirs = primary(task), better(task, scores)
        names = ["input", next(n for n in scores if n.startswith("classical")), "restorer alone", theirs, "GDP 100", "DDNM 100"]
        names += [f"ours {steps}" for steps in STEPS]
        means: list[Cell] = [float(scores[n][column].mean()) if n in scores else None for n in names]
        gaps = [
            paired_difference(scores[a][column], scores[b][column])
            for a, b in (("ours 10", theirs), ("ours 4", "ours 10"), ("ours 20", "ours 10"))
        ]
        gaps.append(paired_difference(scores["ours 10"]["identity"], scores["input"]["identity"]))
        verdict = "yes" if beats(column, gaps[0]) else "no"
        rows.append((task, [column, *means, len(scores["input"][column]), verdict, *gaps]))
    return Table("all tasks, test faces; published: the better of two starts, s tuned", columns, rows)


def _means(scores: dict[str, np.ndarray]) -> list[Cell]:
    return [mean_interval(scores[c.title]) if c.title in scores else None for c in SCORES]


def _said(interval: Interval) -> str:
    return f"{interval.mean:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"


def short(weights: dict[str, str]) -> dict[str, str]:
    return {name: sha256[:12] for name, sha256 in weights.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=50, help="test faces (validation faces with --tune)")
    parser.add_argument("--tasks", nargs="+", default=list(PUBLISHED), choices=list(PUBLISHED))
    parser.add_argument("--tune", action="store_true", help="choose settings on the validation split instead")
    parser.add_argument("--fresh", action="store_true", help="take nothing from the cache")
    parser.add_argument("--out", type=Path, default=HERE / "out", help="where tables and contact sheets go")
    args = parser.parse_args()
    for task in args.tasks:
        if args.tune:
            tune(task, args.faces, args.fresh)
        else:
            bench(task, args.faces, args.out, args.fresh)
    if not args.tune:
        table = summary(args.out)
        print(table.text())
        table.save(args.out / "restoration.md")
        table.save(args.out / "restoration.json")


if __name__ == "__main__":
    main()
