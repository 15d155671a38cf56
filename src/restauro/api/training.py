"""Training a part of a system, and writing its weights with their passport."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from restauro.api.parts import Config
from restauro.api.parts import objective as objective_of
from restauro.core.files import write_atomically
from restauro.core.knobs import build
from restauro.training.data import Pictures
from restauro.training.data import load as load_pictures
from restauro.training.loop import train as train_loop
from restauro.training.objective import Objective
from restauro.training.ranks import is_first
from restauro.training.run import Progress, Run
from restauro.training.ship import ship as ship_run
from restauro.weights.passports import Passport

Reader = Callable[..., Pictures]
CONFIG = "config.json"
"""In the folder of a run: what was asked for, to be repeated with `--config`."""


def train(
    part: str,
    data: str | Path,
    *,
    out: str | Path,
    held: str | Path | None = None,
    pattern: str = "*.tar",
    size: int = 128,
    stored: int = 0,
    resume: bool = False,
    objective: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Iterator[Progress]:
    """Train a part of a system in the folder `out`, on a folder of pictures or of WebDataset tars; yields every step.

    part: a word of `restauro train --list`. held: held-out pictures; default: a twentieth of `data`. stored: keep the pictures
    at this larger size and cut `size` out at random. objective: knobs of what is trained; settings: knobs of `Run` (minutes,
    steps, batch, rate, ...). `ship` writes the weights afterwards. Pictures that cannot be read are warned about.
    """
    goal, pictures, kept = _training(part, data, held, pattern, size, stored, objective or {})
    run, noted = build(Run, settings), not is_first()
    for news in train_loop(goal, pictures, kept, run, Path(out), resume=resume):
        if not noted:
            config = Config(part=part, size=size, stored=stored, pattern=pattern, objective={**(objective or {})}, run=settings)
            write_atomically(Path(out) / CONFIG, config.to_json())
            noted = True
        yield news


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
    stored: int = 0,
    objective: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Passport:
    """Write the weights of a run in `out` into `folder`, with their passport."""
    goal, pictures, kept = _training(part, data, held, pattern, size, stored, objective or {})
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
    part: str, data: str | Path, held: str | Path | None, pattern: str, size: int, stored: int, settings: Mapping[str, Any]
) -> tuple[Objective, Pictures, Pictures]:
    goal: Objective = build(objective_of(part), settings, name=part)
    read: Reader = getattr(goal, "read", load_pictures)
    pictures = _loaded(read, data, size, pattern, stored)
    pictures, kept = pictures.split() if not held else (pictures, _loaded(read, held, size, "*.tar", stored))
    return goal, pictures, kept


def _loaded(read: Reader, source: str | Path, size: int, pattern: str, stored: int) -> Pictures:
    found = read(source, size, pattern=pattern, stored=stored)
    if found.broken and is_first():
        names = ", ".join(found.broken[:3]) + (", ..." if len(found.broken) > 3 else "")
        warnings.warn(f"{len(found.broken)} of {len(found) + len(found.broken)} pictures are left out: {names}", stacklevel=4)
    return found
