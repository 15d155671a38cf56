"""Tiny priors of random weights in the test home's store: a fixed variance, and a learned one of few steps."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from restauro.networks.unet import UNet
from restauro.systems.ddpm.objective import DdpmObjective
from restauro.weights.passports import Passport
from restauro.weights.store import imported_folder, save

SIZE = 16
OBJECTIVES = {
    "tiny-eps": DdpmObjective(width=8, mult=(1, 2), blocks=1, attention=(2,)),
    "tiny-learned": DdpmObjective(
        width=8, mult=(1, 2), blocks=1, attention=(2,), variance="learned_range", schedule="openai-linear", T=50
    ),
}


@pytest.fixture(scope="session", autouse=True)
def tiny_priors(restauro_home: Path) -> None:
    torch.manual_seed(0)
    for name, objective in OBJECTIVES.items():
        network = UNet(**objective.arguments(), zero_init=False)
        save(network.state_dict(), Passport(name=name, size=SIZE, **objective.passport()), imported_folder())
