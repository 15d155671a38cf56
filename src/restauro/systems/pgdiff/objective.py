"""What PGDiff trains: the face prior and the smooth restorer; identity.py, critic.py, noisy_classifier.py and student.py have
the others."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from restauro.core.knobs import Knob, Knobbed
from restauro.diffusion.contract import Observation
from restauro.diffusion.schedule import NoiseSchedule
from restauro.networks.unet import UNet
from restauro.properties.identity import Identity, Person
from restauro.properties.perceptual import Perceptual, Seen
from restauro.restorers.smooth import smooth_answer
from restauro.systems._balance import balance
from restauro.systems.pgdiff.critic import CriticObjective
from restauro.systems.pgdiff.faces import OURS
from restauro.systems.pgdiff.identity import IdentityObjective
from restauro.systems.pgdiff.noisy_classifier import ClassifierObjective
from restauro.systems.pgdiff.observed import CHANNELS, channels
from restauro.systems.pgdiff.practice import DAMAGES, damage, first_stage
from restauro.systems.pgdiff.student import StudentObjective
from restauro.training.augment import PARAMETERS, augment
from restauro.training.data import Pictures
from restauro.training.objective import torch_generator

SCHEDULE = NoiseSchedule.named("openai-linear", 1000)
Prepared = tuple[Tensor, np.ndarray, Tensor, Tensor | None]
SHARP = 750.0
"""Laplacian variance that sampling asks for: the median of sharp portraits."""


def sharpness_condition(sharp: np.ndarray) -> np.ndarray:
    """Zero is both "the middle" and "not told"."""
    return np.log(np.maximum(sharp, 1) / 300.0)


class PriorObjective(Knobbed, frozen=True, kw_only=True):
    """A denoiser that predicts the clean picture behind space-to-depth (JiT, arXiv 2511.13720).

    Loss: squared error / max(sigma, 0.1)^2 with sigma = sqrt(1 - abar): the v-loss, bounded. Levels: ln of the
    noise-to-signal ratio is normal, so that most of the training lies where warm-started recipes sample.

    With `told` it is an amortised posterior as well (Palette, arXiv 2111.05826): further input channels show it, for that
    share of the pictures, a damaged version and the first stage's answer to it; zeros there tell nothing.
    """

    width: Annotated[int, Knob("channels that `mult` multiplies", ge=8)] = 64
    mult: Annotated[tuple[float, ...], Knob("channels of each level over the width")] = (1, 1.5, 2)
    patch: Annotated[int, Knob("pixels of a side that become one place", ge=1, le=16)] = 4
    level_mean: Annotated[float, Knob("mean of ln sigma")] = -0.7
    level_spread: Annotated[float, Knob("standard deviation of ln sigma", ge=0)] = 1.2
    far: Annotated[float, Knob("share of levels drawn uniformly from the noisier half of the schedule", ge=0, le=1)] = 0.06
    predicts: Annotated[Literal["clean", "v"], Knob("what the network answers with")] = "clean"
    dropout: Annotated[float, Knob("dropout", ge=0, le=1)] = 0.0
    told: Annotated[float, Knob("share of pictures whose damaged version is shown; 0: no input for it", ge=0, le=1)] = 0.65
    first_stage: Annotated[str, Knob("restorer whose answer is shown beside the damaged version")] = "face-restorer"

    def arguments(self) -> dict[str, Any]:
        return {
            "in_channels": 3 + (CHANNELS if self.told else 0),
            "out_channels": 3,
            "model_channels": self.width,
            "channel_mult": self.mult,
            "num_res_blocks": 1,
            "attention": [2 ** (len(self.mult) - 1)],
            "num_head_channels": 32,
            "conditions": PARAMETERS + 1,
            "space_to_depth": self.patch,
            "dropout": self.dropout,
        }

    def build(self, data: Pictures) -> nn.Module:
        return UNet(**self.arguments())

    def weights(self, data: Pictures) -> np.ndarray:
        return balance(data)

    def loss(self, network: nn.Module, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> Tensor:
        return self.learn(network, self.prepare(pictures, index, data, rng), rng)

    def prepare(self, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> Prepared:
        """Augmented pictures, their timesteps, what the network is told and what it is shown of them."""
        pictures, parameters = augment(pictures, rng)
        sharp = sharpness_condition(np.array([data.records[i].get("sharp", 300.0) for i in index]))
        told = torch.from_numpy(sharp * (rng.random(len(index)) >= 0.1)).float()
        conditions = torch.cat([parameters, told[:, None]], 1)
        timesteps = self.timesteps(len(pictures), rng)
        return pictures, timesteps, conditions, self.shown(pictures, rng, self.told)

    def learn(self, network: nn.Module, prepared: Prepared, rng: np.random.Generator) -> Tensor:
        """The mean weighted error."""
        return self.error(network, *prepared, torch_generator(rng)).mean()

    def shown(self, pictures: Tensor, rng: np.random.Generator, share: float, kind: str | None = None) -> Tensor | None:
        """The observation's channels of a damaged version of each picture, zeros for all but a share of them."""
        if not self.told:
            return None
        out = pictures.new_zeros(len(pictures), CHANNELS, *pictures.shape[2:])
        chosen = np.flatnonzero(rng.random(len(pictures)) < share)
        if len(chosen):
            pairs = [damage(pictures[i][None], rng, kind) for i in chosen]
            damaged, masks = (torch.cat(part) for part in zip(*pairs, strict=True))
            restored = first_stage(self.first_stage)(damaged, mask=masks)
            out[torch.from_numpy(chosen)] = channels(Observation(damaged, mask=masks, restored=restored))
        return out

    def timesteps(self, n: int, rng: np.random.Generator) -> np.ndarray:
        near = SCHEDULE.t_of_sigma(np.exp(rng.normal(self.level_mean, self.level_spread, n)))
        return np.where(rng.random(n) < self.far, rng.uniform(0.5, 1, n) * (len(SCHEDULE) - 1), near)

    def error(
        self,
        network: nn.Module,
        pictures: Tensor,
        t: np.ndarray,
        conditions: Tensor,
        shown: Tensor | None,
        generator: torch.Generator,
    ) -> Tensor:
        """(N,) weighted squared errors."""
        ratio = torch.from_numpy(SCHEDULE.sigma(t)).float()
        abar = 1 / (1 + ratio.square())
        noise = torch.randn(pictures.shape, generator=generator)
        signal, spread = abar.sqrt()[:, None, None, None], (1 - abar).sqrt()[:, None, None, None]
        x = signal * pictures + spread * noise
        seen = x if shown is None else torch.cat([x, shown], 1)
        out = network(seen.contiguous(memory_format=torch.channels_last), torch.from_numpy(t).float(), conditions=conditions)
        clean = signal * x - spread * out if self.predicts == "v" else out
        return (clean - pictures).square().mean((1, 2, 3)) / (1 - abar).clamp(min=0.01)

    def scores(self, network: nn.Module, held: Pictures) -> dict[str, float]:
        """Denoising PSNR of held-out faces at four noise-to-signal ratios, told nothing and told a blurred version."""
        pictures = held.batch(np.arange(min(64, len(held))))
        conditions = torch.zeros(len(pictures), PARAMETERS + 1)
        conditions[:, -1] = float(sharpness_condition(np.array(SHARP)))
        found = {}
        for sigma in (0.1, 0.3, 1.0, 3.0):
            t = np.full(len(pictures), float(SCHEDULE.t_of_sigma(sigma)))
            weight = 1 / max(1 - 1 / (1 + sigma**2), 0.01)
            for words, share in (("", 0.0), (", told", 1.0)):
                if share and not self.told:
                    continue
                shown = self.shown(pictures, np.random.default_rng(7), share, "blind")
                error = self.error(network, pictures, t, conditions, shown, torch.Generator().manual_seed(7)) / weight
                found[f"denoising PSNR at sigma {sigma:g}{words}"] = float((10 * torch.log10(4 / error)).mean())
        return found

    def shipped(self, network: nn.Module) -> nn.Module:
        return network

    def passport(self) -> dict[str, Any]:
        condition = [0.0] * PARAMETERS + [float(sharpness_condition(np.array(SHARP)))]
        return {
            "what": "denoiser of aligned faces, trained mostly at noise levels (sigma) up to "
            f"{np.exp(self.level_mean + self.level_spread):.1f}; unconditional samples are poor",
            "kind": "prior",
            "architecture": "unet",
            "arguments": self.arguments(),
            "prediction": self.predicts,
            "variance": "fixed_small",
            "schedule": "openai-linear",
            "steps": len(SCHEDULE),
            "condition": condition,
            "observes": bool(self.told),
        }


