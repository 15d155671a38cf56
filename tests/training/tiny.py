"""The smallest thing that can be trained: a picture from its blurred self. Also run as a program, to be killed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restauro.training.data import Pictures
from restauro.training.loop import Run, train


def pictures(n: int = 24, side: int = 8) -> Pictures:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (n, 3, side, side), generator=generator, dtype=torch.uint8)
    return Pictures(pixels, [{} for _ in range(n)])


class Tiny:
    """Notes every step's own loss, which the loop only reports smoothed."""

    def __init__(self, notes: Path | None = None, widths: int = 4):
        self.notes, self.widths = notes, widths
        self.curve: list[float] = []

    def build(self, data: Pictures) -> nn.Module:
        layers = [nn.Conv2d(3, self.widths, 3, padding=1), nn.BatchNorm2d(self.widths), nn.SiLU(), nn.Dropout(0.1)]
        return nn.Sequential(*layers, nn.Conv2d(self.widths, 3, 3, padding=1))

    def weights(self, data: Pictures) -> np.ndarray:
        return np.ones(len(data))

    def loss(self, network: nn.Module, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> Tensor:
        blurred = F.avg_pool2d(pictures, 3, 1, 1) + 0.1 * torch.from_numpy(rng.standard_normal(pictures.shape)).float()
        loss = (network(blurred) - pictures).square().mean()
        self.curve.append(float(loss.detach()))
        if self.notes is not None:
            with self.notes.open("a") as file:
                file.write(json.dumps(self.curve[-1]) + "\n")
        return loss

    def scores(self, network: nn.Module, held: Pictures) -> dict[str, float]:
        all_of_it = held.batch(np.arange(len(held)))
        return {"error": float((network(F.avg_pool2d(all_of_it, 3, 1, 1)) - all_of_it).square().mean())}

    def shipped(self, network: nn.Module) -> nn.Module:
        return network

    def passport(self) -> dict[str, Any]:
        return {}


RUN = Run(steps=60, batch=4, warm_up=5, rate=1e-2, save_every=0)
"""A checkpoint after every step."""


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, resume = Path(sys.argv[1]), sys.argv[2] == "resume"
    for news in train(Tiny(folder / "notes"), pictures(), pictures(4), RUN, folder / "run", resume=resume):
        print(news.step, flush=True)
