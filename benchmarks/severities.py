"""The restoration of blurred, noisy, compressed faces at three severities, and what is claimed of it. Part of `restoration`.

Mild is the task's own chain (CodeFormer's small one), medium DifFace's, heavy CodeFormer's large one. Rows: the input; the
classical method that is best by LPIPS and the one that is best by PSNR, both chosen on validation faces of the same
severity; the restorer alone; the student and the super-resolver where they are at hand; ours at 4 and 10 calls; DiffBIR at
several strengths of its region guidance and without it, where its weights are at hand. Methods of 100 calls stand in the
mild table, as far as the cache has them (`python -m benchmarks.restoration --tasks restore`).
"""

from __future__ import annotations

import json
import time
from typing import NamedTuple

import msgspec
import numpy as np
from torch import Tensor

from benchmarks import latent
from benchmarks.answers import Answer, answer, kept, ours
from benchmarks.comparing import Scores
from benchmarks.faces import Faces, damaged
from benchmarks.scores import Judges
from benchmarks.tuning import TUNED, classical_answers
from restauro.core.errors import WeightsError
from restauro.core.recipe import Recipe
from restauro.evaluation.metrics import psnr
from restauro.evaluation.statistics import Interval, paired_difference
from restauro.photo.resize import resize
from restauro.systems.pgdiff.faces import to_array, to_tensor
from restauro.systems.sr3.enlarge import calls as sr3_calls
from restauro.systems.sr3.enlarge import enlarge
from restauro.systems.sr3.recipe import TASKS
from restauro.weights.store import find

SEVERITIES = {"mild": "codeformer", "medium": "difface", "heavy": "codeformer-large"}
"""Names of chains (restauro/degradations/chains.py)."""
STUDENT = "face-student"
UPSCALE, SR3 = TASKS["upscale"], "SR3, of the input halved"
POOR = 28.0
"""dB: on inputs below this a restorer has to gain."""


class Claim(NamedTuple):
    """A paired difference and the bound that it must keep: as its least value, or as its largest."""

    words: str
    difference: Interval
    bound: float
    least: bool

    @property
    def verdict(self) -> str:
        mean, low, high, _ = self.difference
        sign = 1 if self.least else -1
        if min(sign * (low - self.bound), sign * (high - self.bound)) >= 0:
            return "yes, beyond doubt"
        return "yes on average, not beyond doubt" if sign * (mean - self.bound) >= 0 else "no"

    def __str__(self) -> str:
        mean, low, high, n = self.difference
        asked = f"{'at least' if self.least else 'at most'} {self.bound:+g}"
        return f"{self.words}: {mean:+.4f} [{low:+.4f}, {high:+.4f}], {n} faces; asked {asked}: {self.verdict}"


def faces_of(severity: str, split: str, count: int) -> Faces:
    return damaged("restore", split, count, SEVERITIES[severity])


def at_hand(name: str) -> bool:
    try:
        find(name)
    except WeightsError:
        return False
    return True


def one_call(name: str) -> Recipe:
    """A restorer's answer and nothing behind it."""
    return msgspec.structs.replace(ours("restore", 0), restorer=name, wants=())


def rows_of(
    severity: str, faces: Faces, dear: dict[str, tuple[Recipe, int]], names: dict[str, str]
) -> dict[str, tuple[Answer, int]]:
    """Name -> answer and calls. dear: recipes of many calls and how many, looked up in the cache. names: DiffBIR's weights."""
    chosen = tuned(severity)
    classical = classical_answers(faces)
    rows = {"input": (Answer(faces.picture, 0.0), 0)}
    for column, method in chosen.items():
        rows[f"classical by {column}: {method}"] = Answer(classical[method], 0.0), 0
    rows["restorer alone"] = answer(one_call("face-restorer"), faces), 1
    if at_hand(STUDENT):
        rows["student"] = answer(one_call(STUDENT), faces), 1
    if at_hand(UPSCALE.prior):
        rows[SR3] = enlarged(faces), sr3_calls(UPSCALE)
    rows |= {f"ours {steps}": (answer(ours("restore", steps), faces), steps + 1) for steps in (4, 10)}
    rows |= latent.rows_of("restore", names, faces)
    rows |= {name: (found, spent) for name, (recipe, spent) in dear.items() if (found := kept(recipe, faces))}
    return rows


