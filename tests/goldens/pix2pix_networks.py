"""The networks of pix2pix and of Old Photos that are here already."""

from __future__ import annotations

import re

import numpy as np
import torch

from restauro.networks.patchgan import PatchGAN
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
