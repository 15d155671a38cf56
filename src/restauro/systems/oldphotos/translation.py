"""Training the mapping between the two VAEs, which stay as they are (arXiv 2004.09484, sections 3.2 and 3.3)."""

from __future__ import annotations

import copy
from typing import Annotated, Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restauro.core.errors import RecipeError
from restauro.core.knobs import Knob
from restauro.evaluation.metrics import psnr, ssim
from restauro.networks.latent_mapping import HighResMapping, LatentMapping, ScratchMapping
from restauro.networks.multiscale_critic import MultiscaleCritic
from restauro.networks.photo_vae import PhotoVAE
from restauro.systems.oldphotos.adversarial import LAYERS, Adversarial, Turns, here, start
from restauro.systems.oldphotos.losses import LATENT, adversary
from restauro.systems.oldphotos.practice import Aged, Chain, Told, Widened, age, closed, links
from restauro.training.data import Pictures
from restauro.training.objective import Player
from restauro.weights.store import find, load

SCORED, FITTED = 48, 96
"""Pictures: held out, for scores; and those to which the linear path is fitted."""
Mapping = LatentMapping | ScratchMapping | HighResMapping
ARCHITECTURES = {"plain": "latent-mapping", "non-local": "scratch-mapping", "patches": "patch-mapping"}


class Stage(nn.Module):
    """The mapping, the VAEs on both sides of it, and the critic of (damaged picture, answer)."""

    def __init__(self, mapping: Mapping, first: PhotoVAE, second: PhotoVAE, critic: MultiscaleCritic):
        super().__init__()
        self.mapping, self.first, self.second, self.critic = mapping, first, second, critic
        self.first.requires_grad_(False)
        self.second.requires_grad_(False)

    def mapped(self, picture: Tensor, mask: Tensor, sampled: bool) -> Tensor:
        """The latent of a damaged picture as that of a clean one. sampled: the mask is read as published."""
        latent = self.first.encode(picture)
        return self.mapping(latent) if isinstance(self.mapping, LatentMapping) else self.mapping(latent, mask, sampled)


