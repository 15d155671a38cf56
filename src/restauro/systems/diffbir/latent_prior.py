"""Training a prior of latents (Rombach et al. 2022, arXiv 2112.10752, equation 2)."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from restauro.core.errors import RecipeError
from restauro.core.knobs import Knob, Knobbed
from restauro.core.noise import PictureNoise
from restauro.diffusion.contract import Unguided
from restauro.diffusion.denoiser import NetworkDenoiser
from restauro.diffusion.losses import training_losses
from restauro.diffusion.samplers.unipc import UniPC
from restauro.diffusion.schedule import NoiseSchedule
from restauro.networks.unet import UNet
from restauro.systems._balance import balance
from restauro.systems.diffbir.practice import Faces, codec, drawn, held_loss, home
from restauro.training.data import Pictures
from restauro.training.objective import torch_generator
from restauro.weights.store import find

STEPS = 10
"""Of a sample: the samplers that restore need no more."""
process = cache(NoiseSchedule.named)


class LatentPriorObjective(Knobbed, frozen=True, kw_only=True):
    """A denoiser of an autoencoder's latents at every level of noise, timesteps uniform, told no prompts.

    As in DiffBIR 2.1 it says v (Salimans and Ho 2022, arXiv 2202.00512) on Stable Diffusion's schedule, made to end in noise
    alone (Lin et al. 2024, arXiv 2305.08891): then what sampling starts from is what was trained on.
    """

    better: ClassVar[str] = "lower"

    autoencoder: Annotated[str, Knob("weights of the autoencoder whose latents these are")] = "face-latent-autoencoder"
    predicts: Annotated[Literal["eps", "v", "clean"], Knob("what the network answers with")] = "v"
    schedule: Annotated[str, Knob("noise schedule, by its origin; DiffBIR 1 and 2: sd-scaled-linear")] = "sd-zero-snr"
    width: Annotated[int, Knob("channels that `mult` multiplies", ge=8)] = 32
    mult: Annotated[tuple[float, ...], Knob("channels of each level over the width")] = (1, 1.5, 2.25)
    blocks: Annotated[int, Knob("residual blocks of each level", ge=1)] = 1
    attention: Annotated[tuple[int, ...], Knob("levels with attention, as downsampling factors")] = (2, 4)
    head_channels: Annotated[int, Knob("channels of an attention head", ge=4)] = 24
    dropout: Annotated[float, Knob("dropout", ge=0, le=1)] = 0.0
    faces: Faces = "restauro128"

    def __post_init__(self) -> None:
        super().__post_init__()
        last = process(self.schedule).alphas_cumprod[-1]
        if self.predicts == "eps" and not last:
            raise RecipeError(f"{self.schedule} ends in noise alone, from which no eps tells the picture: predict v or clean")

    def arguments(self) -> dict[str, Any]:
        latent = find(self.autoencoder)[0].arguments.get("latent", 4)
        return {
            "in_channels": latent,
            "out_channels": latent,
            "model_channels": self.width,
            "channel_mult": self.mult,
            "num_res_blocks": self.blocks,
            "attention": self.attention,
            "num_head_channels": self.head_channels,
            "dropout": self.dropout,
        }

    def build(self, data: Pictures) -> nn.Module:
        return UNet(**self.arguments())

    def weights(self, data: Pictures) -> np.ndarray:
        return balance(data)

    def loss(self, network: nn.Module, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> Tensor:
        t = rng.integers(len(process(self.schedule)), size=len(pictures))
        return self.error(network, pictures, t, torch_generator(rng)).mean()

    def error(self, network: nn.Module, pictures: Tensor, t: np.ndarray, generator: torch.Generator) -> Tensor:
        """(N,) squared errors of what the network predicts at timesteps (N,)."""
        there = home(network)
        latents = drawn(codec(self.autoencoder, there), pictures.to(there), generator)
        noise = torch.randn(latents.shape, generator=generator).to(latents)
        return training_losses(self.denoiser(network, latents.shape[1:]), latents, torch.from_numpy(t), noise).loss

    def denoiser(self, network: nn.Module, shape: tuple[int, ...]) -> NetworkDenoiser:
        channels, height, width = shape
        return NetworkDenoiser(network, process(self.schedule), (channels, height, width), self.predicts, clip=False)

    def scores(self, network: nn.Module, held: Pictures) -> dict[str, float]:
        """The loss on held-out pictures."""

        def error(index: np.ndarray, t: np.ndarray, generator: torch.Generator) -> Tensor:
            return self.error(network, held.batch(index), t, generator)

        return {"held-out loss": held_loss(held, len(process(self.schedule)), error)}

    def samples(self, network: nn.Module, size: int) -> Tensor:
        """(16, 3, size, size), drawn in a few steps."""
        there = home(network)
        decoder = codec(self.autoencoder, there)
        side = size // decoder.network.multiple
        denoiser = self.denoiser(network, (decoder.network.latent, side, side))
        noise = PictureNoise(7, range(16), denoiser.shape, there)
        walk = denoiser.on(process(self.schedule).respace(f"trailing:{STEPS}"))
        *_, last = UniPC().steps(walk, noise(0), Unguided(), noise)
        return torch.cat([decoder.decode(part).cpu() for part in last.clean.split(4)])

    def shipped(self, network: nn.Module) -> nn.Module:
        return network

    def passport(self) -> dict[str, Any]:
        return {
            "what": f"prior of the latents of {self.autoencoder}",
            "kind": "latent-prior",
            "architecture": "unet",
            "arguments": self.arguments(),
            "prediction": self.predicts,
            "schedule": self.schedule,
            "steps": len(process(self.schedule)),
            "clip": False,
            "face_template": "" if self.faces == "none" else self.faces,
            "needs": {"autoencoder": self.autoencoder},
        }
