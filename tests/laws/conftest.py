"""Weights for entries that look for a network: tiny random ones where none are shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from restauro.networks.classifier import NoisyClassifier
from restauro.networks.iresnet import IResNet
from restauro.networks.patchgan import PatchGAN
from restauro.weights.passports import Passport
from restauro.weights.store import available, imported_folder, save

EMBEDDER: dict[str, Any] = {"blocks": [1, 1, 1, 1], "widths": [8, 8, 16, 16], "embedding": 16, "size": 32}
NAMES = {"tiny-identity", "identity", "tiny-critic", "face-critic", "tiny-classifier", "classifier"}
CRITIC: dict[str, Any] = {"width": 8, "layers": 2, "norm": "none"}

CLASSIFIER: dict[str, Any] = {
    "labels": 3,
    "in_channels": 3,
    "model_channels": 8,
    "channel_mult": [1, 2],
    "num_res_blocks": 1,
    "space_to_depth": 2,
    "zero_init": False,
}


@pytest.fixture(scope="session", autouse=True)
def tiny_networks(restauro_home: Path) -> None:
    """Named "tiny-identity", "tiny-critic", "tiny-classifier"; and as by default, unless these are shipped."""
    here = {passport.name for passport in available()}
    for seed, name in enumerate(sorted(NAMES - here)):
        torch.manual_seed(seed)
        about = {"name": name, "what": "A tiny network.", "size": 32, "face_template": "restauro128"}
        if name.endswith("critic"):
            critic = PatchGAN(**CRITIC)
            passport = Passport(kind="critic", architecture="patchgan", arguments=CRITIC, **about)
            save(critic.state_dict(), passport, imported_folder())
        elif name.endswith("classifier"):
            passport = Passport(kind="classifier", architecture="unet-classifier", arguments=CLASSIFIER, **about)
            save(NoisyClassifier(**CLASSIFIER).state_dict(), passport, imported_folder())
        else:
            passport = Passport(kind="identity", architecture="iresnet", arguments=EMBEDDER, **about)
            save(IResNet(**EMBEDDER).state_dict(), passport, imported_folder())