class MappingObjective(Adversarial, frozen=True, kw_only=True):
    """From the latents of damaged pictures to those of clean ones: 60 x L1 of latents and the losses of pictures."""

    first: Annotated[str, Knob("weights of VAE-1, of old photographs")] = "old-photo-vae-1"
    second: Annotated[str, Knob("weights of VAE-2, of clean pictures")] = "old-photo-vae-2"
    holes: Annotated[
        Literal["plain", "non-local", "patches"], Knob("who fills them: nobody, the partial non-local block, copied patches")
    ] = "non-local"
    width: Annotated[int, Knob("largest number of channels", ge=8)] = 64
    blocks: Annotated[int, Knob("residual blocks; patches: always six", ge=1)] = 3
    latents: Annotated[float, Knob("weight of the distance between latents; published: 60", ge=0)] = LATENT
    skip: Annotated[bool, Knob("a linear path beside the mapping, fitted before training; published: none")] = True
    spectral: Annotated[bool, Knob("spectral norm in the critic, as published where there are holes")] = True
    critic_rate: Annotated[float, Knob("the critic's learning rate over the mapping's; published without holes: 4", ge=0)] = 1.0
    sampled: Annotated[bool, Knob("masks are read as published, at 5 of 16 pixels")] = False
    chain: Chain = "old-photo"
    told: Told = 0.7
    widened: Widened = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        links(self.chain)

    def arguments(self) -> dict[str, Any]:
        shape = {"latent": _vae(self.first).latent, "width": self.width, "norm": self.norm, "skip": self.skip}
        return shape if self.holes == "patches" else {**shape, "blocks": self.blocks}

    def build(self, data: Pictures) -> Stage:
        first, second = (copy.deepcopy(_vae(name)) for name in (self.first, self.second))
        if first.latent != second.latent:
            raise RecipeError(f"{self.first} has {first.latent} channels of latents, {self.second} has {second.latent}")
        kinds: dict[str, type[Mapping]] = {"plain": LatentMapping, "non-local": ScratchMapping, "patches": HighResMapping}
        mapping = kinds[self.holes](**self.arguments())
        critic = MultiscaleCritic(6, self.critic_width, LAYERS, spectral=self.spectral)
        start(mapping, self.norm)
        start(critic)
        if mapping.skip is not None:
            fit(mapping.skip, first, second, data.batch(np.arange(len(data))[:: max(1, len(data) // FITTED)]))
            last = [layer for layer in mapping.modules() if isinstance(layer, nn.Conv2d)][-1]
            last.weight.data.mul_(0.01)  # little more than the linear path is the beginning
        return Stage(mapping, first, second, critic)

    def players(self, network: Stage) -> dict[str, Player]:
        return {"generator": Player(network.mapping), "critic": Player(network.critic, self.critic_rate)}

    def prepare(self, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> Aged:
        return self.aged(pictures, rng)

    def aged(self, pictures: Tensor, rng: np.random.Generator) -> Aged:
        """As the network is shown them: white holes, or, where there is a linear path to carry them, closed ones."""
        aged = age(pictures, rng, self.chain, self.told, self.widened)
        return aged._replace(picture=closed(aged.picture, aged.mask)) if self.skip else aged

    def turns(self, network: Stage, prepared: Aged, rng: np.random.Generator) -> Turns:
        aged = Aged(*here(network, *prepared))
        latent = network.mapped(aged.picture, aged.mask, self.sampled)
        answer = network.second.decode(latent)
        real = network.critic(torch.cat([aged.picture, aged.target], 1))
        yield "generator", torch.stack(list(self.terms(network, aged, latent, answer, real).values())).sum()
        yield "critic", adversary(network.critic(torch.cat([aged.picture, answer.detach()], 1)), real)

    def terms(self, network: Stage, aged: Aged, latent: Tensor, answer: Tensor, real: list[list[Tensor]]) -> dict[str, Tensor]:
        """The mapping's losses, weighted. real: the critic's maps of the damaged picture beside the clean one."""
        with torch.no_grad():
            wanted = network.second.encode(aged.target)
        fake = network.critic(torch.cat([aged.picture, answer], 1))
        return {"latent": self.latents * (latent - wanted).abs().mean(), **self.judged(answer, aged.target, fake, real)}

    def loss(self, network: Stage, pictures: Tensor, index: np.ndarray, data: Pictures, rng: np.random.Generator) -> Tensor:
        """The mapping's."""
        return next(self.turns(network, self.prepare(pictures, index, data, rng), rng))[1]

    def scores(self, network: Stage, held: Pictures) -> dict[str, float]:
        """How near restored synthetic photographs are to what they were, and how near they were before."""
        aged = self._held(held, SCORED)
        answer = self.restored(network, aged)
        found = {"PSNR": psnr(answer, aged.target), "SSIM": ssim(answer, aged.target)}
        found |= {"PSNR of the input": psnr(aged.picture, aged.target), "SSIM of the input": ssim(aged.picture, aged.target)}
        return {name: float(values.mean()) for name, values in found.items()}

    def answers(self, network: Stage, held: Pictures) -> Tensor:
        """Aged pictures, each beside what is made of it and what it was."""
        aged = self._held(held, 8)
        return torch.stack([aged.picture, self.restored(network, aged), aged.target], 1).flatten(0, 1)

    def _held(self, held: Pictures, most: int) -> Aged:
        pictures = held.batch(np.arange(min(most, len(held))))
        return self.aged(pictures, np.random.default_rng(7))

    def restored(self, network: Stage, aged: Aged) -> Tensor:
        """Answers to damaged pictures, on the CPU."""
        found = []
        with torch.no_grad():
            for picture, mask in zip(aged.picture.split(8), aged.mask.split(8), strict=True):
                picture, mask = here(network, picture, mask)
                found.append(network.second.decode(network.mapped(picture, mask, self.sampled)).cpu())
        return torch.cat(found)

    def shipped(self, network: Stage) -> nn.Module:
        return network.mapping

    def passport(self) -> dict[str, Any]:
        return {
            "what": f"Old Photos' mapping from the latents of {self.first} to those of {self.second}",
            "kind": "mapping",
            "architecture": ARCHITECTURES[self.holes],
            "arguments": self.arguments(),
            "size": 0,
            "face_template": "",
        }


@torch.no_grad()
def fit(linear: nn.Conv2d, first: PhotoVAE, second: PhotoVAE, pictures: Tensor) -> None:
    """Make a convolution carry the first VAE's latents of pictures to the second's, in the least squares."""
    sums: list[Tensor] = [torch.zeros(()), torch.zeros(())]
    for part in pictures.split(8):
        ours, theirs = first.encode(part), second.encode(part)
        seen = F.unfold(F.pad(ours, (1, 1, 1, 1), mode="reflect"), 3).mT.flatten(0, 1).double()
        seen = torch.cat([seen, torch.ones_like(seen[:, :1])], 1)
        sums = [sums[0] + seen.T @ seen, sums[1] + seen.T @ theirs.flatten(2).mT.flatten(0, 1).double()]
    damped = sums[0] + 1e-6 * sums[0].diagonal().mean() * torch.eye(len(sums[0]), dtype=torch.double)
    found = torch.linalg.solve(damped, sums[1]).float()
    linear.weight.copy_(found[:-1].T.reshape(linear.weight.shape))
    assert linear.bias is not None
    linear.bias.copy_(found[-1])


def _vae(name: str) -> PhotoVAE:
    """A trained VAE; others hold it too."""
    passport, _ = find(name)
    network = load(name)
    if not isinstance(network, PhotoVAE):
        raise RecipeError(f"{name!r} is a {passport.kind}, not a VAE of Old Photos; `restauro train --list` names their parts")
    return network
