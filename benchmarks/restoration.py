"""One table: what four tasks give, against what a user would otherwise pick. `python -m benchmarks.restoration`

Rows: the input; the best classical method; the restorer alone; PGDiff as published at 100 calls, its s tuned, from pure
noise and from the same warm start as ours; ours at 10 calls. Settings are chosen on the validation split (`--tune`
writes them to tuned.json) and reported on the test split. Identity is judged by dlib's network and perceptual distance
by LPIPS-Alex: neither guided anything nor was a training loss.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor

from benchmarks.faces import SHARED, Faces, damaged
from benchmarks.judge import identity_judge
from restauro.core.recipe import Recipe
from restauro.evaluation.classical import classical
from restauro.evaluation.lpips import lpips
from restauro.evaluation.metrics import masked_psnr, psnr, sharpness, ssim
from restauro.evaluation.sheets import contact_sheet, save_sheet
from restauro.evaluation.statistics import Interval, mean_interval, paired_difference
from restauro.evaluation.tables import Column, Table
from restauro.systems.pgdiff import engine
from restauro.systems.pgdiff.photograph import fill, to_array, to_tensor
from restauro.systems.pgdiff.recipe import PUBLISHED, TASKS
from restauro.weights.store import find

HERE = Path(__file__).parent
TUNED = HERE / "tuned.json"
CLASSICAL = {"restore": "restore", "colorize": "colorize", "inpaint": "inpaint", "old-photo": "denoise"}
PRIMARY = {"restore": "LPIPS", "colorize": "LPIPS", "inpaint": "hole PSNR", "old-photo": "LPIPS"}
SCALES = {
    "restore": (0.1, 3.0, 10.0, 30.0),
    "colorize": (0.01, 0.1, 0.3, 1.0),
    "inpaint": (0.01, 0.1, 0.5, 1.0),
    "old-photo": (0.0015, 0.01, 0.05, 0.3),
}
"""Values of s that are tried: the published one first, then far above it, where it is at its best in 100 steps."""
COLUMNS = [
    Column("LPIPS", "down", 3),
    Column("hole PSNR", "up", 2),
    Column("PSNR", "up", 2),
    Column("SSIM", "up", 3),
    Column("identity", "down", 3),
    Column("sharpness", "", 2),
    Column("calls", "", 0),
    Column("s/face", "", 2),
]
BATCH = 10


class Judges:
    """Everything that scores a picture against the truth; loaded once."""

    def __init__(self) -> None:
        self.lpips = lpips(SHARED / "data" / "weights" / "lpips_alex_f16.npz")
        self.identity = identity_judge()

    def __call__(self, answer: Tensor, faces: Faces) -> dict[str, np.ndarray]:
        hole = None if faces.mask is None or faces.task != "inpaint" else masked_psnr(answer, faces.clean, faces.mask).numpy()
        known = {
            "LPIPS": self.lpips(answer, faces.clean).numpy(),
            "PSNR": psnr(answer, faces.clean).numpy(),
            "SSIM": ssim(answer, faces.clean).numpy(),
            "identity": np.linalg.norm(self.identity(_levels(answer)) - self.identity(_levels(faces.clean)), axis=1),
            "sharpness": sharpness(answer, faces.clean).numpy(),
        }
        return known if hole is None else known | {"hole PSNR": hole}

    def primary(self, answer: Tensor, faces: Faces) -> float:
        """The task's one figure, lower is better: for tuning."""
        if PRIMARY[faces.task] == "LPIPS":
            return float(self.lpips(answer, faces.clean).mean())
        assert faces.mask is not None
        return -float(masked_psnr(answer, faces.clean, faces.mask).mean())


def answer(recipe: Recipe, faces: Faces) -> tuple[Tensor, float]:
    """The recipe's answer to every face, and seconds per face."""
    began = time.perf_counter()
    parts = []
    for begin in range(0, len(faces.clean), BATCH):
        pictures = range(begin, min(begin + BATCH, len(faces.clean)))
        parts.append(engine.run(recipe, faces.observed(begin, begin + BATCH), pictures=pictures))
    return torch.cat(parts), (time.perf_counter() - began) / len(faces.clean)


def rows_of(task: str, tuned: dict[str, Any], faces: Faces) -> dict[str, tuple[Tensor, int, float]]:
    """Name -> answer, calls (restorer passes counted; none of these needs a Jacobian), seconds per face."""
    ours = TASKS[task]
    best = classical_answers(faces)[tuned["classical"]]
    found: dict[str, tuple[Tensor, int, float]] = {
        "input": (faces.picture, 0, 0.0),
        f"classical: {tuned['classical']}": (best, 0, 0.0),
    }
    recipes = {
        "restorer alone": (msgspec.structs.replace(ours, steps=0), 1),
        "published 100, pure noise": (published(task, tuned["noise"], 0.0), 101),
        "published 100, warm start": (published(task, tuned["warm"], ours.start), 101),
        f"ours {ours.steps}": (ours, ours.steps + 1),
    }
    for name, (recipe, calls) in recipes.items():
        picture, seconds = answer(recipe, faces)
        found[name] = (picture, calls, seconds)
    return found


def classical_answers(faces: Faces) -> dict[str, Tensor]:
    """What OpenCV and scikit-image offer for the task. Old photographs: holes closed from their edges, then denoised."""
    picture = faces.picture
    if faces.task == "old-photo" and faces.mask is not None:
        pairs = zip(picture, faces.mask, strict=True)
        filled = [fill(to_array(one), mask[0].numpy()) for one, mask in pairs]
        picture = to_tensor(filled, picture.device)
    return classical(CLASSICAL[faces.task], picture, faces.mask)  # type: ignore[arg-type]


