"""Old Photos: one training step of each stage, through the objectives' own turns.

In double precision: Adam turns what rounding leaves of a gradient that is zero, as those of biases before a norm are, into
a step of the full rate and of either sign, which differs from machine to machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from restauro.networks.latent_mapping import LatentMapping, ScratchMapping
from restauro.networks.multiscale_critic import MultiscaleCritic
from restauro.networks.photo_vae import PhotoVAE
from restauro.systems.oldphotos.autoencoders import CleanVae, OldVae, Stage
from restauro.systems.oldphotos.losses import latent_sides, lsgan
from restauro.systems.oldphotos.practice import Aged, holed
from restauro.systems.oldphotos.translation import MappingObjective
from restauro.systems.oldphotos.translation import Stage as MappingStage
from restauro.training.objective import Player
from tests.goldens.pix2pix_networks import wave
from tests.goldens.runner import Case, close, formula_weights, handles

Network = TypeVar("Network", bound=nn.Module)


def filled(module: Network, prefix: str) -> Network:
    """With formula weights of the prefixed keys, spectral vectors the leading ones."""
    state = {key: torch.from_numpy(formula_weights(prefix + key, value.shape)) for key, value in module.state_dict().items()}
    for key in [key for key in state if key.endswith("weight_orig")]:
        left, _, right = torch.linalg.svd(state[key].flatten(1), full_matrices=False)
        place = key.removesuffix("orig")
        state[f"{place}u"], state[f"{place}v"] = left[:, 0], right[0]
    module.load_state_dict(state)
    return module


def spelled(text: str) -> Tensor:
    """The first wave((shape), phase) of a text, times the factor before it."""
    found = re.search(r"(?:([\d.]+)\*)?wave\(\(([\d,]+)\), ([\d.]+)\)", text)
    assert found is not None
    return float(found[1] or 1) * wave(tuple(map(int, found[2].split(","))), float(found[3]))


def step(
    game: Iterator[tuple[str, Tensor]], players: Mapping[str, Player], rate: float, betas: tuple[float, float]
) -> tuple[dict[str, float], dict[str, float]]:
    """Every player's loss and the norm of its gradient, after it has moved as the loop moves it, by Adam."""
    losses, norms = {}, {}
    for name, loss in game:
        weights = list(players[name].module.parameters())
        loss.backward(inputs=weights)
        losses[name] = float(loss.detach())
        norms[name] = float(torch.cat([one.grad.flatten() for one in weights if one.grad is not None]).double().norm())
        torch.optim.Adam(weights, lr=rate * players[name].rate, betas=betas).step()
    return losses, norms


def check_weights(case: Case, name: str, module: nn.Module) -> None:
    """Its summary: mean, deviation and the first four values of each tensor, by sorted keys."""
    state = {key: value.double().flatten() for key, value in module.state_dict().items()}
    keys, summary, stable = list(map(str, case[f"{name}_keys"])), case[f"{name}_summary"], case[f"{name}_stable"]
    assert keys == sorted(state)
    rows = []
    for key, wanted in zip(keys, summary, strict=True):
        values = state[key].numpy()
        if key.endswith(("weight_u", "weight_v")) and values[0] * wanted[2] < 0:  # singular vectors, up to the pair's sign
            values = -values
        rows.append([values.mean(), values.std(), *values[:4], *[0.0] * max(0, 4 - len(values))])
    found = np.array(rows)
    close(found[stable], summary[stable], abs=1e-4, rel=2e-4, what=name)
    close(found[~stable], summary[~stable], abs=5e-4, what=name)


