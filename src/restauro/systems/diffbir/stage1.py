"""Training a first stage: damaged pictures to clean ones, in the mean (DiffBIR, section 3.2)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from restauro.core.knobs import Knob, Knobbed
from restauro.degradations.chains import chain
from restauro.evaluation.metrics import psnr, ssim
from restauro.networks.swinir import SwinIR
from restauro.restorers.smooth import OnePass
from restauro.systems._balance import balance
from restauro.systems.diffbir.practice import PART, SCORED, Faces, home
from restauro.training.data import Pictures
from restauro.training.pairs import damaged


class Stage1Objective(Knobbed, frozen=True, kw_only=True):
    """SwinIR at an eighth of the size, by the squared error. Published: 180 channels in eight groups of six blocks, and the error
    summed, with which the best rate depends on the size and on the batch.
    """

    width: Annotated[int, Knob("channels of the body", ge=4)] = 60
    depths: Annotated[tuple[int, ...], Knob("blocks of each group")] = (4, 4, 4, 4)
    heads: Annotated[int, Knob("heads of attention", ge=1)] = 6
    inner: Annotated[float, Knob("width of the feed-forward networks over the body's", ge=0.5)] = 2.0
    window: Annotated[int, Knob("side of the windows of attention, in places of the body", ge=2)] = 8
    unshuffle: Annotated[Literal[2, 4, 8], Knob("pixels of a side that become one place")] = 8
    features: Annotated[int, Knob("channels on the way back to the size of the picture", ge=4)] = 32
    chain: Annotated[str, Knob("chain of degradations that damages pictures")] = "diffbir-stage1"
    faces: Faces = "none"

    def __post_init__(self) -> None:
        super().__post_init__()
        chain(self.chain)

    def arguments(self) -> dict[str, Any]:
        sizes = {"width": self.width, "depths": self.depths, "heads": self.heads, "inner": self.inner}
        return {**sizes, "window": self.window, "unshuffle": self.unshuffle, "features": self.features}

    def build(self, data: Pictures) -> nn.Module:
        return SwinIR(**self.arguments())

    def weights(self, data: Pictures) -> np.ndarray:
        return balance(data)

    def prepare(self, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Damaged pictures, and what is asked for."""
        return damaged(pictures, self.chain, rng)

    def learn(self, network: nn.Module, prepared: tuple[Tensor, Tensor], rng: np.random.Generator) -> Tensor:
        shown, asked = ((one + 1) / 2 for one in prepared)
        return (network(shown) - asked).square().mean()

    def loss(self, network: nn.Module, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> Tensor:
        return self.learn(network, self.prepare(pictures, index, data, rng), rng)

    def scores(self, network: nn.Module, held: Pictures) -> dict[str, float]:
        """How near restored pictures are to what they were, and how near they were before."""
        shown, asked = self._held(held, SCORED)
        answer = self.restored(network, shown)
        found = {"PSNR": psnr(answer, asked), "SSIM": ssim(answer, asked), "PSNR of the input": psnr(shown, asked)}
        return {name: float(values.mean()) for name, values in found.items()}

    def answers(self, network: nn.Module, held: Pictures) -> Tensor:
        """Damaged pictures, each beside what is made of it and what it was."""
        shown, asked = self._held(held, PART)
        return torch.stack([shown, self.restored(network, shown), asked], 1).flatten(0, 1)

    def _held(self, held: Pictures, most: int) -> tuple[Tensor, Tensor]:
        return damaged(held.batch(np.arange(min(most, len(held)))), self.chain, np.random.default_rng(7))

    def restored(self, network: nn.Module, shown: Tensor) -> Tensor:
        """Answers to damaged pictures, on the CPU."""
        one_pass = OnePass(network, (0.0, 1.0), self.window * self.unshuffle)
        return torch.cat([one_pass(part.to(home(network))).cpu() for part in shown.split(PART)])

    def shipped(self, network: nn.Module) -> nn.Module:
        return network

    def passport(self) -> dict[str, Any]:
        aligned = {} if self.faces != "none" else {"size": 0}
        return {
            "what": f"a first stage of DiffBIR: restores pictures as {self.chain} damages them, in the mean",
            "kind": "restorer",
            "architecture": "swinir",
            "arguments": self.arguments(),
            "prediction": "clean",
            "range": (0.0, 1.0),
            "face_template": "" if self.faces == "none" else self.faces,
            **aligned,
        }
