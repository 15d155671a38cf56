"""The smallest stages of Old Photos, and pictures for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from restauro.training.data import Pictures
from restauro.training.loop import train
from restauro.training.objective import Objective
from restauro.training.run import Run
from restauro.training.ship import ship
from restauro.weights.passports import Passport
from restauro.weights.store import imported_folder
from tests.laws.pictures import waves

VAE: dict[str, Any] = {"width": 8, "latent": 8, "critic_width": 4}
MAPPING: dict[str, Any] = {"width": 8, "blocks": 1, "critic_width": 4, "first": "tiny-vae-1", "second": "tiny-vae-2"}
DETECTOR: dict[str, Any] = {"width": 4, "depth": 2, "convs": 1}
RUN = Run(
    steps=2, batch=2, rate=2e-4, warm_up=0, beta1=0.5, beta2=0.999, weight_decay=0.0, save_every=9, log_every=1, device="cpu"
)


def pictures(n: int = 4, size: int = 32) -> Pictures:
    return Pictures(((waves(3, n, size) + 1) * 127.5).round().byte(), [{} for _ in range(n)])


def old_photographs(folder: Path, n: int = 5) -> str:
    """A folder of grey and of toned pictures of several sizes."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(5)
    for i in range(n):
        grey = rng.integers(60, 200, (40 + 7 * i, 56, 1)).astype(np.uint8)
        toned = np.repeat(grey, 3, 2) - (np.array([0, 20, 50], np.uint8) if i % 2 else np.uint8(0))
        Image.fromarray(toned.astype(np.uint8)).save(folder / f"{i}.png")
    return str(folder)


def trained(objective: Any, out: Path, run: Run = RUN, resume: bool = False) -> dict[str, Any]:
    """The checkpoint of a run."""
    for _ in train(objective, pictures(), pictures(), run, out, resume=resume):
        pass
    found: dict[str, Any] = torch.load(out / "state.pt", weights_only=True)
    return found


def shipped(objective: Objective, out: Path, name: str) -> Passport:
    about = {"about": "waves", "command": "-", "licence": ""}
    return ship(objective, pictures(), pictures(), RUN, out, name=name, folder=imported_folder(), **about)
