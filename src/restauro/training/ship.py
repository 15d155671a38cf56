"""From a finished run to a weights file with its passport."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from restauro.training import checkpoint
from restauro.training.data import Pictures
from restauro.training.loop import finished
from restauro.training.objective import Objective
from restauro.training.run import Run
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

    about: the training pictures in words. The scores are those of the float16 weights that are written; of two moving averages
    it is the one with the better first score (Karras et al. 2024, 2312.02696: the best length is known afterwards only).
    """
    _, names, told = checkpoint.newest(out)
    networks = {which: finished(objective, data, out, which)[0] for which in names}
    scores = {which: _scores(objective, network, held) for which, network in networks.items()}
    sign = -1 if getattr(objective, "better", "higher") == "lower" else 1
    best = max(scores, key=lambda which: sign * next(iter(scores[which].values()), 0.0))
    network = networks[best]
    facts = {"size": data.size, "face_template": "restauro128", **objective.passport()}
    passport = Passport(
        name=name,
        training_data=about,
        pictures_seen=told["pictures"],
        device="; ".join(told["machines"]),
        licence=licence,
        scores={key: round(value, 4) for key, value in scores[best].items()},
        command=command,
        **facts,
    )
    return save(objective.shipped(network).state_dict(), passport, folder)


@torch.no_grad()
def _scores(objective: Objective, network: nn.Module, held: Pictures) -> dict[str, float]:
    """Of the weights as float16 keeps them."""
    for tensor in network.state_dict().values():
        if tensor.dtype.is_floating_point:
            tensor.copy_(tensor.half().float())
    return objective.scores(network, held)
