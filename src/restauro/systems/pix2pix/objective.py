"""What pix2pix trains: a network from pictures to pictures, against a discriminator or without (Isola et al., 1611.07004)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from restauro.core.errors import RecipeError
from restauro.core.knobs import Knob
from restauro.evaluation.metrics import psnr
from restauro.networks.initial import initialise
from restauro.networks.norms import Norm, Statistics
from restauro.networks.patchgan import PatchGAN
from restauro.networks.pixelgan import PixelGAN
from restauro.networks.resize_conv import Up
from restauro.networks.resnet_generator import ResnetGenerator
from restauro.networks.skip_unet import Dropped, SkipUNet
from restauro.systems.pix2pix.colorizer import ColorizerObjective
from restauro.systems.pix2pix.losses import GanMode, between, gan_loss, gradient_penalty
from restauro.systems.pix2pix.pool import ImagePool
from restauro.training.data import Pictures
from restauro.training.objective import Player
from restauro.training.pairs import PairedPictures

SCORED, AT_ONCE = 32, 8
Pair = tuple[Tensor, Tensor]


class Sides(nn.Module):
    """The two players, and the false pictures that the discriminator saw before; without it both are absent."""

    def __init__(self, generator: nn.Module, discriminator: nn.Module | None, pool: ImagePool | None):
        super().__init__()
        self.generator, self.discriminator, self.pool = generator, discriminator, pool

    def forward(self, shown: Tensor) -> Tensor:
        answer: Tensor = self.generator(shown)
        return answer


class Pix2PixObjective(PairedPictures, frozen=True, kw_only=True):
    """Pairs (shown, asked): min_G max_D E log D + E log(1 - D(G)) + l1 |asked - G(shown)|, D halved and first (equations 1 to 4).

    The defaults are what leaves no traces in whole photographs: instance norm, and no transposed convolutions. As published:
    the preset pix2pix-published.
    """

    generator: Annotated[Literal["unet", "resnet"], Knob("U-Net, or residual blocks at a quarter of the size")] = "unet"
    width: Annotated[int, Knob("its channels at the first level", ge=1)] = 32
    downs: Annotated[int, Knob("U-Net: how often the size is halved", ge=2, le=12)] = 6
    blocks: Annotated[int, Knob("ResNet: how many residual blocks", ge=1, le=64)] = 6
    norm: Annotated[Norm, Knob("of both networks")] = "instance"
    statistics: Annotated[Statistics, Knob("batch norm in use: averages of the training, or as batches of one saw it")] = (
        "training"
    )
    skips: Annotated[bool, Knob("U-Net: the decoder sees the encoder's levels; off: an encoder-decoder")] = True
    dropout: Annotated[Dropped, Knob("none; at the published program's levels; at the paper's innermost. ResNet: on or off")] = (
        "none"
    )
    up: Annotated[Up, Knob("transposed convolutions as published, or resized, without checkerboards")] = "resize"
    gan: Annotated[Literal["none"] | GanMode, Knob("what the discriminator plays for; none: there is no discriminator")] = (
        "vanilla"
    )
    layers: Annotated[
        int, Knob("discriminator: layers that halve the size; 3 judge patches of 70 px, 0 single pixels", ge=0, le=6)
    ] = 3
    critic_width: Annotated[int, Knob("discriminator: channels of the first layer", ge=1)] = 32
    conditional: Annotated[bool, Knob("the discriminator is shown what the generator is shown")] = True
    l1: Annotated[float, Knob("lambda, weight of the L1 distance", ge=0)] = 100.0
    penalty: Annotated[float, Knob("wgangp: weight of the gradient penalty; published pix2pix has none", ge=0)] = 10.0
    pool: Annotated[int, Knob("false pictures that the discriminator may be shown again; CycleGAN has 50", ge=0, le=1000)] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.gan == "none" and not self.l1:
            raise RecipeError("gan=none and l1=0 leave nothing to learn")
        if self.gan == "wgangp" and self.norm == "batch" and self.penalty:
            raise RecipeError(
                "a gradient penalty is of each picture, batch norm of all: norm=instance or norm=none, or penalty=0"
            )

    def arguments(self) -> dict[str, Any]:
        """Of the generator's constructor."""
        facts: dict[str, Any] = {"width": self.width, "norm": self.norm, "up": self.up, "statistics": self.statistics}
        if self.generator == "resnet":
            return {**facts, "blocks": self.blocks, "dropout": self.dropout != "none"}
        return {**facts, "downs": self.downs, "dropout": self.dropout, "skips": self.skips}

    def build(self, data: Pictures) -> Sides:
        """`ValueError` where the pictures are of no size for these networks."""
        generator = ResnetGenerator(**self.arguments()) if self.generator == "resnet" else SkipUNet(**self.arguments())
        if data.size % generator.multiple:
            raise ValueError(f"pictures of {data.size} px; this generator takes multiples of {generator.multiple}")
        discriminator, pool = None, None
        if self.gan != "none":
            if self.layers and data.size < 3 * 2**self.layers:
                raise ValueError(f"a discriminator of {self.layers} layers needs pictures of {3 * 2**self.layers} px")
            channels = 6 if self.conditional else 3
            discriminator = self._discriminator(channels)
            pool = ImagePool(self.pool, (channels, data.size, data.size)) if self.pool else None
        network = Sides(generator, discriminator, pool)
        initialise(network)
        return network

    def _discriminator(self, channels: int) -> nn.Module:
        if not self.layers:
            return PixelGAN(channels, self.critic_width, self.norm)
        return PatchGAN(channels, self.critic_width, self.layers, self.norm)

    def players(self, network: Sides) -> dict[str, Player]:
        found = {"generator": Player(network.generator)}
        return found if network.discriminator is None else {**found, "discriminator": Player(network.discriminator)}

    def weights(self, data: Pictures) -> np.ndarray:
        return np.ones(len(data))

    def prepare(self, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> Pair:
        return self.pair(pictures, rng)

    def turns(self, network: Sides, prepared: Pair, rng: np.random.Generator) -> Iterator[tuple[str, Tensor]]:
        """The discriminator, then the generator, judged by the discriminator as it is now."""
        shown, asked = prepared
        self._check(len(shown))
        answer = network.generator(shown)
        loss = self.l1 * (answer - asked).abs().mean()
        if network.discriminator is not None and self.gan != "none":
            real, false = self._judged(shown, asked), self._judged(shown, answer)
            seen = false.detach() if network.pool is None else network.pool.query(false.detach(), rng)
            against = gan_loss(network.discriminator(seen), False, self.gan)
            against = against + gan_loss(network.discriminator(real), True, self.gan)
            if self.gan == "wgangp" and self.penalty:
                shares = torch.from_numpy(rng.random(len(real))).float()
                against = against + self.penalty * gradient_penalty(network.discriminator, between(real, seen, shares))
            yield "discriminator", against / 2
            loss = loss + gan_loss(network.discriminator(false), True, self.gan)
        yield "generator", loss

    def _judged(self, shown: Tensor, picture: Tensor) -> Tensor:
        return torch.cat([shown, picture], 1) if self.conditional else picture

    def _check(self, count: int) -> None:
        """What is shipped must use the statistics that training saw."""
        alone = "picture" if count == 1 else "training"
        if self.norm == "batch" and self.statistics != alone:
            raise RecipeError(f"batch norm that is trained on {count} at a time is used so too: say statistics={alone}")

    def scores(self, network: nn.Module, held: Pictures) -> dict[str, float]:
        """On held-out pairs; where a degradation made them also what was gained over the damaged picture."""
        shown, asked = self.pair(held.batch(np.arange(min(SCORED, len(held)))), np.random.default_rng(7))
        answer = torch.cat([network(part) for part in shown.split(AT_ONCE)])
        after = psnr(answer, asked)
        found = {"PSNR": float(after.mean()), "L1": float((answer - asked).abs().mean())}
        if self.degradation:
            found["dB over what is shown"] = float((after - psnr(shown, asked)).mean())
        return found

    def answers(self, network: nn.Module, held: Pictures) -> Tensor:
        """Three rows of what is shown, what the network answers and what is asked for."""
        shown, asked = self.pair(held.batch(np.arange(min(3, len(held)))), np.random.default_rng(7))
        return torch.stack([shown, network(shown), asked], 1).flatten(0, 1)

    def shipped(self, network: nn.Module) -> nn.Module:
        assert isinstance(network, Sides)
        return network.generator

    def passport(self) -> dict[str, Any]:
        return {
            "what": f"undoes {self.degradation}" if self.degradation else "translates pictures as the pairs show it",
            "kind": "restorer" if self.degradation else "translator",
            "architecture": "resnet-generator" if self.generator == "resnet" else "skip-unet",
            "arguments": self.arguments(),
            "prediction": "clean",
            "size": 0,
            "face_template": "",
        }


PARTS = {"pix2pix": Pix2PixObjective, "colorizer": ColorizerObjective}
"""What `restauro train` can train of this system."""
