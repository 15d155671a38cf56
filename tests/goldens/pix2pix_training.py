"""pix2pix's losses, learning rates, image pool, and three steps of its training."""

from __future__ import annotations

import re

import torch

from restauro.networks.patchgan import PatchGAN
from restauro.systems.pix2pix.losses import between, gan_loss, gradient_penalty
from restauro.systems.pix2pix.pool import ImagePool
from restauro.systems.pix2pix.schedules import published
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
    pool, draws = ImagePool(case.config["pool_size"], (1, 2, 2)), Scripted(case)
    images = torch.arange(len(case["returned"])).float().view(-1, 1, 1, 1).expand(-1, 1, 2, 2)
    exact([float(pool.query(one[None], draws).mean()) for one in images], case["returned"])
    exact(draws.used, [case["used_uniforms"], case["used_ids"]])
    exact(pool.pictures.mean((1, 2, 3)), case["pool_after"])
