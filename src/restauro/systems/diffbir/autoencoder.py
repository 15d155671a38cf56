"""Training the autoencoder behind a prior of latents (Rombach et al. 2022, arXiv 2112.10752, appendix G)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restauro.core.knobs import Knob, Knobbed
from restauro.evaluation.metrics import psnr, ssim
from restauro.networks.autoencoder_kl import AutoencoderKL
from restauro.networks.patchgan import PatchGAN
from restauro.properties.perceptual import Perceptual, Seen
from restauro.systems._balance import balance
from restauro.systems.diffbir.practice import home
from restauro.training.data import Pictures
from restauro.training.objective import Player, torch_generator

SCORED = 64
SHARE = 0.01
"""Of a batch's latents in the measured scale."""


class Judged(nn.Module):
    """The autoencoder, the critic that is only there while it learns, and how many batches they have seen."""

    seen: Tensor

    def __init__(self, autoencoder: AutoencoderKL, critic: PatchGAN | None):
        super().__init__()
        self.autoencoder, self.critic = autoencoder, critic
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def forward(self, pictures: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What comes back of pictures, the latents on the way, drawn with noise of N(0, 1), and their KL divergence from N(0, 1)
        as a mean over their values."""
        mean, logvar = self.autoencoder.encode(pictures)
        latents = mean + (0.5 * logvar).exp() * noise
        divergence = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
        return self.autoencoder.decode(latents), latents, divergence


class AutoencoderObjective(Knobbed, frozen=True, kw_only=True):
    """Absolute error, deep features, a critic of patches, and a KL divergence that only keeps latents together.

    As published the critic's loss is hinged (Lim and Ye 2017, arXiv 1705.02894), and what it asks of the decoder's last layer is
    made as strong as what the other losses ask of it (Esser et al. 2021, arXiv 2012.09841, equation 7). The scale of the latents
    is measured on the way and kept among the weights.
    """

    latent: Annotated[int, Knob("channels of the latents", ge=1)] = 4
    width: Annotated[int, Knob("channels that `mult` multiplies", ge=8)] = 32
    mult: Annotated[tuple[float, ...], Knob("channels of each level over the width; each but the last halves the size")] = (1, 2)
    blocks: Annotated[int, Knob("residual blocks of each level; the decoder has one more", ge=1)] = 1
    patch: Annotated[int, Knob("pixels of a side that become one place", ge=1, le=8)] = 2
    attention: Annotated[bool, Knob("attention in the middle, as published")] = False
    kl: Annotated[float, Knob("weight of the KL divergence, a mean over the latents' values", ge=0)] = 3e-3
    perceptual: Annotated[float, Knob("weight of the distance of features", ge=0)] = 0.3
    features: Annotated[str, Knob("weights of the network whose features these are")] = "face-critic"
    adversarial: Annotated[float, Knob("weight of the critic's say over the other losses'; 0: no critic", ge=0)] = 0.3
    critic_after: Annotated[int, Knob("batches before there is a critic; published: 50000", ge=0)] = 2000
    critic_width: Annotated[int, Knob("channels of the critic's first layer", ge=4)] = 24
    frozen: Annotated[bool, Knob("only the decoder learns: a prior knows the latents already, and they stay")] = False

    def arguments(self) -> dict[str, Any]:
        return {
            "latent": self.latent,
            "width": self.width,
            "channel_mult": self.mult,
            "num_res_blocks": self.blocks,
            "scale": None,
            "attention": self.attention,
            "space_to_depth": self.patch,
        }

    def build(self, data: Pictures) -> Judged:
        critic = PatchGAN(3, self.critic_width, layers=2, norm="none") if self.adversarial else None
        autoencoder = AutoencoderKL(**self.arguments())
        for part in (autoencoder.encoder, autoencoder.quant_conv):
            part.requires_grad_(not self.frozen)
        return Judged(autoencoder, critic)

    def weights(self, data: Pictures) -> np.ndarray:
        return balance(data)

    def players(self, network: Judged) -> dict[str, Player]:
        found = {"autoencoder": Player(network.autoencoder)}
        return found if network.critic is None else {**found, "critic": Player(network.critic)}

    def turns(self, network: Judged, pictures: Tensor, rng: np.random.Generator) -> Iterator[tuple[str, Tensor]]:
        autoencoder, critic = network.autoencoder, network.critic
        side = pictures.shape[-1] // autoencoder.multiple
        noise = torch.randn(len(pictures), self.latent, side, side, generator=torch_generator(rng))
        pictures = pictures.to(home(network))
        answer, latents, divergence = network(pictures, noise)
        if not self.frozen:
            autoencoder.measure(latents, SHARE)
        network.seen += 1
        loss = (answer - pictures).abs().mean() + self.kl * divergence
        if self.perceptual:
            loss = loss + self.perceptual * self.apart(answer, pictures)
        if critic is None or network.seen <= self.critic_after:
            yield "autoencoder", loss
            return
        say = -critic(answer).mean()
        yield "autoencoder", loss + self.adversarial * evenly(loss, say, autoencoder.decoder.conv_out.weight) * say
        yield "critic", (F.relu(1 - critic(pictures)) + F.relu(1 + critic(answer.detach()))).mean() / 2

    def loss(self, network: Judged, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> Tensor:
        """The autoencoder's."""
        return next(self.turns(network, pictures, rng))[1]

    def apart(self, answer: Tensor, pictures: Tensor) -> Tensor:
        """The mean distance of features."""
        look = Perceptual(features=self.features)
        with torch.no_grad():
            seen = Seen(look.embed(pictures), "")
        return look.distance(answer, seen).mean()

    def scores(self, network: Judged, held: Pictures) -> dict[str, float]:
        """How near held-out pictures are to what comes back of the middle of their latents; how far scaled latents spread."""
        pictures = held.batch(np.arange(min(SCORED, len(held))))
        answers, latents = again(network, pictures)
        found = {"PSNR": float(psnr(answers, pictures).mean()), "SSIM": float(ssim(answers, pictures).mean())}
        if self.perceptual:
            found["features' distance"] = float(self.apart(answers, pictures))
        return {**found, "latents' deviation": float(latents.std())}

    def answers(self, network: Judged, held: Pictures) -> Tensor:
        """Pictures, and beside each what comes back of it."""
        pictures = held.batch(np.arange(min(8, len(held))))
        return torch.stack([pictures, again(network, pictures)[0]], 1).flatten(0, 1)

    def shipped(self, network: Judged) -> nn.Module:
        return network.autoencoder

    def passport(self) -> dict[str, Any]:
        return {
            "what": "autoencoder between pictures and the latents that a prior of DiffBIR knows",
            "kind": "latent-autoencoder",
            "architecture": "autoencoder-kl",
            "arguments": self.arguments(),
            "size": 0,
            "face_template": "",
        }


def evenly(loss: Tensor, other: Tensor, weight: Tensor) -> Tensor:
    """The factor that makes what the other loss asks of a weight as strong as what this one does; without a gradient."""
    ours, theirs = (torch.autograd.grad(one, weight, retain_graph=True)[0].norm() for one in (loss, other))
    return (ours / (theirs + 1e-6)).clamp(max=1e4)


@torch.no_grad()
def again(network: Judged, pictures: Tensor) -> tuple[Tensor, Tensor]:
    """What comes back of pictures, and their scaled latents, on the CPU; nothing is drawn."""
    autoencoder, answers, latents = network.autoencoder, [], []
    for part in pictures.split(8):
        mean, _ = autoencoder.encode(part.to(home(network)))
        answers.append(autoencoder.decode(mean).cpu())
        latents.append((autoencoder.scale * mean).cpu())
    return torch.cat(answers), torch.cat(latents)
