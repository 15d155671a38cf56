"""One table a task: what five tasks give, against what a user would otherwise pick. `python -m benchmarks.restoration`

And one for each of three severities of blur, noise and compression, with what is claimed of it (severities.py).

Rows: the input; the best classical method; the restorer alone; PGDiff as published at 100 calls, its s tuned, from pure noise
and from the same warm start as ours; GDP and DDNM at 100 calls; ours at 4, 10 and 20 calls, and without showing the prior the
damaged picture; DiffBIR, when restoring at several strengths of its region guidance and without it; then SR3, too, of the
input at half its size. Settings are chosen on the validation split (`--tune` writes them to tuned.json) and reported on the
test split. Identity is judged by dlib's network and perceptual distance by LPIPS-Alex: neither guided anything nor was a
training loss. Answers of 100 calls are kept in benchmarks/out/cache. Quick: `--severities mild --faces 16`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from torch import Tensor

from benchmarks import latent, severities
from benchmarks.answers import Answer, answer, ours, weights_of
from benchmarks.comparing import Scores, beats, better, compared, frontier
from benchmarks.faces import Faces, damaged
from benchmarks.scores import Judges, primary
from benchmarks.tuning import HERE, TUNED, classical_answers, published, rivals, tune
from restauro.core.recipe import Recipe, Want
from restauro.evaluation.sheets import contact_sheet, save_sheet
from restauro.evaluation.statistics import mean_interval, paired_difference
from restauro.evaluation.tables import Cell, Column, Table
from restauro.systems.pgdiff import engine
from restauro.systems.pgdiff.recipe import ANEW, PUBLISHED, SEEN, baseline
from restauro.systems.pgdiff.references import looks_at_reference
from restauro.systems.sr3.enlarge import calls as sr3_calls
from restauro.weights.store import find

STEPS = (4, 10, 20)
SCORES = [
    Column("LPIPS", "down", 3),
    Column("hole PSNR", "up", 2),
    Column("PSNR", "up", 2),
    Column("SSIM", "up", 3),
    Column("MS-SSIM", "up", 3),
    Column("identity", "down", 3),
    Column("sharpness", "", 2),
]
COLUMNS = [*SCORES, Column("calls", "", 0), Column("s/face", "", 2)]


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


def rows_of(task: str, tuned: dict[str, Any], faces: Faces, fresh: bool, names: dict[str, str]) -> dict[str, tuple[Answer, int]]:
    """Name -> answer and calls. names: DiffBIR's weights."""
    best = classical_answers(faces)[tuned["classical"]]
    found = {"input": (Answer(faces.picture, 0.0), 0), f"classical: {tuned['classical']}": (Answer(best, 0.0), 0)}
    for name, recipe in recipes_of(task, tuned).items():
        print(f"  {task}: {name} ...", flush=True)
        found[name] = answer(recipe, faces, keep=recipe.steps >= 100, fresh=fresh), calls(recipe)
    if task == "restore" and severities.at_hand(severities.UPSCALE.prior):
        found[severities.SR3] = severities.enlarged(faces), sr3_calls(severities.UPSCALE)
    print(f"  {task}: DiffBIR ...", flush=True)
    return found | latent.rows_of(task, names, faces)


def calls(recipe: Recipe) -> int:
    """Of the prior, and one of the first stage where the answer depends on it; none of these recipes needs a Jacobian."""
    looks = (engine.property_of(want) for want in recipe.wants)
    first = recipe.start > 0 or recipe.steps == 0 or any(getattr(look, "of", "") == "restored" for look in looks)
    return recipe.steps + first


def bench(task: str, count: int, out: Path, fresh: bool, names: dict[str, str]) -> None:
    """Print one task's table and its paired differences; write them, every face's scores and the contact sheet."""
    tuned = json.loads(TUNED.read_text()).get(task, {})
    if missing := {"classical", *rivals(task)} - set(tuned):
        raise SystemExit(f"{TUNED.name} has no {', '.join(sorted(missing))} for {task}; first run with --tune --tasks {task}")
    faces = damaged(task, "test", count)
    rows, judge = rows_of(task, tuned, faces, fresh, names), Judges(faces)
    scores: Scores = {name: judge(made.pictures) for name, (made, _) in rows.items()}
    notes = [*compared(task, scores), frontier(scores), *latent.notes(scores)]
    if tuned["weights"] != short(weights_of(PUBLISHED[task])):
        notes.append("note: s was tuned with other weights")
    show(task, f"{task}: {len(faces.clean)} test faces, primary column {primary(task)}", faces, rows, scores, notes, out)


