"""Training a part of a system, and writing its weights with their passport."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from restauro.core.errors import RecipeError
from restauro.core.knobs import build, suggest
from restauro.systems.pgdiff.objective import PARTS
from restauro.training.data import Pictures
from restauro.training.data import load as load_pictures
from restauro.training.loop import Progress, Run
from restauro.training.loop import train as train_loop
from restauro.training.objective import Objective
from restauro.training.ship import ship as ship_run
from restauro.weights.passports import Passport


def train(
    part: str,
    data: str | Path,
    *,
    out: str | Path,
    held: str | Path | None = None,
    pattern: str = "*.tar",
    size: int = 128,
    resume: bool = False,
    objective: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Iterator[Progress]:
    """Train a part of a system in the folder `out`, on a folder of pictures or of WebDataset tars; yields every step.

    part: prior | restorer | identity | critic | classifier. held: held-out pictures; default: a twentieth of `data`.
    objective: knobs of what is trained; settings: knobs of `Run` (minutes, steps, batch, rate, ...). `ship` writes the
    weights afterwards.
    """
    goal, pictures, kept = _training(part, data, held, pattern, size, objective or {})
    yield from train_loop(goal, pictures, kept, build(Run, settings), Path(out), resume=resume)


def ship(
    part: str,
    data: str | Path,
    *,
    out: str | Path,
    folder: str | Path,
    name: str,
    about: str,
    licence: str,
    command: str,
    held: str | Path | None = None,
    pattern: str = "*.tar",
    size: int = 128,
    objective: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Passport:
    """Write the weights of a run in `out` into `folder`, with their passport."""
    goal, pictures, kept = _training(part, data, held, pattern, size, objective or {})
    return ship_run(
        goal,
        pictures,
        kept,
        build(Run, settings),
        Path(out),
        name=name,
        folder=Path(folder),
        about=about,
        command=command,
        licence=licence,
    )


def _training(
    part: str, data: str | Path, held: str | Path | None, pattern: str, size: int, settings: Mapping[str, Any]
) -> tuple[Objective, Pictures, Pictures]:
    if part not in PARTS:
        raise RecipeError(f"there is no part {part!r} to train{suggest(part, PARTS)}")
    pictures = load_pictures(data, size, pattern=pattern)
    pictures, kept = pictures.split() if held is None else (pictures, load_pictures(held, size))
    return build(PARTS[part], settings, name=part), pictures, kept
