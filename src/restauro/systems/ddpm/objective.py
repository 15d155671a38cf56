"""Training a prior as Ho et al. 2020 and Nichol and Dhariwal 2021 do, every cell of their ablations included."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from restauro.core.errors import RecipeError
from restauro.core.knobs import Knob, Knobbed
from restauro.core.noise import PictureNoise
from restauro.diffusion.contract import Unguided
from restauro.diffusion.denoiser import NetworkDenoiser, Predicts, Variance
from restauro.diffusion.likelihood import bound
from restauro.diffusion.losses import Kind, training_losses
from restauro.diffusion.resampling import SecondMoments
from restauro.diffusion.samplers.ddim import Ddim
from restauro.diffusion.schedule import NoiseSchedule
from restauro.diffusion.weighting import Weighting, factors
from restauro.networks.unet import UNet
from restauro.systems.ddpm.network import PUBLISHED
from restauro.training.data import Pictures
from restauro.training.objective import torch_generator

SCORED = 64
"""So many held-out pictures at most."""
TERMS = 24
"""Timesteps at which each of them is scored."""


class DdpmObjective(Knobbed, frozen=True, kw_only=True, dict=True):
    """A denoiser at every level of a noise schedule; what it predicts, its variance and its loss are chosen freely.

    The network is the published one, by default a small one; systems/ddpm/network.py has the published sizes.
    """

    better: ClassVar[str] = "lower"

    predicts: Annotated[Predicts, Knob("what the network answers with; mean: mu-tilde")] = "eps"
    variance: Annotated[Variance, Knob("of the reverse steps; learned ones double the output")] = "fixed_large"
    minimises: Annotated[
        Kind, Knob("mse: L_simple; kl: one term of the bound; rescaled_mse: the hybrid loss; rescaled_kl: the bound")
    ] = "mse"
    schedule: Annotated[str, Knob("noise schedule, by its origin")] = "ho-linear"
    T: Annotated[int, Knob("timesteps of the schedule", ge=2, le=10000)] = 1000
    ends: Annotated[tuple[float, float] | None, Knob("first and last beta; none: the schedule's customary ones")] = None
    weighting: Annotated[Weighting, Knob("weight of the squared error at each noise level")] = "none"
    levels: Annotated[
        tuple[float, float] | None, Knob("mean and spread of ln sigma, drawn normally (EDM: -1.2,1.2); none: t uniform")
    ] = None
    drawn: Annotated[
        Literal["uniform", "second-moments"], Knob("timesteps without `levels`; second-moments: where the loss varies most")
    ] = "uniform"
    width: Annotated[int, Knob("channels that `mult` multiplies", ge=8)] = 64
    mult: Annotated[tuple[float, ...], Knob("channels of each level over the width")] = (1, 2, 2)
    blocks: Annotated[int, Knob("residual blocks of each level", ge=1)] = 2
    attention: Annotated[tuple[int, ...], Knob("levels with attention, as downsampling factors")] = (4,)
    dropout: Annotated[float, Knob("dropout", ge=0, le=1)] = 0.0
    patch: Annotated[int, Knob("pixels of a side that become one place", ge=1, le=16)] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        learned = self.variance.startswith("learned")
        if not self.process.alphas_cumprod[-1] and self.predicts == "eps":
            raise RecipeError(
                f"{self.schedule} ends in noise alone, from which no eps tells the picture: predict clean, v or mean"
            )
        if self.minimises == "rescaled_mse" and not learned:
            raise RecipeError("rescaled_mse weighs the loss of a learned variance: choose one, or mse")
        if self.minimises.endswith("kl") and (self.weighting != "none" or self.levels is not None):
            raise RecipeError("the bound weighs the noise levels itself: no weighting and no levels with kl")
        if self.levels is not None and self.drawn != "uniform":
            raise RecipeError("noise levels are drawn either normally (levels) or by second-moments")

    @cached_property
    def process(self) -> NoiseSchedule:
        return NoiseSchedule.named(self.schedule, self.T, *(self.ends or ()))

    def arguments(self) -> dict[str, Any]:
        return {
            **PUBLISHED,
            "out_channels": 6 if self.variance.startswith("learned") else 3,
            "model_channels": self.width,
            "channel_mult": self.mult,
            "num_res_blocks": self.blocks,
            "attention": self.attention,
            "dropout": self.dropout,
            "space_to_depth": self.patch,
        }

    def build(self, data: Pictures) -> nn.Module:
        network = UNet(**self.arguments())
        return network if self.drawn == "uniform" else Resampled(network, SecondMoments(self.T))

    def weights(self, data: Pictures) -> np.ndarray:
        return np.ones(len(data))

    def denoiser(self, network: nn.Module, size: int, *, clip: bool = True) -> NetworkDenoiser:
        return NetworkDenoiser(network, self.process, (3, size, size), self.predicts, self.variance, clip)

    def loss(self, network: nn.Module, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> Tensor:
        sampler = network.sampler if isinstance(network, Resampled) else None
        t, factor = (self.timesteps(len(pictures), rng), 1.0) if sampler is None else sampler.draw(len(pictures), rng)
        noise = torch.randn(pictures.shape, generator=torch_generator(rng))
        denoiser = self.denoiser(network, pictures.shape[-1])
        found = training_losses(denoiser, pictures, torch.from_numpy(t), noise, self.minimises)
        loss = found.loss
        if found.mse is not None and self.weighting != "none":
            weight = torch.from_numpy(factors(self.weighting, self.process, t, self.predicts)).float()
            loss = loss + (weight - 1) * found.mse
        if sampler is not None:
            sampler.update(t, loss)
        return (loss * torch.as_tensor(factor, dtype=loss.dtype)).mean()

    def timesteps(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """(n,) indices."""
        if self.levels is None:
            return rng.integers(self.T, size=n)
        return np.rint(self.process.t_of_sigma(np.exp(rng.normal(*self.levels, n)))).clip(0, self.T - 1).astype(np.int64)

    def scores(self, network: nn.Module, held: Pictures) -> dict[str, float]:
        """Bits per dimension of held-out pictures, and the share of them that the last step, L_0, needs."""
        pictures = held.batch(np.arange(min(SCORED, len(held))))
        noise = PictureNoise(7, range(len(pictures)), pictures.shape[1:])
        found = bound(self.denoiser(network, pictures.shape[-1]), pictures, noise, min(TERMS, self.T))
        return {"bits/dim": float(found.total.mean()), "L_0": float(found.decoder.mean())}

    def samples(self, network: nn.Module, size: int) -> Tensor:
        """(16, 3, size, size) by DDIM in 25 steps."""
        denoiser = self.denoiser(network, size)
        noise = PictureNoise(7, range(16), denoiser.shape)
        schedule = self.process.respace(f"trailing:{min(25, self.T)}")
        *_, last = Ddim().steps(denoiser.on(schedule), noise(0), Unguided(), noise)
        return last.x

    def shipped(self, network: nn.Module) -> nn.Module:
        return network.network if isinstance(network, Resampled) else network

    def passport(self) -> dict[str, Any]:
        return {
            "what": f"denoiser that predicts {self.predicts}, trained by {self.minimises}",
            "kind": "prior",
            "architecture": "unet",
            "arguments": self.arguments(),
            "prediction": self.predicts,
            "variance": self.variance,
            "schedule": self.schedule,
            "steps": self.T,
            "ends": list(self.ends or ()),
        }


class Resampled(nn.Module):
    """A network and the sampler of its timesteps, which is trained with it and left behind when the network ships."""

    def __init__(self, network: nn.Module, sampler: SecondMoments):
        super().__init__()
        self.network, self.sampler = network, sampler

    def forward(self, x: Tensor, timesteps: Tensor) -> Tensor:
        """The network's answer."""
        answer: Tensor = self.network(x, timesteps)
        return answer


PARTS = {"ddpm": DdpmObjective}
"""What `restauro train` can train of this system."""
