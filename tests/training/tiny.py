"""The smallest thing that can be trained: a picture from its blurred self. Also run as a program, to be killed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restauro.training.data import Pictures
from restauro.training.loop import train
from restauro.training.run import Run


def pictures(n: int = 24, side: int = 8) -> Pictures:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (n, 3, side, side), generator=generator, dtype=torch.uint8)
    return Pictures(pixels, [{} for _ in range(n)])


class Tiny:
    """`curve`: every step's own loss, of which the loop only reports a mean. watch: called with the network at every loss."""

    def __init__(self, widths: int = 4, dropout: float = 0.1, norm: bool = True, noise: float = 0.1):
        self.widths, self.dropout, self.norm, self.noise = widths, dropout, norm, noise
        self.curve: list[float] = []
        self.watch: Callable[[nn.Module], None] | None = None

    def build(self, data: Pictures) -> nn.Module:
        norm: list[nn.Module] = [nn.BatchNorm2d(self.widths)] if self.norm else []
        layers = [nn.Conv2d(3, self.widths, 3, padding=1), *norm, nn.SiLU(), nn.Dropout(self.dropout)]
        return nn.Sequential(*layers, nn.Conv2d(self.widths, 3, 3, padding=1))

    def weights(self, data: Pictures) -> np.ndarray:
        return np.ones(len(data))

    def loss(self, network: nn.Module, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> Tensor:
        if self.watch is not None:
            self.watch(network)
        noise = torch.from_numpy(rng.standard_normal(pictures.shape)).float()
        blurred = F.avg_pool2d(pictures, 3, 1, 1) + self.noise * noise
        loss = (network(blurred) - pictures).square().mean()
        self.curve.append(float(loss.detach()))
        return loss

    def scores(self, network: nn.Module, held: Pictures) -> dict[str, float]:
        all_of_it = held.batch(np.arange(len(held)))
        return {"PSNR": float(-10 * (network(F.avg_pool2d(all_of_it, 3, 1, 1)) - all_of_it).square().mean().log10())}

    def shipped(self, network: nn.Module) -> nn.Module:
        return network

    def passport(self) -> dict[str, Any]:
        return {"what": "toy", "kind": "toy"}


RUN = Run(steps=60, batch=4, warm_up=5, rate=1e-2, save_every=0, log_every=1)
"""A checkpoint and a line of the log after every step."""


if __name__ == "__main__":
    torch.set_num_threads(1)
    for news in train(Tiny(), pictures(), pictures(4), RUN, Path(sys.argv[1]), resume=True):
        print(news.step, flush=True)