def published(task: str, scale: float, start: float) -> Recipe:
    """The published algorithm at one strength, from pure noise (start 0) or from a warm start."""
    recipe = PUBLISHED[task]
    assert recipe.published is not None
    return msgspec.structs.replace(recipe, start=start, published=msgspec.structs.replace(recipe.published, scale=scale))


def tune(count: int, tasks: list[str]) -> None:
    """Choose the classical method and s per task and start on validation faces; written to tuned.json."""
    judges = Judges()
    for task in tasks:
        faces = damaged(task, "val", count)
        methods = {name: judges.primary(picture, faces) for name, picture in classical_answers(faces).items() if name != "input"}
        chosen: dict[str, Any] = {
            "classical": min(methods, key=methods.__getitem__),
            "faces": count,
            "weights": weights_used(task),
        }
        for name, start in (("noise", 0.0), ("warm", TASKS[task].start)):
            tried = {s: judges.primary(answer(published(task, s, start), faces)[0], faces) for s in SCALES[task]}
            chosen[name] = min(tried, key=tried.__getitem__)
            chosen[f"{name} tried"] = {str(s): round(value, 4) for s, value in tried.items()}
            print(task, name, chosen[f"{name} tried"], flush=True)
        known = json.loads(TUNED.read_text()) if TUNED.exists() else {}
        TUNED.write_text(json.dumps(known | {task: chosen}, indent=1) + "\n")


def weights_used(task: str) -> dict[str, str]:
    return {name: find(name)[0].sha256[:12] for name in (TASKS[task].prior, TASKS[task].restorer)}


def bench(count: int, tasks: list[str], out: Path) -> None:
    """Print one table a task, the paired difference of ours to the better published row, and write the contact sheets."""
    judges, tuned = Judges(), json.loads(TUNED.read_text())
    for task in tasks:
        faces = damaged(task, "test", count)
        rows = rows_of(task, tuned[task], faces)
        scores = {name: judges(picture, faces) for name, (picture, _, _) in rows.items()}
        cells = [(name, _cells(scores[name], calls, seconds)) for name, (_, calls, seconds) in rows.items()]
        note = compared(task, scores) + "\n" + frontier(scores)
        stale = "" if tuned[task]["weights"] == weights_used(task) else "\nnote: s was tuned with other weights"
        table = Table(f"{task}: {count} test faces, primary column {PRIMARY[task]}", COLUMNS, cells, note + stale)
        print(table.text(), flush=True)
        out.mkdir(parents=True, exist_ok=True)
        table.save(out / f"restoration-{task}.json")
        table.save(out / f"restoration-{task}.md")
        shown = np.linspace(0, count - 1, min(count, 8)).astype(int)
        pictures = [[*(picture[i] for picture, _, _ in rows.values()), faces.clean[i]] for i in shown]
        save_sheet(contact_sheet(pictures, [*rows, "truth"], cell=144, heading=table.title), out / f"restoration-{task}.png")


def compared(task: str, scores: dict[str, dict[str, np.ndarray]]) -> str:
    """Ours against the better of the two published rows, paired, on the primary column."""
    column = PRIMARY[task]
    sign = 1 if column == "LPIPS" else -1
    theirs = min((n for n in scores if n.startswith("published")), key=lambda n: sign * float(scores[n][column].mean()))
    ours = next(n for n in scores if n.startswith("ours"))
    lines = [
        f"{ours} - {other}, {column}: {_signed(paired_difference(scores[ours][column], scores[other][column]))}"
        for other in (theirs, "restorer alone", "input")
    ]
    likeness = paired_difference(scores[ours]["identity"], scores["input"]["identity"])
    return "\n".join([*lines, f"{ours} - input, identity distance: {_signed(likeness)}"])


def frontier(scores: dict[str, dict[str, np.ndarray]]) -> str:
    """Which side of the PSNR-sharpness trade is the weaker one of ours."""
    ours = next(n for n in scores if n.startswith("ours"))
    others = [n for n in scores if n.startswith("published") or n == "restorer alone"]
    best_psnr = max(others, key=lambda n: float(scores[n]["PSNR"].mean()))
    best_sharp = min(others, key=lambda n: abs(float(scores[n]["sharpness"].mean()) - 1))
    gap = float(scores[ours]["PSNR"].mean() - scores[best_psnr]["PSNR"].mean())
    sharp = float(scores[ours]["sharpness"].mean()), float(scores[best_sharp]["sharpness"].mean())
    return (
        f"PSNR {gap:+.2f} dB to {best_psnr}; sharpness {sharp[0]:.2f}, nearest to 1 of the others {sharp[1]:.2f} ({best_sharp})"
    )


def _cells(scores: dict[str, np.ndarray], calls: int, seconds: float) -> list[Interval | float | int | None]:
    cells: list[Interval | float | int | None] = [
        mean_interval(scores[c.title]) if c.title in scores else None for c in COLUMNS[:-2]
    ]
    return [*cells, calls, seconds]


def _signed(interval: Interval) -> str:
    return f"{interval.mean:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"


def _levels(picture: Tensor) -> np.ndarray:
    return ((picture.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=50, help="test faces (validation faces with --tune)")
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--tune", action="store_true", help="choose settings on the validation split instead")
    parser.add_argument("--out", type=Path, default=HERE / "out", help="where tables and contact sheets go")
    args = parser.parse_args()
    run: Callable[[], None] = (
        (lambda: tune(args.faces, args.tasks)) if args.tune else (lambda: bench(args.faces, args.tasks, args.out))
    )
    run()


if __name__ == "__main__":
    main()
