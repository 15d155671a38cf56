"""A tiny prior and restorer of random weights in the test home's store, so that the real way of a recipe takes milliseconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from restauro.networks.unet import UNet
from restauro.weights.passports import Passport
from restauro.weights.store import imported_folder, save

SMALL: dict[str, Any] = {"out_channels": 3, "model_channels": 16, "channel_mult": [1, 2], "num_res_blocks": 1, "zero_init": False}


@pytest.fixture(scope="session", autouse=True)
def tiny_weights(restauro_home: Path) -> None:
    """Named "tiny-prior" and "tiny-prior-64", which differ in size; "tiny-restorer", which sees the mask."""
    torch.manual_seed(0)
    prior = {**SMALL, "in_channels": 3, "conditions": 6, "space_to_depth": 2}
    for name, size in (("tiny-prior", 32), ("tiny-prior-64", 64)):
        about = Passport(
            name=name,
            what="A tiny prior.",
            kind="prior",
            architecture="unet",
            arguments=prior,
            prediction="clean",
            variance="fixed_small",
            schedule="openai-linear",
            steps=1000,
            condition=[0.0] * 5 + [1.0],
            size=size,
        )
        save(calm(UNet(**prior)), about, imported_folder())
    restorer = {**SMALL, "in_channels": 4, "out_channels": 4, "time_embedding": False, "space_to_depth": 2}
    about = Passport(
        name="tiny-restorer",
        what="A tiny restorer.",
        kind="restorer",
        architecture="unet",
        arguments=restorer,
        prediction="gated",
    )
    save(calm(UNet(**restorer)), about, imported_folder())


def calm(network: UNet) -> dict[str, Tensor]:
    """Random weights multiply rounding errors as no trained network does."""
    weights = network.state_dict()
    weights["out.2.weight"] *= 0.3
    return weights