def enlarged(faces: Faces) -> Answer:
    """What who only enlarges gets: the input at half its size, where less of its damage shows, made twice as large by SR3."""
    began = time.perf_counter()
    side = faces.picture.shape[-1] // 2
    halves = [resize(to_array(one), side, side) for one in faces.picture]
    made = to_tensor([enlarge(one, UPSCALE, faces.picture.device) for one in halves], faces.picture.device)
    return Answer(made, (time.perf_counter() - began) / len(halves))


def tuned(severity: str) -> dict[str, str]:
    """Column -> the classical method that is best in it. Raises SystemExit where nothing was chosen yet."""
    known = json.loads(TUNED.read_text()).get("severities", {})
    if severity not in known:
        raise SystemExit(f"{TUNED.name} has no classical method for {severity} damage; first run with --tune --severities")
    found: dict[str, str] = known[severity]
    return found


def tune(count: int) -> None:
    """Choose the classical methods on validation faces, by LPIPS and by the PSNR of poor inputs; into tuned.json."""
    chosen = {}
    for severity in SEVERITIES:
        faces = faces_of(severity, "val", count)
        chosen[severity] = best_classical(Judges(faces), classical_answers(faces))
        print(f"{severity}: {chosen[severity]}", flush=True)
    known = json.loads(TUNED.read_text()) if TUNED.exists() else {}
    TUNED.write_text(json.dumps(known | {"severities": chosen}, indent=1) + "\n")


def best_classical(judge: Judges, answers: dict[str, Tensor]) -> dict[str, str]:
    values = {name: psnr(made, judge.faces.clean).numpy() for name, made in answers.items()}
    poor = values["input"] < POOR
    methods = [name for name in answers if name != "input"]
    return {
        "LPIPS": min(methods, key=lambda name: judge.primary(answers[name])),
        "PSNR": max(methods, key=lambda name: float(values[name][poor].mean())),
    }


def claims(severity: str, scores: Scores) -> list[Claim]:
    """What is said of the restoration, from the scores of the rows."""

    def difference(ours: str, theirs: str, column: str, chosen: np.ndarray | None = None) -> Interval:
        chosen = np.ones(len(scores[ours][column]), bool) if chosen is None else chosen
        return paired_difference(scores[ours][column][chosen], scores[theirs][column][chosen])

    found = [
        Claim("ours 10 - restorer alone, LPIPS", difference("ours 10", "restorer alone", "LPIPS"), 0.0, False),
        Claim("ours 10 - restorer alone, PSNR", difference("ours 10", "restorer alone", "PSNR"), -1.0, True),
        Claim("ours 10 - input, dlib's distance to the truth", difference("ours 10", "input", "identity"), 0.0, False),
    ]
    poor = scores["input"]["PSNR"] < POOR
    if severity == "heavy" and poor.any():
        classical = next(name for name in scores if name.startswith("classical by PSNR"))
        below = f"PSNR of inputs below {POOR:g} dB"
        found += [
            Claim(f"restorer alone - input, {below}", difference("restorer alone", "input", "PSNR", poor), 1.5, True),
            Claim(f"restorer alone - {classical}, {below}", difference("restorer alone", classical, "PSNR", poor), 0.7, True),
        ]
    if "student" in scores:
        found.append(Claim("student - ours 10, LPIPS", difference("student", "ours 10", "LPIPS"), 0.01, False))
    return found


def notes(severity: str, scores: Scores) -> list[str]:
    lines = [*(str(claim) for claim in claims(severity, scores)), *latent.notes(scores)]
    if "student" not in scores:
        lines.append(f"no row of the student: there are no weights named {STUDENT}")
    if severity == "mild" and not any(name.endswith("100") or "100," in name for name in scores):
        lines.append("no row of 100 calls: the cache has none of them")
    return lines
