"""The classifier for guidance: on which side of the middle is a noisy face's number, such as its sharpness?"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restauro.core.errors import InputError
from restauro.core.knobs import Knob, Knobbed
from restauro.diffusion.schedule import NoiseSchedule
from restauro.networks.classifier import NoisyClassifier
from restauro.training.augment import augment
from restauro.training.data import Pictures
from restauro.training.objective import torch_generator

SCHEDULE = NoiseSchedule.named("openai-linear", 1000)
"""As of our prior, whose states are classified."""


class ClassifierObjective(Knobbed, frozen=True, kw_only=True):
    """Cross-entropy at all noise levels: label 1 where the record's number is above the median of the pictures, else 0."""

    field: Annotated[str, Knob("number in the pictures' records")] = "sharp"
    width: Annotated[int, Knob("channels that `mult` multiplies", ge=8)] = 32
    mult: Annotated[tuple[float, ...], Knob("channels of each level over the width")] = (1, 1.5, 2, 2)
    patch: Annotated[int, Knob("pixels of a side that become one place", ge=1, le=16)] = 4
    level_mean: Annotated[float, Knob("mean of ln sigma")] = -0.7
    level_spread: Annotated[float, Knob("standard deviation of ln sigma", ge=0)] = 1.2

    def arguments(self) -> dict[str, Any]:
        return {
            "labels": 2,
            "in_channels": 3,
            "model_channels": self.width,
            "channel_mult": self.mult,
            "num_res_blocks": 1,
            "num_head_channels": None,
            "space_to_depth": self.patch,
        }

    def build(self, data: Pictures) -> nn.Module:
        self.labels(data)
        return NoisyClassifier(**self.arguments())

    def weights(self, data: Pictures) -> np.ndarray:
        return np.ones(len(data))

    def labels(self, data: Pictures) -> np.ndarray:
        """(n,) 0 or 1. Raises InputError where a record lacks the number."""
        values = [record.get(self.field) for record in data.records]
        if not all(isinstance(value, (int, float)) for value in values):
            raise InputError(f"a picture's record (JSON beside it) has no number {self.field!r} to be classified by")
        return (np.array(values) > np.median(np.array(values))).astype(np.int64)

    def loss(self, network: nn.Module, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> Tensor:
        pictures, _ = augment(pictures, rng, probability=0.0)
        sigma = np.exp(rng.normal(self.level_mean, self.level_spread, len(pictures)))
        logits = noisy_logits(network, pictures, sigma, torch_generator(rng))
        return F.cross_entropy(logits, torch.from_numpy(self.labels(data)[index]))

    def scores(self, network: nn.Module, held: Pictures) -> dict[str, float]:
        """Share of held-out faces that are told at three noise levels."""
        pictures, labels = held.batch(np.arange(min(128, len(held)))), torch.from_numpy(self.labels(held))
        found = {}
        for sigma in (0.1, 0.5, 2.0):
            logits = noisy_logits(network, pictures, np.full(len(pictures), sigma), torch.Generator().manual_seed(7))
            right = logits.argmax(1) == labels[: len(pictures)]
            found[f"accuracy at sigma {sigma:g}"] = float(right.float().mean())
        return found

    def shipped(self, network: nn.Module) -> nn.Module:
        return network

    def passport(self) -> dict[str, Any]:
        return {
            "what": f"classifier of noisy faces: label 1 where {self.field!r} is above the median of the training faces, else 0",
            "kind": "classifier",
            "architecture": "unet-classifier",
            "arguments": self.arguments(),
            "schedule": "openai-linear",
            "steps": len(SCHEDULE),
        }


def noisy_logits(network: nn.Module, pictures: Tensor, sigma: np.ndarray, generator: torch.Generator) -> Tensor:
    """(N, labels) of clean pictures under noise of these ratios to the signal."""
    t = SCHEDULE.t_of_sigma(sigma)
    a = torch.from_numpy(np.asarray(SCHEDULE.alpha_bar(t))).float()[:, None, None, None]
    noise = torch.randn(pictures.shape, generator=generator)
    x = a.sqrt() * pictures + (1 - a).sqrt() * noise
    logits: Tensor = network(x.contiguous(memory_format=torch.channels_last), torch.from_numpy(t).float())
    return logits
