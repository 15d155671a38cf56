"""pix2pix's losses, learning rates, image pool, and three steps of its training."""

from __future__ import annotations

import copy
import re
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from restauro.networks.patchgan import PatchGAN
from restauro.systems.pix2pix.losses import between, gan_loss, gradient_penalty
from restauro.systems.pix2pix.objective import Pix2PixObjective, Sides
from restauro.systems.pix2pix.pool import ImagePool
from restauro.systems.pix2pix.schedules import published
from restauro.training.data import Pictures
from tests.goldens.pix2pix_networks import wave
from tests.goldens.runner import Case, close, exact, fill, handles


@handles("oldphotos_pix2pix", "p2p_losses")
def losses(case: Case) -> None:
    logits = case.tensor("logits")
    for mode in ("vanilla", "lsgan", "wgangp"):
        for side in ("real", "fake"):
            close(gan_loss(logits, side == "real", mode), case[f"{mode}_{side}"], abs=1e-5, rel=1e-4)
    given = re.fullmatch(r"NLayerDiscriminator\((\d+), ndf=(\d+), n_layers=(\d+), (\w+)\)", case.config["D"])
    assert given is not None
    network = fill(PatchGAN(int(given[1]), int(given[2]), int(given[3]), given[4]))  # type: ignore[arg-type]
    real, fake = case.tensor("real"), case.tensor("fake")
    sides = {"mixed": between(real, fake, case.tensor("alpha")), "real": real, "fake": fake}
    constant, weight = case.config["constant"], case.config["lambda_gp"]
    for side, pictures in sides.items():
        close(weight * gradient_penalty(network, pictures, constant), case[f"gp_{side}"], abs=1e-5, rel=1e-4)
        norms = [float(gradient_penalty(network, one[None], 0.0).detach().sqrt()) for one in pictures]
        close(norms, case[f"gradnorm_{side}"], abs=1e-5, rel=1e-4)


@handles("oldphotos_pix2pix", "p2p_lr")
def learning_rates(case: Case) -> None:
    for name in case.arrays:
        policy, *numbers = name.removesuffix("_64").split("_")
        first = next((int(word.removeprefix("resume")) for word in numbers if word.startswith("resume")), 1)
        plain = [int(word) for word in numbers if word.isdigit()]
        told = {"linear": ("constant", "decaying"), "cosine": ("constant",), "step": ("every",)}.get(policy, ())
        how = dict(zip(told, plain, strict=bool(told)))
        epochs = range(first, first + len(case[name]))
        close([case.config["lr"] * published(policy, epoch, **how) for epoch in epochs], case[name], abs=1e-12, what=name)  # type: ignore[arg-type]


class Scripted:
    """Draws that were recorded."""

    def __init__(self, case: Case):
        self._uniforms, self._ids = iter(case["uniforms"].tolist()), iter(case["ids"].tolist())
        self.used = [0, 0]

    def random(self) -> float:
        self.used[0] += 1
        return float(next(self._uniforms))

    def integers(self, high: int) -> int:
        self.used[1] += 1
        return int(next(self._ids))


@handles("oldphotos_pix2pix", "p2p_image_pool")
def image_pool(case: Case) -> None:
    pool = ImagePool(case.config["pool_size"], (1, 2, 2))
    draws: Any = Scripted(case)
    images = torch.arange(len(case["returned"])).float().view(-1, 1, 1, 1).expand(-1, 1, 2, 2)
    exact([float(pool.query(one[None], draws).mean()) for one in images], case["returned"])
    exact(draws.used, [case["used_uniforms"], case["used_ids"]])
    exact(pool.pictures.mean((1, 2, 3)), case["pool_after"])


