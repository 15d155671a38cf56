"""What became of a photograph and of each of its faces."""

from __future__ import annotations

from typing import Literal

import msgspec

from restauro.core.recipe import Recipe
from restauro.weights.store import find

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


def notices(recipe: Recipe, toned: str, masked: bool) -> list[str]:
    """What the owner should know of any result of this recipe."""
    said = []
    if recipe.task == "colorize":
        said.append("the colours are a guess of the network; outside the faces the picture keeps its tone")
    elif toned != "colour" and recipe.colour == "keep":
        said.append(f"the photograph is {toned} and stays so (colour: keep)")
    if recipe.task == "enhance":
        said.append("the new fine detail of the faces is a guess of the network: it looks right, and nobody has seen it")
    if masked and not recipe.faithful:
        said.append("holes outside faces were closed from their edges (Telea), not by the prior")
    if recipe.upscale > 1:
        said.append(f"outside the faces the picture was enlarged {recipe.upscale}x by bicubic interpolation")
    prior, restorer = find(recipe.prior)[0], find(recipe.restorer)[0]
    if prior.face_template and restorer.face_template and prior.face_template != restorer.face_template:
        said.append(
            f"{restorer.name} was made for faces aligned otherwise than {prior.name} wants them "
            f"({restorer.face_template}, {prior.face_template}): better take a restorer of the same kind"
        )
    said += [f"the weights are {licence}" for licence in dict.fromkeys((prior.licence, restorer.licence)) if licence]
    return said
