"""The generator of residual blocks: official keys, the index that dropout shifts, sizes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from restauro.networks.pixelgan import PixelGAN
from restauro.networks.resnet_generator import ResnetGenerator
from tests.networks.keys import shapes
from tests.shared import needs_shared

OFFICIAL: dict[str, dict[str, Any]] = {
    "resnet_9blocks_batch": {},
    "resnet_6blocks_batch": {"blocks": 6},
    "resnet_9blocks_instance": {"norm": "instance"},
    "resnet_6blocks_instance": {"blocks": 6, "norm": "instance"},
    "resnet_9blocks_instance_nodropout": {"norm": "instance", "dropout": False},
}


@needs_shared
@pytest.mark.parametrize("name", OFFICIAL)
def test_official_keys(name: str) -> None:
    with torch.device("meta"):
        network = ResnetGenerator(**OFFICIAL[name])
    assert {key: list(value.shape) for key, value in network.state_dict().items()} == shapes(f"pix2pix_{name}")


@needs_shared
@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_official_keys_of_the_pixel_discriminator(norm: Any) -> None:
    network = PixelGAN(6, norm=norm)
    assert {key: list(value.shape) for key, value in network.state_dict().items()} == shapes(f"pix2pix_D_pixel_{norm}")


def test_dropout_shifts_the_second_convolution() -> None:
    for dropout, place in ((True, 6), (False, 5)):
        keys = ResnetGenerator(width=4, blocks=1, dropout=dropout).state_dict()
        assert f"model.10.conv_block.{place}.weight" in keys


@pytest.mark.parametrize("up", ["transposed", "resize"])
@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_any_multiple_of_four(norm: Any, up: Any) -> None:
    network = ResnetGenerator(1, 2, 4, 2, norm, up=up).train()
    assert network(torch.zeros(2, 1, 12, 20)).shape == (2, 2, 12, 20)


def test_a_pixel_is_judged_by_itself() -> None:
    network, x = PixelGAN(6, 4, "none"), torch.zeros(1, 6, 5, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(network(x)[0, 0, 2, 1], x)
    assert gradient.any(1).sum() == 1 and gradient[0, :, 2, 1].any()
