"""What SR3 trains: a super-resolver, by diffusion or, to compare it with, by regression with the same network."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restauro.core.knobs import Knob, Knobbed
from restauro.degradations._base import length_scale
from restauro.degradations.blur import Blur
from restauro.degradations.jpeg import Jpeg
from restauro.degradations.noise import Noise
from restauro.diffusion.schedule import NoiseSchedule
from restauro.evaluation.metrics import psnr
from restauro.networks.residual_denoiser import ResidualDenoiser
from restauro.systems.sr3.losses import levels_within
from restauro.systems.sr3.practice import PublishedSr3
from restauro.training.data import Pictures
from restauro.training.objective import torch_generator

SCHEDULE = NoiseSchedule.named("sr3-linear", 2000)
MARGIN = 8
"""Pixels around a crop that are reduced with it and then cut off: in a photograph, too, a tile's surroundings go on."""


class Sr3Objective(Knobbed, frozen=True, kw_only=True):
    """A denoiser of large pictures that is shown the small one, enlarged (SR3, arXiv 2104.07636).

    Levels: ln of the noise-to-signal ratio is normal around the detail that is missing, where a walk that starts from the
    enlarged picture spends its calls; a share is drawn as published, uniformly between two steps of the training schedule.
    Loss: |clean - answer|^p times EDM's weight, by which every level counts the same.

    The network is told the factor and how clean the small picture is: some are blurred, noisy and compressed, as
    photographs are.
    """

    width: Annotated[int, Knob("channels that `mult` multiplies", ge=8)] = 16
    mult: Annotated[tuple[float, ...], Knob("channels of each level over the width")] = (3, 4, 4)
    blocks: Annotated[tuple[int, ...], Knob("residual blocks of each level")] = (2, 1, 1)
    patch: Annotated[int, Knob("pixels of a side that become one place", ge=1, le=16)] = 2
    crop: Annotated[int, Knob("side of the training crops", ge=16, unit="px")] = 64
    power: Annotated[Literal[1, 2], Knob("p of the loss")] = 1
    level_mean: Annotated[float, Knob("mean of ln sigma")] = -1.9
    level_spread: Annotated[float, Knob("standard deviation of ln sigma", ge=0)] = 1.1
    published: Annotated[float, Knob("share of levels drawn as published", ge=0, le=1)] = 0.15
    four: Annotated[float, Knob("share of pictures enlarged four times, the others twice", ge=0, le=1)] = 0.25
    damaged: Annotated[float, Knob("share of small pictures that are blurred, noisy and compressed", ge=0, le=1)] = 0.3
    regression: Annotated[bool, Knob("no noise: the network answers with the middle of all pictures it could be")] = False

    def arguments(self) -> dict[str, Any]:
        return {
            "spread": 0.1,
            "model_channels": self.width,
            "channel_mult": self.mult,
            "num_res_blocks": self.blocks,
            "resblock_updown": True,
            "skip_scale": 2**-0.5,
            "norm": "pixel",
            "middle_attention": False,
            "conditions": 2,
            "space_to_depth": self.patch,
            "time_scale": 30.0,
        }

    def build(self, data: Pictures) -> nn.Module:
        return ResidualDenoiser(**self.arguments())

    def weights(self, data: Pictures) -> np.ndarray:
        return np.ones(len(data))

    def loss(self, network: nn.Module, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> Tensor:
        return self.learn(network, self.prepare(pictures, index, data, rng), rng)

    def prepare(self, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> tuple[Tensor, ...]:
        """Crops, the small ones enlarged, and what the network is told of them."""
        pairs = [self.pair(_crop(one, self.crop + 2 * MARGIN, rng), rng) for one in pictures]
        return tuple(torch.cat(part) for part in zip(*pairs, strict=True))

    def learn(self, network: nn.Module, prepared: tuple[Tensor, ...], rng: np.random.Generator) -> Tensor:
        """The loss at random noise levels."""
        clean, reference, conditions = prepared
        levels = self.levels(len(clean), rng)
        return self.error(network, clean, reference, conditions, levels, torch_generator(rng)).mean()

    def pair(self, picture: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """A large picture (3, S, S), the small one enlarged, and what the network is told of it, without their margins."""
        factor = 4 if rng.random() < self.four else 2
        strength = rng.random() if rng.random() < self.damaged else 0.0
        reference = reduced(picture[None], factor, strength, rng)
        inside = (..., slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))
        return picture[None][inside], reference[inside], told(factor, strength)

    def levels(self, n: int, rng: np.random.Generator) -> Tensor:
        """(n,) sqrt(alpha-bar)."""
        if self.regression:
            return torch.zeros(n)
        near = 1 / np.sqrt(1 + np.exp(2 * rng.normal(self.level_mean, self.level_spread, n)))
        t = rng.integers(len(SCHEDULE), size=n)
        published = rng.random(n) < self.published
        return torch.from_numpy(np.where(published, levels_within(SCHEDULE, t, rng.random(n)), near)).float()

    def error(
        self, network: nn.Module, clean: Tensor, reference: Tensor, conditions: Tensor, levels: Tensor, generator: torch.Generator
    ) -> Tensor:
        """(N,) weighted errors."""
        level = levels[:, None, None, None]
        noise = torch.zeros_like(clean) if self.regression else torch.randn(clean.shape, generator=generator)
        x = level * clean + (1 - level.square()).sqrt() * noise
        error = (network(torch.cat([reference, x], 1), levels, conditions) - clean).abs()
        spread = self.arguments()["spread"]
        variance = (levels * spread).square() + 1 - levels.square()
        weight = (variance / (1 - levels.square()).clamp(min=1e-4)).sqrt() / spread
        return (weight[:, None, None, None] * error).pow(self.power).mean((1, 2, 3))

    def scores(self, network: nn.Module, held: Pictures) -> dict[str, float]:
        """Gain in PSNR over the enlarged picture, in one call and where noise hides what was lost."""
        found = {}
        for factor in (2, 4):
            clean = held.batch(np.arange(min(32, len(held))))[..., 16:-16, 16:-16]
            reference = reduced(clean, factor, 0.0, np.random.default_rng(7))
            conditions = told(factor, 0.0)
            before = psnr(reference, clean)
            for sigma in (np.inf,) if self.regression else (np.inf, 0.3, 0.1):
                level = clean.new_full((len(clean),), float(1 / np.sqrt(1 + sigma**2)))
                noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(7))
                x = torch.zeros_like(clean) if self.regression else level[0] * clean + (1 - level[0] ** 2).sqrt() * noise
                answer = network(torch.cat([reference, x], 1), level, conditions)
                found[f"x{factor}: dB over bicubic at sigma {sigma:g}"] = float((psnr(answer, clean) - before).mean())
        return found

    def shipped(self, network: nn.Module) -> nn.Module:
        return network

    def passport(self) -> dict[str, Any]:
        return {
            "what": "enlarges photographs two or four times"
            + (" in one call: the middle of what they could be" if self.regression else ""),
            "kind": "super-resolver",
            "architecture": "residual-denoiser",
            "arguments": self.arguments(),
            "prediction": "clean",
            "variance": "fixed_small",
            "schedule": "sr3-linear",
            "steps": len(SCHEDULE),
            "told": "level",
            "size": 0,
            "face_template": "",
        }


def reduced(clean: Tensor, factor: int, strength: float, rng: np.random.Generator) -> Tensor:
    """The small 8-bit picture, damaged by `strength` (0..1), enlarged again; bicubic, antialiased, as Pillow does it."""
    picture = clean
    if strength:
        blur = Blur(low=0, high=0.8 * strength * factor / length_scale(clean))
        picture = blur.apply(picture, blur.sample(rng))
    small = rescale(picture, 1 / factor)
    for link in (Noise(low=0, high=12 * strength, grey=0.3), Jpeg(low=round(98 - 55 * strength), high=98)) if strength else ():
        small = link.apply(small, link.sample(rng))
    levels = ((small.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1
    return rescale(levels, factor)


def told(factor: float, strength: float) -> Tensor:
    """(1, 2): zeros mean a clean picture, enlarged twice."""
    return torch.tensor([[np.log2(factor) - 1, strength]], dtype=torch.float32)


def rescale(picture: Tensor, factor: float) -> Tensor:
    """Bicubic, antialiased where it shrinks."""
    return F.interpolate(picture, scale_factor=factor, mode="bicubic", antialias=True, align_corners=False)


def _crop(picture: Tensor, side: int, rng: np.random.Generator) -> Tensor:
    """At a random place, mirrored and turned by quarters at random."""
    top, left = (int(rng.integers(length - side + 1)) for length in picture.shape[-2:])
    picture = picture[:, top : top + side, left : left + side]
    picture = picture.flip(2) if rng.random() < 0.5 else picture
    return torch.rot90(picture, int(rng.integers(4)), (1, 2))


PARTS = {"sr3": Sr3Objective, "sr3-published": PublishedSr3}
"""What `restauro train` can train of this system."""
