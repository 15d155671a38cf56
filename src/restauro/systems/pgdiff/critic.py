"""The critic: tells sharp faces from what our own chain makes of damaged ones (PGDiff's adversarial guidance)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restauro.core.knobs import Knob, Knobbed
from restauro.diffusion.contract import Observation
from restauro.networks.patchgan import PatchGAN
from restauro.properties._look import gaussian
from restauro.systems._balance import balance
from restauro.systems._prior import prior
from restauro.systems.pgdiff.observed import shown
from restauro.systems.pgdiff.practice import damage, first_stage
from restauro.training.augment import augment
from restauro.training.data import Pictures
from restauro.training.objective import torch_generator

Logits = Callable[[Tensor], Tensor]
CPU = torch.device("cpu")
LEVELS = (0.15, 0.8)
"""Noise (sigma) from which the prior's estimates are made: those of a warm-started walk."""


class CriticObjective(Knobbed, frozen=True, kw_only=True):
    """A PatchGAN on the logistic loss. Real: sharp faces. False: what guidance will show it of the same faces, damaged.

    That is the first stage's answers, also sharpened or blended with the truth by a part, the prior's one-call estimates
    from noise over those, and both after steps along the critic's own gradient. Without these, without the blur, and
    without the penalty on the gradient of both sides (R1 and R2: Mescheder et al. 2018, arXiv 1801.04406), guidance by it
    paints patterns. It practises on windows of the pictures: its patches are small, and more pictures are seen in a minute.
    """

    width: Annotated[int, Knob("channels of the first layer", ge=4)] = 24
    layers: Annotated[int, Knob("layers that halve the size", ge=1, le=5)] = 3
    penalty: Annotated[float, Knob("weight of the squared gradient of a picture's mean logit", ge=0)] = 4.0
    veil: Annotated[float, Knob("largest noise laid over both sides", ge=0, le=1)] = 0.1
    blur: Annotated[float, Knob("Gaussian through which it looks, here and later", ge=0, le=5, unit="px")] = 0.8
    window: Annotated[int, Knob("side of the part of a picture that is judged", ge=32, unit="px")] = 64
    fooled: Annotated[float, Knob("largest step along the critic's own gradient, three of them", ge=0, le=1)] = 0.02
    least_sharp: Annotated[float, Knob("Laplacian variance under which a training face is hardly drawn", ge=0)] = 300.0
    first_stage: Annotated[str, Knob("restorer whose answers are false")] = "face-restorer"
    prior: Annotated[str, Knob("prior whose estimates are false")] = "face-prior"

    def arguments(self) -> dict[str, Any]:
        return {"in_channels": 3, "width": self.width, "layers": self.layers, "norm": "none"}

    def build(self, data: Pictures) -> nn.Module:
        return PatchGAN(**self.arguments())

    def weights(self, data: Pictures) -> np.ndarray:
        sharp = np.array([record.get("sharp", self.least_sharp) for record in data.records])
        return balance(data) * np.where(sharp >= self.least_sharp, 1.0, 0.05)

    def loss(self, network: nn.Module, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> Tensor:
        real, _ = augment(pictures, rng)
        top, left = rng.integers(0, max(1, real.shape[-1] - self.window + 1), 2)
        part = slice(top, top + self.window), slice(left, left + self.window)
        real, false = (side[..., *part] for side in (real, torch.cat(self.falsified(real, rng))))
        logits = partial(self.logits, network)
        strides = torch.from_numpy(rng.uniform(0, self.fooled, len(false[::3]))).float()
        false = torch.cat([false, fooling(logits, false[::3], strides)])
        generator = torch_generator(rng)
        loss = torch.zeros(())
        for side, sign in ((real, -1), (false, 1)):
            side = self._veiled(side, rng, generator)
            loss = loss + F.softplus(sign * logits(side)).mean() + self.penalty * steepness(logits, side[::3])
        return loss

    def logits(self, network: nn.Module, pictures: Tensor) -> Tensor:
        answer: Tensor = network(gaussian(pictures, self.blur).contiguous(memory_format=torch.channels_last))
        return answer

    def _veiled(self, pictures: Tensor, rng: np.random.Generator, generator: torch.Generator) -> Tensor:
        strength = torch.from_numpy(rng.uniform(0, self.veil, (len(pictures), 1, 1, 1))).float()
        return pictures + strength * torch.randn(pictures.shape, generator=generator)

    @torch.no_grad()
    def falsified(self, real: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """What the chain makes of damaged versions of real faces: answers (N, 3, H, W), and estimates of half of them."""
        damaged, masks = (torch.cat(part) for part in zip(*(damage(one[None], rng) for one in real), strict=True))
        answers = first_stage(self.first_stage)(damaged, mask=masks)
        half = slice(len(real) // 2 or None)
        low, high = np.log(LEVELS)
        sigma = np.exp(rng.uniform(low, high, len(answers[half])))
        observed = Observation(damaged[half], mask=masks[half], restored=answers[half])
        estimates = one_call(self.prior, observed, sigma, torch_generator(rng))
        return _varied(answers, real, rng), estimates

    def scores(self, network: nn.Module, held: Pictures) -> dict[str, float]:
        """On held-out sharp faces: area under the ROC curve, accuracy and gap of the mean logits, for each kind of false ones."""
        chosen = np.flatnonzero(self.weights(held) >= np.median(self.weights(held)))[:64]
        real = held.batch(chosen)
        found = {}
        logits = partial(self.logits, network)
        of_real = logits(real).mean((1, 2, 3))
        answers, estimates = self.falsified(real, np.random.default_rng(7))
        guided = fooling(logits, estimates, torch.full((len(estimates),), self.fooled / 2))
        for words, false in (("answers", answers), ("estimates", estimates), ("estimates it guided", guided)):
            of_false = logits(false).mean((1, 2, 3))
            found[f"ROC area, {words}"] = float((of_real[:, None] > of_false).float().mean())
            found[f"accuracy, {words}"] = float(((of_real > 0).float().mean() + (of_false < 0).float().mean()) / 2)
            found[f"logit gap, {words}"] = float(of_real.mean() - of_false.mean())
        return found

    def shipped(self, network: nn.Module) -> nn.Module:
        return network

    def passport(self) -> dict[str, Any]:
        return {
            "what": "critic of aligned faces: above 0 it takes them for sharp photographs, below for restorations",
            "kind": "critic",
            "architecture": "patchgan",
            "arguments": self.arguments(),
        }


def steepness(logits: Logits, pictures: Tensor) -> Tensor:
    """The squared gradient of a picture's mean logit, on average; differentiable."""
    pictures = pictures.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(logits(pictures).mean((1, 2, 3)).sum(), pictures, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()


def fooling(logits: Logits, pictures: Tensor, strides: Tensor, steps: int = 3) -> Tensor:
    """Pictures moved to where the critic takes them for real, as guidance moves them: `strides` (N,) root mean square a step."""
    for _ in range(steps):
        with torch.enable_grad():
            leaf = pictures.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(logits(leaf).sum(), leaf)
        norm = gradient.square().mean((1, 2, 3), keepdim=True).sqrt().clamp_min(1e-12)
        pictures = (leaf.detach() + strides[:, None, None, None] * gradient / norm).clamp(-1, 1)
    return pictures


def one_call(name: str, observed: Observation, sigma: np.ndarray, generator: torch.Generator) -> Tensor:
    """A prior's estimate of the clean picture from the first stage's answer under noise of (N,) levels sigma."""
    denoiser = prior(name, CPU, shown(name, observed))
    answer = observed.source("restored")
    t = torch.from_numpy(np.rint(denoiser.schedule.t_of_sigma(sigma)).astype(np.int64))
    x = denoiser.schedule.q_sample(answer, t, torch.randn(answer.shape, generator=generator))
    return denoiser.read(denoiser.output(x, t), x, t).clean


def _varied(answers: Tensor, real: Tensor, rng: np.random.Generator) -> Tensor:
    """A third as they are, a third sharpened, a third with up to half of the truth in them."""
    n = len(answers)
    kind = rng.integers(3, size=n)
    gain, share = rng.uniform(0, 1.5, n) * (kind == 1), rng.uniform(0, 0.5, n) * (kind == 2)
    gains, shares = (torch.from_numpy(one).float()[:, None, None, None] for one in (gain, share))
    detail = answers - gaussian(answers, 1.0)
    return (answers + gains * detail).lerp(real, shares).clamp(-1, 1)
