"""Weights for entries that look for a network: tiny random ones where none are shipped."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from restauro.networks.iresnet import IResNet
from restauro.weights.passports import Passport
from restauro.weights.store import available, imported_folder, save

EMBEDDER = {"blocks": [1, 1, 1, 1], "widths": [8, 8, 16, 16], "embedding": 16, "size": 32}


@pytest.fixture(scope="session", autouse=True)
def embedders(restauro_home: Path) -> None:
    """Named "tiny-identity", and "identity" unless it is shipped."""
    for seed, name in enumerate({"tiny-identity", "identity"} - {passport.name for passport in available()}):
        torch.manual_seed(seed)
        passport = Passport(
            name=name, what="A tiny embedder.", kind="identity", architecture="iresnet", arguments=EMBEDDER, size=32
        )
        save(IResNet(**EMBEDDER).state_dict(), passport, imported_folder())
