"""Training a super-resolver as published: the paper's network or the repository's, told the level of the noise it predicts."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restauro.core.knobs import Knob, Knobbed
from restauro.degradations.blur import Blur
from restauro.diffusion.schedule import NoiseSchedule
from restauro.networks.sr3 import Sr3UNet
from restauro.networks.unet import UNet
from restauro.systems.sr3.losses import Domain, draw_levels, levels_within, noise_loss
from restauro.systems.sr3.network import TIME_SCALE, arguments
from restauro.training.data import Pictures
from restauro.training.objective import torch_generator

SCORED = 32


class PublishedSr3(Knobbed, frozen=True, kw_only=True):
    """A denoiser of pictures that is shown the small one, enlarged (SR3, arXiv 2104.07636), for one factor.

    What is trained is a super-resolver like any other; the repository's differs from its own checkpoints in that levels are
    spread before they are embedded, unless `level_scale` is 1.
    """

    better: ClassVar[str] = "lower"

    network: Annotated[Literal["paper", "repository"], Knob("BigGAN's residual blocks, or Janspiry's U-Net")] = "paper"
    width: Annotated[int, Knob("channels that `mult` multiplies", ge=8)] = 32
    mult: Annotated[tuple[int, ...], Knob("channels of each level over the width")] = (1, 2, 4)
    blocks: Annotated[int, Knob("residual blocks of each level", ge=1)] = 2
    attention: Annotated[tuple[int, ...], Knob("levels with attention, as downsampling factors")] = (4,)
    groups: Annotated[int, Knob("repository: groups of its norms", ge=1)] = 32
    dropout: Annotated[float, Knob("inside residual blocks", ge=0, le=1)] = 0.0
    level_scale: Annotated[float, Knob("repository: of levels before they are embedded; 1 as published", ge=1)] = TIME_SCALE
    T: Annotated[int, Knob("steps of the schedule, linear from 1e-6 to 0.01", ge=1, le=10000)] = 2000
    domain: Annotated[Domain, Knob("what is drawn uniformly within a step: sqrt(gamma) (repository) or gamma (paper)")] = "level"
    one_t: Annotated[bool, Knob("one step for the whole batch, as the repository has it")] = False
    power: Annotated[Literal[1, 2], Knob("p of the loss")] = 1
    factor: Annotated[int, Knob("how many times larger", ge=2, le=16)] = 4
    blur: Annotated[float, Knob("strongest Gaussian blur of what is shown: for cascades", ge=0, le=50, unit="px")] = 0.0

    @property
    def schedule(self) -> NoiseSchedule:
        return NoiseSchedule.named("sr3-linear", self.T)

    def arguments(self) -> dict[str, Any]:
        if self.network == "paper":
            return arguments(self.width, self.mult, self.blocks, self.attention, self.dropout)
        return {
            "inner_channels": self.width,
            "channel_mult": list(self.mult),
            "res_blocks": self.blocks,
            "attention": list(self.attention),
            "groups": self.groups,
            "dropout": self.dropout,
            "level_scale": self.level_scale,
        }

    def build(self, data: Pictures) -> nn.Module:
        return UNet(**self.arguments()) if self.network == "paper" else Sr3UNet(**self.arguments())

    def weights(self, data: Pictures) -> np.ndarray:
        return np.ones(len(data))

    def prepare(self, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> tuple[Tensor, ...]:
        """The pictures, and what the network is shown of them."""
        return pictures, torch.cat([self._shown(one[None], rng) for one in pictures])

    def learn(self, network: nn.Module, prepared: tuple[Tensor, ...], rng: np.random.Generator) -> Tensor:
        clean, shown = prepared
        levels = draw_levels(self.schedule, len(clean), rng, domain=self.domain, one_t=self.one_t)
        noise = torch.randn(clean.shape, generator=torch_generator(rng))
        return noise_loss(network, shown, clean, levels, noise, self.power).mean()

    def loss(self, network: nn.Module, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> Tensor:
        return self.learn(network, self.prepare(pictures, index, data, rng), rng)

    def scores(self, network: nn.Module, held: Pictures) -> dict[str, float]:
        """The loss on held-out pictures, levels spread evenly over the schedule."""
        clean = held.batch(np.arange(min(SCORED, len(held))))
        shown = torch.cat([enlarged(one[None], self.factor) for one in clean])
        levels = torch.from_numpy(levels_within(self.schedule, np.linspace(0, self.T - 1, len(clean)).astype(int), 0.5)).float()
        noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(7))
        return {"held-out loss": float(noise_loss(network, shown, clean, levels, noise, self.power).mean())}

    def shipped(self, network: nn.Module) -> nn.Module:
        return network

    def passport(self) -> dict[str, Any]:
        return {
            "what": f"enlarges pictures {self.factor} times, as SR3 is published",
            "kind": "super-resolver",
            "architecture": "unet" if self.network == "paper" else "sr3-unet",
            "arguments": self.arguments(),
            "prediction": "eps",
            "variance": "fixed_large" if self.network == "paper" else "fixed_small_clipped",
            "schedule": "sr3-linear",
            "steps": self.T,
            "told": "level",
            "face_template": "",
        }

    def _shown(self, picture: Tensor, rng: np.random.Generator) -> Tensor:
        shown = enlarged(picture, self.factor)
        if not self.blur:
            return shown
        damage = Blur(low=0, high=self.blur, anisotropic=0, follow=False)
        return damage.apply(shown, damage.sample(rng))


def enlarged(clean: Tensor, factor: int) -> Tensor:
    """Reduced to 8 bits and enlarged again; bicubic, antialiased."""
    small = F.interpolate(clean, scale_factor=1 / factor, mode="bicubic", antialias=True).clamp(-1, 1)
    levels = ((small + 1) * 127.5).round() / 127.5 - 1
    return F.interpolate(levels, clean.shape[-2:], mode="bicubic", antialias=True)
