"""What a system answers: the picture, where it was changed, and what became of the photograph and of each of its faces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np

Verdict = Literal["restored", "unsure", "good", "small", "not-chosen", "unclear"]


class FaceReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one face. box: x, y, width, height in the input's pixels. likeness: cosine before/after, if judged."""

    number: int
    box: tuple[float, float, float, float]
    eye_distance: float
    verdict: Verdict
    why: str
    likeness: float | None = None
    references: tuple[str, ...] = ()
    """Names of the reference photographs that guided it."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured and what was invented."""

    task: str
    tone: str
    faces: tuple[FaceReport, ...]
    notices: tuple[str, ...]
    changed: float
    """Share of the picture's area that was changed."""
    invented: float
    """Share of the area whose content comes from a network rather than from the photograph."""
    outside_exact: bool
    """All pixels outside the changed area are the input's own; checked on this very result."""
    calls: int
    seconds: float
    device: str
    scratched: float | None = None
    """Share of the area that was found, or said, to be scratched or missing, where the photograph is restored as a whole."""


@dataclass(frozen=True)
class Outcome:
    """pixels: (H, W, 3) float32 sRGB in [0, 1]; touched: (H, W) bool."""

    pixels: np.ndarray
    touched: np.ndarray
    report: Report
