"""Old Photos: the losses on given maps and pictures."""

from __future__ import annotations

import torch

from restauro.networks.vgg import VGG
from restauro.systems.oldphotos.losses import feature_matching, lsgan, perception
from tests.goldens.runner import Case, close, fill, handles


def scales(case: Case, side: str) -> list[list[torch.Tensor]]:
    """The arrays side_SCALE_LAYER."""
    names = sorted(name.split("_") for name in case.arrays if name.startswith(f"{side}_"))
    found: dict[str, list[torch.Tensor]] = {}
    for _, scale, layer in names:
        found.setdefault(scale, []).append(case.tensor(f"{side}_{scale}_{layer}"))
    return list(found.values())


@handles("oldphotos_pix2pix", "op_losses")
def losses(case: Case) -> None:
    fake, real = scales(case, "fake"), scales(case, "real")
    assert len(fake) == case.config["num_D"]
    for name, maps, wanted in (("fake_true", fake, True), ("fake_false", fake, False), ("real_true", real, True)):
        close(lsgan(maps, wanted), case[f"lsgan_{name}"], abs=1e-5, rel=1e-5, what=name)
    matching = feature_matching(fake, real, case.config["n_layers_D"])
    close(case.config["lambda_feat"] * matching, case["feature_matching"], abs=1e-5, rel=1e-5)


@handles("oldphotos_pix2pix", "op_vgg_loss")
def vgg_loss(case: Case) -> None:
    network, answer, target = fill(VGG()).requires_grad_(False), case.tensor("x").requires_grad_(), case.tensor("y")
    close(torch.stack([one.mean() for one in network(answer)]), case["relu_means"], rel=1e-4, abs=1e-6)
    wanted = network(target)

    def nudged(picture: torch.Tensor) -> list[torch.Tensor]:
        """In one of 4,000 places the two agree up to rounding; the original's rounding gave the difference its other sign."""
        pairs = [(one, (other - one).detach()) for one, other in zip(network(picture), wanted, strict=True)]
        return [one + 2 * gap * (gap.abs() < 1e-6 * one.abs().max()) for one, gap in pairs]

    close(perception(answer, target, network), case["loss"], rel=1e-5)
    (gradient,) = torch.autograd.grad(perception(answer, target, nudged), answer)
    close(gradient, case["grad"], peak=1e-3)