@handles("oldphotos_pix2pix", "op_train_vae")
def train_vae(case: Case) -> None:
    config = case.config
    vae = PhotoVAE(config["ngf"], config["mc"], config["n_downsampling"] - 1, config["start_r"], kernel=config["k_size"])
    shape = {"width": config["ndf"], "layers": config["n_layers_D"]}
    critics = [MultiscaleCritic(3, scales=config["num_D"], **shape), MultiscaleCritic(config["mc"], scales=1, **shape)]
    first = "featD_summary" in case
    network = Stage("instance", vae, critics[0], critics[1] if first else None)
    for module, prefix in zip((vae, *critics), config["prefixes"], strict=True):
        filled(module, prefix).double()
    knobs = {"width": config["ngf"], "latent": config["mc"], "critic_width": config["ndf"], "kl": config["kl"], "pixel": 0.0}
    objective: CleanVae = OldVae(**knobs) if first else CleanVae(**knobs)

    x, noise, old = spelled(config["x"]).double(), spelled(config["eps"]).double(), case.tensor("inst") == 1
    with torch.no_grad():
        latent = vae.encode(x)
        fake, real = critics[0](vae.decode(latent + noise)), critics[0](x)
        terms = objective.terms(network, x, old, latent, vae.decode(latent + noise), real)
        found = [terms["adversarial"], terms["matching"], terms["kl"], lsgan(real, True), lsgan(fake, False)]
        if first:
            of_old, of_synthetic = map(critics[1], latent_sides(latent, old))
            found += [terms["alignment"], lsgan(of_synthetic, True), lsgan(of_old, False)]
    close(torch.stack(found), case["losses_64"], rel=1e-3)

    losses, norms = step(
        objective.play(network, x, old, vae.encode(x), noise), objective.players(network), config["lr"], config["betas"]
    )
    close(losses["generator"], case["loss_G_64"], rel=1e-3)
    close(losses["critic"], case["loss_D_64"], rel=1e-3)
    close(norms["generator"], case["grad_norm_G_64"], rel=1e-3)
    check_weights(case, "G", vae)
    check_weights(case, "D", critics[0])
    if first:
        check_weights(case, "featD", critics[1])


@handles("oldphotos_pix2pix", "op_train_mapping")
def train_mapping(case: Case) -> None:
    config = case.config
    (rate, *other_rate), betas = optimiser(config["optimiser"])
    holes = any("NL" in str(key) for key in case["map_keys"])
    vaes = [PhotoVAE(config["ngf"], config["mc"]) for _ in range(2)]
    mapping = (ScratchMapping if holes else LatentMapping)(config["mc"], config["map_mc"], config["n_blocks"])
    critic = MultiscaleCritic(6, config["ndf"], config["n_layers_D"], config["num_D"], spectral=config["spectral_D"])
    for module, prefix in zip((*vaes, mapping, critic), config["prefixes"], strict=True):
        filled(module, prefix)
    network = MappingStage(mapping, vaes[0], vaes[1], critic).double().eval()
    objective = MappingObjective(
        holes="non-local" if holes else "plain",
        width=config["map_mc"],
        blocks=config["n_blocks"],
        critic_width=config["ndf"],
        critic_rate=(other_rate or [rate])[0] / rate,
        sampled=True,
        pixel=0.0,
    )
    x, y, mask = (one.double() for one in (spelled(config["x"]), spelled(config["y"]), case.tensor("mask")))
    aged = Aged(holed(x, mask) if "mask" in config["x"] else x, mask, y)
    with torch.no_grad():
        latent = network.mapped(*aged[:2], sampled=True)
        answer = network.second.decode(latent)
        fake, real = (critic(torch.cat([aged.picture, side], 1)) for side in (answer, y))
        terms = objective.terms(network, aged, latent, answer, real)
    close(answer, case["fake"], abs=1e-4, rel=1e-4)
    found = [terms["latent"], terms["adversarial"], terms["matching"], lsgan(real, True), lsgan(fake, False)]
    close(torch.stack(found), case["losses_64"], rel=1e-3)

    game = objective.turns(network, aged, np.random.default_rng(0))
    losses, norms = step(game, objective.players(network), rate, betas)
    close(losses["generator"], case["loss_G_64"], rel=1e-3)
    close(losses["critic"], case["loss_D_64"], rel=1e-3)
    close(norms["generator"], case["grad_norm_map_64"], rel=1e-3)
    check_weights(case, "map", mapping)
    check_weights(case, "D", critic)


def optimiser(words: str) -> tuple[list[float], tuple[float, float]]:
    """The learning rates and betas of "G lr 1e-4, D lr 4e-4, betas (0, 0.9)"."""
    first, second = re.search(r"betas \(([\d.]+), ([\d.]+)\)", words).groups()  # type: ignore[union-attr]
    return [float(rate) for rate in re.findall(r"lr ([\d.e-]+)", words)], (float(first), float(second))
