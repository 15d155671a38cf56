"""The student: one call of a small network in place of a restoration's ten, distilled from its answers."""

from __future__ import annotations

import copy
from functools import partial
from typing import Annotated, Any

import msgspec
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restauro.core.errors import WeightsError
from restauro.core.knobs import Knob, Knobbed
from restauro.properties.perceptual import Perceptual, Seen
from restauro.restorers.smooth import smooth_answer
from restauro.systems.pgdiff.critic import Logits, steepness
from restauro.systems.pgdiff.faces import OURS
from restauro.systems.pgdiff.recipe import TASKS
from restauro.systems.pgdiff.targets import Targets
from restauro.training.data import Pictures
from restauro.weights.store import find, load


class Taught(nn.Module):
    """The student, and the critic that is only there while it learns."""

    def __init__(self, student: nn.Module, critic: nn.Module):
        super().__init__()
        self.student, self.critic = student, critic

    def forward(self, x: Tensor, judge: bool = False) -> Tensor:
        """judge: the critic's (N, 1, h, w) logits of pictures (N, 3, S, S)."""
        answer: Tensor = (self.critic if judge else self.student)(x)
        return answer


class StudentObjective(Knobbed, frozen=True, kw_only=True):
    """Answers as the guided walk of the recipe `restore` does: absolute error, features, and a critic that tells them apart.

    It has the first stage's architecture, inputs and, to begin with, weights. What guidance adds is fine texture, of which an
    identity network's features see nothing (LPIPS 0.35 to 0.23, and they say it were farther from the truth); a critic's do.
    The critic of patches (Isola et al. 2017, arXiv 1611.07004) goes on learning beside the student and is not shipped.
    What is learnt from is made once and kept: a third of a second for each guided answer on one core, in the first step.
    """

    prior: Annotated[str, Knob("prior of the guided walk")] = "face-prior"
    first_stage: Annotated[str, Knob("restorer that the guided walk starts from, and the student as well")] = "face-restorer"
    steps: Annotated[int, Knob("calls of the guided walk", ge=1)] = 10
    targets: Annotated[int, Knob("guided answers it learns from", ge=1)] = 2000
    kept: Annotated[str, Knob("folder in which they are kept; empty: the user's cache")] = ""
    perceptual: Annotated[float, Knob("weight of the distance of features", ge=0)] = 6.0
    features: Annotated[str, Knob("weights of the network whose features these are")] = "face-critic"
    adversarial: Annotated[float, Knob("weight of the critic's say; 0: no critic", ge=0)] = 0.9
    critic: Annotated[str, Knob("weights with which the critic begins")] = "face-critic"
    penalty: Annotated[float, Knob("weight of the critic's squared gradient at the guided answers", ge=0)] = 0.3

    def build(self, data: Pictures) -> nn.Module:
        if find(self.first_stage)[0].prediction != "gated":
            raise WeightsError(f"{self.first_stage!r} is no restorer of this project's own architecture, which a student has")
        if find(self.critic)[0].kind != "critic":
            raise WeightsError(f"{self.critic!r} is no critic")
        student, critic = (copy.deepcopy(load(name)) for name in (self.first_stage, self.critic))
        return Taught(student, critic).requires_grad_(True)

    def weights(self, data: Pictures) -> np.ndarray:
        return np.ones(len(data))  # the targets were drawn when they were made

    def pairs(self, data: Pictures, count: int) -> Targets:
        """Guided answers to damaged versions of the pictures."""
        recipe = msgspec.structs.replace(TASKS["restore"], prior=self.prior, restorer=self.first_stage, steps=self.steps)
        return Targets.of(data, count, recipe, self.kept)

    def loss(self, network: nn.Module, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> Tensor:
        assert isinstance(network, Taught)
        _, damaged, target = self.pairs(data, self.targets).batch(rng.integers(self.targets, size=len(index)), rng)
        answer = answered(network, damaged)
        loss = (answer - target).abs().mean()
        if self.perceptual:
            loss = loss + self.perceptual * self.apart(answer, target).mean()
        if self.adversarial:
            network.critic.requires_grad_(False)
            loss = loss + self.adversarial * F.softplus(-network(answer, judge=True)).mean()
            network.critic.requires_grad_(True)
            loss = loss + self.judged(partial(network, judge=True), target, answer.detach())
        return loss

    def apart(self, answer: Tensor, target: Tensor) -> Tensor:
        """(N,) distances of features."""
        look = Perceptual(features=self.features)
        with torch.no_grad():
            seen = Seen(look.embed(target, OURS), OURS)
        return look.distance(answer, seen)

    def judged(self, logits: Logits, target: Tensor, answer: Tensor) -> Tensor:
        """The critic's own loss: logistic, and R1 (Mescheder et al. 2018, arXiv 1801.04406) at a quarter of the targets."""
        loss = F.softplus(-logits(target)).mean() + F.softplus(logits(answer)).mean()
        return loss + self.penalty * steepness(logits, target[::4])

    def scores(self, network: nn.Module, held: Pictures) -> dict[str, float]:
        """Of held-out faces, blurred, noisy and compressed: how near to the guided answers, and how near to the truth."""
        count = min(32, len(held))
        clean, damaged, target = self.pairs(held, count).batch(np.arange(count))
        answer = answered(network, damaged).clamp(-1, 1)
        found = {}
        for words, wanted in (("guided answer", target), ("truth", clean)):
            error = (answer - wanted).square().mean((1, 2, 3))
            found[f"PSNR to the {words}"] = float((10 * torch.log10(4 / error)).mean())
            found[f"features' distance to the {words}"] = float(self.apart(answer, wanted).mean())
        found["features' distance of the guided answer to the truth"] = float(self.apart(target, clean).mean())
        return found

    def shipped(self, network: nn.Module) -> nn.Module:
        assert isinstance(network, Taught)
        return network.student

    def passport(self) -> dict[str, Any]:
        begun, _ = find(self.first_stage)
        return {
            "what": "one call in place of restore's ten: answers to blurred, noisy, compressed faces as the guided walk does",
            "kind": "restorer",
            "architecture": begun.architecture,
            "arguments": begun.arguments,
            "prediction": "gated",
        }


def answered(network: nn.Module, damaged: Tensor) -> Tensor:
    """Damaged pictures without holes, answered in one call."""
    return smooth_answer(network, damaged, torch.zeros_like(damaged[:, :1]))