def bench_severity(severity: str, count: int, out: Path, names: dict[str, str]) -> None:
    """The same for one severity of the task `restore`, with what is claimed."""
    faces = severities.faces_of(severity, "test", count)
    known = recipes_of("restore", json.loads(TUNED.read_text())["restore"]) if severity == "mild" else {}
    dear = {name: (one, calls(one)) for name, one in known.items() if one.steps >= 100}
    rows, judge = severities.rows_of(severity, faces, dear, names), Judges(faces)
    scores: Scores = {name: judge(made.pictures) for name, (made, _) in rows.items()}
    title = f"restore, {severity} damage ({severities.SEVERITIES[severity]}): {count} test faces; MS-SSIM has four scales"
    show(f"restore-{severity}", title, faces, rows, scores, severities.notes(severity, scores), out)


def show(
    name: str, title: str, faces: Faces, rows: dict[str, tuple[Answer, int]], scores: Scores, notes: list[str], out: Path
) -> None:
    """Print a table; write it, every face's scores and the contact sheet as restoration-NAME."""
    cells: list[tuple[str, list[Cell]]] = [
        (row, [*_means(scores[row]), spent, made.seconds]) for row, (made, spent) in rows.items()
    ]
    table = Table(title, COLUMNS, cells, "\n".join(notes))
    print(table.text(), flush=True)
    out.mkdir(parents=True, exist_ok=True)
    table.save(out / f"restoration-{name}.json")
    table.save(out / f"restoration-{name}.md")
    plain = {row: {column: values.tolist() for column, values in columns.items()} for row, columns in scores.items()}
    (out / f"restoration-{name}-scores.json").write_text(json.dumps(plain))
    sheet(faces, {row: made.pictures for row, (made, _) in rows.items()}, title, out / f"restoration-{name}.png")


def sheet(faces: Faces, rows: dict[str, Tensor], title: str, path: Path) -> None:
    rows = {**rows, "truth": faces.clean} | ({} if faces.reference is None else {"reference": faces.reference})
    shown = np.linspace(0, len(faces.clean) - 1, min(len(faces.clean), 8)).astype(int)
    pictures = [[one[i] for one in rows.values()] for i in shown]
    save_sheet(contact_sheet(pictures, list(rows), cell=144, heading=title), path)


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


def short(weights: dict[str, str]) -> dict[str, str]:
    return {name: sha256[:12] for name, sha256 in weights.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=50, help="test faces (validation faces with --tune)")
    parser.add_argument("--tasks", nargs="*", choices=list(PUBLISHED), help="default: all, unless --severities is given")
    parser.add_argument(
        "--severities", nargs="*", choices=list(severities.SEVERITIES), help="default: all, unless --tasks is given"
    )
    parser.add_argument("--tune", action="store_true", help="choose settings on the validation split instead")
    parser.add_argument("--fresh", action="store_true", help="take nothing from the cache")
    parser.add_argument("--out", type=Path, default=HERE / "out", help="where tables and contact sheets go")
    latent.add_weights(parser)
    args = parser.parse_args()
    names = latent.weights(args)
    if not args.tune and (why := latent.missing(names)):
        print(why, flush=True)
    everything = args.tasks is None and args.severities is None
    tasks = list(PUBLISHED) if everything or args.tasks == [] else args.tasks or []
    grades = list(severities.SEVERITIES) if everything or args.severities == [] else args.severities or []
    for task in tasks:
        if args.tune:
            tune(task, args.faces, args.fresh)
        else:
            bench(task, args.faces, args.out, args.fresh, names)
    if args.tune and grades:
        severities.tune(args.faces)
        return
    for severity in grades:
        bench_severity(severity, args.faces, args.out, names)
    if tasks and not args.tune:
        table = summary(args.out)
        print(table.text())
        table.save(args.out / "restoration.md")
        table.save(args.out / "restoration.json")


if __name__ == "__main__":
    main()
