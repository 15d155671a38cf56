"""From a finished run to a weights file with its passport."""

from __future__ import annotations

import platform
from pathlib import Path

import torch

from restauro.training.data import Pictures
from restauro.training.loop import Run, finished
from restauro.training.objective import Objective
from restauro.weights.passports import Passport
from restauro.weights.store import save


def ship(
    objective: Objective,
    data: Pictures,
    held: Pictures,
    run: Run,
    out: Path,
    *,
    name: str,
    folder: Path,
    about: str,
    command: str,
    licence: str,
) -> Passport:
    """Write NAME.safetensors (float16, the moving average) and NAME.json into `folder`, scored on the held-out pictures.

    about: the training pictures in words. The scores are those of the float16 weights that are written.
    """
    network, steps = finished(objective, data, out)
    with torch.no_grad():
        for tensor in network.state_dict().values():
            if tensor.dtype.is_floating_point:
                tensor.copy_(tensor.half().float())
        scores = objective.scores(network, held)
    facts = {"size": int(data.pixels.shape[-1]), **objective.passport()}
    passport = Passport(
        name=name,
        face_template="restauro128",
        training_data=about,
        pictures_seen=steps * run.batch,
        device=f"CPU, {platform.machine()}, {torch.get_num_threads()} thread"
        if not torch.cuda.is_available()
        else torch.cuda.get_device_name(),
        licence=licence,
        scores={key: round(value, 4) for key, value in scores.items()},
        command=command,
        **facts,
    )
    return save(objective.shipped(network).state_dict(), passport, folder)