def objective(case: Case) -> Pix2PixObjective:
    config = case.config
    found = re.fullmatch(
        r"UnetGenerator\(3,3,num_downs=(\d+),ngf=(\d+)\)NLayerDiscriminator\(6,ndf=(\d+),n_layers=(\d+)\)",
        config["G"] + config["D"],
    )
    assert found is not None and config["columns"] == "loss_G_GAN, loss_G_L1 (already x100), loss_D_real, loss_D_fake"
    downs, width, critic_width, layers = map(int, found.groups())
    return Pix2PixObjective(
        downs=downs,
        width=width,
        critic_width=critic_width,
        layers=layers,
        norm=config["norm"],
        statistics="picture" if config["norm"] == "batch" and config["batch"] == 1 else "training",
        dropout="middle",
        up="transposed",
        gan=config["gan_mode"],
        l1=config["lambda_L1"],
        penalty=0.0,
        direction=config["direction"],
    )


@handles("oldphotos_pix2pix", "p2p_train")
def training(case: Case) -> None:
    """Losses are looked at on copies, so that batch norms see what they see in training and nothing else."""
    config, learned = case.config, objective(case)
    side = case["fake_step1"].shape[-1]
    network = learned.build(Pictures(torch.zeros(1, 6, side, side, dtype=torch.uint8), [{}]))
    for module in network.children():
        fill(module)
    network.train()
    optimizers = {
        name: torch.optim.Adam(player.module.parameters(), lr=config["lr"], betas=config["betas"])
        for name, player in learned.players(network).items()
    }
    told = []
    for step in range(len(case["losses"])):
        shape = (config["batch"], 3, side, side)
        a, b = wave(shape, 0.3 + 0.5 * step), wave(shape, 1.7 + 0.5 * step)
        shown, asked = (a, b) if config["direction"] == "AtoB" else (b, a)
        fake = copy.deepcopy(network.generator)(shown).detach()
        if not step:
            close(fake, case["fake_step1"], abs=1e-4, rel=1e-4)
        row: dict[str, list[Tensor]] = {}
        for player, loss in learned.turns(network, (shown, asked), np.random.default_rng(0)):
            row[player] = terms(player, copy.deepcopy(network), learned, shown, asked, fake)
            close(loss.detach(), sum(row[player]) / (2 if player == "discriminator" else 1), rel=1e-4, abs=1e-6)
            loss.backward(inputs=list(learned.players(network)[player].module.parameters()))
            optimizers[player].step()
            optimizers[player].zero_grad()
        told.append(torch.stack(row["generator"] + row["discriminator"]))
    close(torch.stack(told), case["losses"], rel=1e-3)
    summary(network.generator, case, "G")
    summary(network.get_submodule("discriminator"), case, "D")


@torch.no_grad()
def terms(player: str, network: Sides, learned: Pix2PixObjective, shown: Tensor, asked: Tensor, fake: Tensor) -> list[Tensor]:
    """The summands of a player's loss, in the golden's order."""

    def judged(picture: Tensor, real: bool) -> Tensor:
        logits = network.get_submodule("discriminator")(torch.cat([shown, picture], 1))
        return gan_loss(logits, real, learned.gan)  # type: ignore[arg-type]

    if player == "discriminator":
        return [judged(asked, True), judged(fake, False)]
    return [judged(fake, True), learned.l1 * (fake - asked).abs().mean()]


def summary(module: nn.Module, case: Case, name: str) -> None:
    """Mean, deviation and first values of each tensor; of those that rounding decides, within what Adam can move."""
    tensors = module.state_dict()
    assert sorted(tensors) == case[f"{name}_keys"].tolist()
    for key, row, stable in zip(sorted(tensors), case[f"{name}_summary"], case[f"{name}_stable"], strict=True):
        values = tensors[key].double().flatten()
        first = torch.zeros(4, dtype=torch.float64)
        first[: min(4, len(values))] = values[:4]
        found = torch.cat([torch.stack([values.mean(), values.std(unbiased=False)]), first])
        close(found, row, **({"abs": 1e-4, "rel": 2e-4} if stable else {"abs": 1.3e-3}), what=f"{name} {key}")
