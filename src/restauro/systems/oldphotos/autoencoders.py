"""Training the two VAEs: one for old photographs, real and synthetic alike, one for clean pictures (arXiv 2004.09484, 3.1)."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor, nn

from restauro.core.errors import RecipeError
from restauro.core.knobs import Knob
from restauro.evaluation.alignment import pooled, unlikeness
from restauro.evaluation.metrics import psnr
from restauro.networks.multiscale_critic import MultiscaleCritic
from restauro.networks.norms import Norm
from restauro.networks.photo_vae import PhotoVAE
from restauro.systems.oldphotos.adversarial import Adversarial, Turns, here, start
from restauro.systems.oldphotos.collection import collection
from restauro.systems.oldphotos.losses import adversary, kl, latent_sides, lsgan
from restauro.systems.oldphotos.practice import Chain, Told, Widened, age, asked, holed, links
from restauro.training.data import Pictures
from restauro.training.objective import Player, torch_generator

SCORED = 64


class Stage(nn.Module):
    """The networks of a stage: the VAE, its critic of pictures and, for VAE-1, one of latents."""

    def __init__(self, norm: Norm, generator: PhotoVAE, critic: MultiscaleCritic, latent_critic: MultiscaleCritic | None = None):
        super().__init__()
        self.generator, self.critic, self.latent_critic = generator, critic, latent_critic
        start(self)
        start(generator, norm)


class CleanVae(Adversarial, frozen=True, kw_only=True):
    """VAE-2: clean pictures through latents of fixed variance. What the chain means to be grey or toned is so here, too."""

    width: Annotated[int, Knob("channels of the first layer, doubled with each stride up to `latent`", ge=8)] = 32
    latent: Annotated[int, Knob("channels of the latents, at a quarter of the size", ge=4)] = 64
    kl: Annotated[float, Knob("weight of the KL, which is without its factor 1/2", ge=0)] = 1.0
    chain: Chain = "old-photo"

    def __post_init__(self) -> None:
        super().__post_init__()
        links(self.chain)

    def arguments(self) -> dict[str, Any]:
        return {"width": self.width, "latent": self.latent, "norm": self.norm}

    def build(self, data: Pictures) -> Stage:
        return Stage(self.norm, PhotoVAE(**self.arguments()), MultiscaleCritic(3, self.critic_width))

    def players(self, network: Stage) -> dict[str, Player]:
        return {"generator": Player(network.generator), "critic": Player(network.critic)}

    def prepare(self, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Pictures, and which of them are real old photographs."""
        return asked(pictures, rng, self.chain), torch.zeros(len(pictures), dtype=torch.bool)

    def turns(self, network: Stage, prepared: tuple[Tensor, Tensor], rng: np.random.Generator) -> Turns:
        pictures, old = here(network, *prepared)
        latent = network.generator.encode(pictures)
        noise = torch.randn(latent.shape, generator=torch_generator(rng)).to(latent)
        yield from self.play(network, pictures, old, latent, noise)

    def play(self, network: Stage, pictures: Tensor, old: Tensor, latent: Tensor, noise: Tensor) -> Turns:
        """One step in the published order, all from one forward pass. noise: of the latents."""
        answer = network.generator.decode(latent + noise)
        real = network.critic(pictures)
        yield "generator", torch.stack(list(self.terms(network, pictures, old, latent, answer, real).values())).sum()
        yield "critic", adversary(network.critic(answer.detach()), real)

    def terms(
        self, network: Stage, pictures: Tensor, old: Tensor, latent: Tensor, answer: Tensor, real: list[list[Tensor]]
    ) -> dict[str, Tensor]:
        """The generator's losses, weighted. real: the critic's maps of the pictures."""
        found = self.judged(answer, pictures, network.critic(answer), real)
        return {**found, "kl": self.kl * kl(latent)}

    def loss(self, network: Stage, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> Tensor:
        """The generator's."""
        return next(self.turns(network, self.prepare(pictures, index, data, rng), rng))[1]

    def scores(self, network: Stage, held: Pictures) -> dict[str, float]:
        """How near clean pictures are to what comes back of them."""
        clean = held.batch(np.arange(min(SCORED, len(held))))
        return {"PSNR of clean pictures": fidelity(network, clean)}

    def answers(self, network: Stage, held: Pictures) -> Tensor:
        """Pictures, and beside each what comes back of it."""
        return shown(network, held.batch(np.arange(min(8, len(held)))))

    def shipped(self, network: Stage) -> nn.Module:
        return network.generator

    def passport(self) -> dict[str, Any]:
        return {
            "what": "Old Photos' VAE-2: clean pictures and their latents",
            "kind": "autoencoder",
            "domain": "clean",
            "architecture": "photo-vae",
            "arguments": self.arguments(),
            "size": 0,
            "face_template": "",
        }


class OldVae(CleanVae, frozen=True, kw_only=True):
    """VAE-1: real old photographs and synthetic ones, whose latents a critic makes alike.

    As published the critic takes synthetic latents for real and only the old ones learn from it. Half of a batch are synthetic,
    half are old photographs, drawn apart, so that neither half is ever empty. Holes are laid over both halves, so that they do
    not tell them apart.
    """

    old: Annotated[str, Knob("folder of real old photographs")] = ""
    told: Told = 0.5
    widened: Widened = 2
    align: Annotated[float, Knob("weight of the critic of latents in the loss of old ones; 0: without it", ge=0)] = 1.0

    def build(self, data: Pictures) -> Stage:
        if not self.old:
            raise RecipeError("old-photos-vae-1 needs real old photographs: --knob old=FOLDER")
        collection(self.old)  # once, before workers are forked
        generator, critic = PhotoVAE(**self.arguments()), MultiscaleCritic(3, self.critic_width)
        return Stage(self.norm, generator, critic, MultiscaleCritic(self.latent, self.critic_width, scales=1))

    def players(self, network: Stage) -> dict[str, Player]:
        assert network.latent_critic is not None
        return {**super().players(network), "latent-critic": Player(network.latent_critic)}

    def prepare(self, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        half = (len(pictures) + 1) // 2
        aged = age(pictures[:half], rng, self.chain, self.told, self.widened)
        old = collection(self.old).split()[0].squares(half, pictures.shape[-1], rng)
        return torch.cat([holed(old, aged.mask), aged.picture]), torch.arange(2 * half) < half

    def play(self, network: Stage, pictures: Tensor, old: Tensor, latent: Tensor, noise: Tensor) -> Turns:
        yield from super().play(network, pictures, old, latent, noise)
        assert network.latent_critic is not None
        real, synthetic = (network.latent_critic(side.detach()) for side in latent_sides(latent, old))
        yield "latent-critic", adversary(real, synthetic)

    def terms(
        self, network: Stage, pictures: Tensor, old: Tensor, latent: Tensor, answer: Tensor, real: list[list[Tensor]]
    ) -> dict[str, Tensor]:
        found = super().terms(network, pictures, old, latent, answer, real)
        if self.align:
            assert network.latent_critic is not None
            found["alignment"] = self.align * lsgan(network.latent_critic(latent_sides(latent, old)[0]), True)
        return found

    def scores(self, network: Stage, held: Pictures) -> dict[str, float]:
        """How near pictures are to what comes back of them, and how unlike latents of real photographs are to synthetic ones."""
        rng = np.random.default_rng(7)
        synthetic = age(held.batch(np.arange(min(SCORED, len(held)))), rng, self.chain, 0.0, 0).picture
        old = collection(self.old).split()[1].squares(SCORED, held.size, rng)
        found = {"PSNR of synthetic photographs": fidelity(network, synthetic), "PSNR of old photographs": fidelity(network, old)}
        gap = unlikeness(*(pooled(encoded(network, side)) for side in (old, synthetic)))
        return {**found, "latent gap": gap.mean, "latent gap, low": gap.low, "latent gap, high": gap.high}

    def answers(self, network: Stage, held: Pictures) -> Tensor:
        """The same of old photographs that are held out."""
        return shown(network, collection(self.old).split()[1].squares(8, held.size, np.random.default_rng(7)))

    def passport(self) -> dict[str, Any]:
        return {**super().passport(), "what": "Old Photos' VAE-1: old photographs and their latents", "domain": "old"}


def encoded(network: Stage, pictures: Tensor) -> Tensor:
    """Latents, on the CPU."""
    with torch.no_grad():
        return torch.cat([network.generator.encode(*here(network, part)).cpu() for part in pictures.split(8)])


def decoded(network: Stage, latent: Tensor) -> Tensor:
    """Pictures, on the CPU."""
    with torch.no_grad():
        return torch.cat([network.generator.decode(*here(network, part)).cpu() for part in latent.split(8)])


def fidelity(network: Stage, pictures: Tensor) -> float:
    """Mean PSNR of what comes back of pictures, dB."""
    return float(psnr(decoded(network, encoded(network, pictures)), pictures).mean())


def shown(network: Stage, pictures: Tensor) -> Tensor:
    """Each beside what comes back of it."""
    pairs = torch.stack([pictures, decoded(network, encoded(network, pictures))], 1)
    return pairs.flatten(0, 1)