class RestorerObjective(Knobbed, frozen=True, kw_only=True):
    """A one-pass network that answers with the mean of all faces the damaged one could be (squared error, as PGDiff's smooth
    semantics ask), or with one that an embedder takes for the same person (`identity`, `perceptual`).

    It sees four channels, the picture with its holes emptied and the mask, answers with a picture and a gate through
    which the input may shine, and learns all of a photograph's damages at
    once: blur, noise and compression; lost colour; missing parts; and the three together as in old photographs.
    """

    width: Annotated[int, Knob("channels that `mult` multiplies", ge=8)] = 64
    mult: Annotated[tuple[float, ...], Knob("channels of each level over the width")] = (0.875, 0.875, 1, 1)
    patch: Annotated[int, Knob("pixels of a side that become one place", ge=1, le=16)] = 4
    identity: Annotated[float, Knob("weight of the distance to the truth's embedding, 1 - cosine", ge=0)] = 0.0
    perceptual: Annotated[float, Knob("weight of the distance to the truth's features", ge=0)] = 0.0
    embedder: Annotated[str, Knob("weights of the network that looks for these two")] = "identity-guide"

    def arguments(self) -> dict[str, Any]:
        return {
            "in_channels": 4,
            "out_channels": 4,
            "model_channels": self.width,
            "channel_mult": self.mult,
            "num_res_blocks": 1,
            "num_head_channels": 32,
            "time_embedding": False,
            "space_to_depth": self.patch,
        }

    def build(self, data: Pictures) -> nn.Module:
        return UNet(**self.arguments())

    def weights(self, data: Pictures) -> np.ndarray:
        return balance(data)

    def loss(self, network: nn.Module, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> Tensor:
        return self.learn(network, self.prepare(pictures, index, data, rng), rng)

    def prepare(self, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> tuple[Tensor, ...]:
        """Augmented pictures, damaged versions of them, and the masks."""
        pictures, _ = augment(pictures, rng)
        damaged, masks = zip(*(damage(one[None], rng) for one in pictures), strict=True)
        return pictures, torch.cat(damaged), torch.cat(masks)

    def learn(self, network: nn.Module, prepared: tuple[Tensor, ...], rng: np.random.Generator) -> Tensor:
        """Four times the squared error, about as large as the absolute one, and what an embedder sees."""
        pictures, damaged, masks = prepared
        answer = smooth_answer(network, damaged, masks)
        loss = 4 * (answer - pictures).square().mean()
        if self.identity:
            identity = Identity(embedder=self.embedder)
            with torch.no_grad():
                person = Person(identity.embed(pictures, OURS), OURS)
            loss = loss + self.identity * identity.distance(answer, person).mean()
        if self.perceptual:
            perceptual = Perceptual(features=self.embedder)
            with torch.no_grad():
                seen = Seen(perceptual.embed(pictures, OURS), OURS)
            loss = loss + self.perceptual * perceptual.distance(answer, seen).mean()
        return loss

    def scores(self, network: nn.Module, held: Pictures) -> dict[str, float]:
        """PSNR on held-out faces for each kind of damage."""
        pictures = held.batch(np.arange(min(64, len(held))))
        found = {}
        for kind in DAMAGES:
            rng = np.random.default_rng(7)
            damaged, masks = zip(*(damage(one[None], rng, kind) for one in pictures), strict=True)
            error = (smooth_answer(network, torch.cat(damaged), torch.cat(masks)) - pictures).square().mean((1, 2, 3))
            found[f"PSNR {kind}"] = float((10 * torch.log10(4 / error)).mean())
        return found

    def shipped(self, network: nn.Module) -> nn.Module:
        return network

    def passport(self) -> dict[str, Any]:
        return {
            "what": "one-pass restorer of blurred, noisy, compressed, grey, torn and old faces: the mean of what they could be",
            "kind": "restorer",
            "architecture": "unet",
            "arguments": self.arguments(),
            "prediction": "gated",
        }


PARTS: dict[
    str,
    type[PriorObjective]
    | type[RestorerObjective]
    | type[IdentityObjective]
    | type[CriticObjective]
    | type[ClassifierObjective]
    | type[StudentObjective],
] = {
    "prior": PriorObjective,
    "restorer": RestorerObjective,
    "identity": IdentityObjective,
    "critic": CriticObjective,
    "classifier": ClassifierObjective,
    "student": StudentObjective,
}
"""What `restauro train` can train, by the word a user types."""
