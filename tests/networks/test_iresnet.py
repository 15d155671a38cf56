"""iresnets: sizes and arguments; their numbers are pinned by the goldens."""

from __future__ import annotations

import pytest
import torch

from restauro.networks.iresnet import BLOCKS, IResNet, iresnet_arguments


@pytest.mark.parametrize("depth", BLOCKS)
def test_arguments_are_read_off_the_weights(depth: int) -> None:
    with torch.device("meta"):
        network = IResNet(BLOCKS[depth])
    read = {"blocks": list(BLOCKS[depth]), "widths": [64, 128, 256, 512], "embedding": 512, "size": 112}
    assert iresnet_arguments(network.state_dict()) == read


def test_a_small_one_of_another_size() -> None:
    network = IResNet([1, 1, 2, 1], widths=[4, 8, 8, 16], embedding=32, size=64).eval()
    with torch.no_grad():
        assert network(torch.randn(2, 3, 64, 64)).shape == (2, 32)
    again = IResNet(**iresnet_arguments(network.state_dict()))
    again.load_state_dict(network.state_dict())
