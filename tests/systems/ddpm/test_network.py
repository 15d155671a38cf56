"""The published networks are as large as published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from restauro.networks.unet import UNet
from restauro.systems.ddpm.network import CELEBAHQ256, CIFAR10


@pytest.mark.parametrize(("arguments", "parameters"), [(CIFAR10, 35_746_307), (CELEBAHQ256, 113_673_219)])
def test_as_many_parameters_as_published(arguments: Mapping[str, Any], parameters: int) -> None:
    with torch.device("meta"):
        network = UNet(**arguments)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
