"""VGG: where its blocks begin, and what is read off its weights. Its numbers are pinned by the goldens."""

from __future__ import annotations

import pytest
import torch

from restauro.networks.vgg import VGG, vgg_arguments

CONVOLUTIONS = {
    (2, 2, 4, 4, 4): [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34],
    (2, 2, 3, 3, 3): [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28],
}
"""torchvision's numbering of VGG-19 and VGG-16."""


@pytest.mark.parametrize("blocks", CONVOLUTIONS)
def test_names_are_torchvisions_and_tell_the_arguments(blocks: tuple[int, ...]) -> None:
    with torch.device("meta"):
        weights = VGG(blocks).state_dict()
    assert list(weights) == [f"features.{i}.{kind}" for i in CONVOLUTIONS[blocks] for kind in ("weight", "bias")]
    assert vgg_arguments(weights) == {"blocks": list(blocks), "widths": [64, 128, 256, 512, 512]}


def test_each_block_halves_the_size() -> None:
    maps = VGG((1, 2, 1), (4, 6, 8)).maps(torch.rand(2, 3, 32, 20))
    assert [tuple(one.shape) for one in maps] == [(2, 4, 32, 20), (2, 6, 16, 10), (2, 8, 8, 5)]
    assert all((one >= 0).all() for one in maps)


def test_pictures_are_normalised_as_for_imagenet() -> None:
    network, grey = VGG((1,), (4,)), torch.zeros(1, 3, 4, 4)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = network(((0.5 - mean) / std)[None, :, None, None].expand(1, 3, 4, 4))
    torch.testing.assert_close(network.maps(grey)[0], expected[0])
