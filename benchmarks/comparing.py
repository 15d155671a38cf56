"""What is compared in a task's table: the paired differences that decide whether ours is better."""

from __future__ import annotations

import numpy as np

from benchmarks.scores import UP, primary
from restauro.evaluation.statistics import Interval, paired_difference

Scores = dict[str, dict[str, np.ndarray]]
"""Row -> column -> one number a face."""


def compared(task: str, scores: Scores) -> list[str]:
    """The paired differences that decide whether ours is better, in which column, and what its parts are worth."""
    column, theirs = primary(task), better(task, scores)
    pairs = [("ours 10", name) for name in (theirs, *(n for n in scores if not n.startswith("ours") and n != theirs))]
    pairs += [("ours 4", "ours 10"), ("ours 20", "ours 10")]
    pairs += [(name, "ours 10") for name in scores if name.startswith("ours 10, ")]
    lines = [f"{a} - {b}, {column}: {said(paired_difference(scores[a][column], scores[b][column]))}" for a, b in pairs]
    wins = beats(column, paired_difference(scores["ours 10"][column], scores[theirs][column]))
    lines.insert(1, f"ours 10 beats {theirs} (the better of the published two) beyond doubt: {'yes' if wins else 'no'}")
    judged = ["input", *(name for name in scores if name in ("restorer alone", "ours 10, no reference", theirs))]
    lines += [
        f"ours 10 - {b}, identity distance: {said(paired_difference(scores['ours 10']['identity'], scores[b]['identity']))}"
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


def said(interval: Interval) -> str:
    return f"{interval.mean:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"
