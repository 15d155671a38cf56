"""Janspiry's network: its own arguments are read off its tensors; levels, attention and embeddings as he has them."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from restauro.networks.sr3 import Sr3UNet, attention_at, level_embedding, sr3_arguments
from restauro.weights.build import misfits

SMALL: dict[str, Any] = {"inner_channels": 16, "channel_mult": [1, 2, 2], "res_blocks": 1, "groups": 8}


@pytest.mark.parametrize("told", ["level", "timesteps"])
@pytest.mark.parametrize("channels", [3, 6])
@pytest.mark.parametrize(("down", "up"), [([], []), ([2], [2]), ([1, 4], [4])])
def test_arguments_are_read_off(told: str, channels: int, down: list[int], up: list[int]) -> None:
    network = Sr3UNet(channels, attention=down, attention_up=up, told=told, **SMALL)  # type: ignore[arg-type]
    found = sr3_arguments(network.state_dict())
    assert (found["in_channels"], found["told"], found["attention"], found["attention_up"]) == (channels, told, down, up)
    assert not misfits(Sr3UNet(**found, groups=8), network.state_dict())
    assert network(torch.zeros(2, channels, 8, 12), torch.ones(2)).shape == (2, 3, 8, 12)


def test_attention_follows_the_running_side() -> None:
    assert attention_at([16], 128, 5) == ([8], [8])
    assert attention_at([], 512, 5) == ([], [])
    assert attention_at([12, 25], 100, 4) == ([4, 8], [8]), "a side of 25 becomes 12, and 12 becomes 24"


def test_it_starts_orthogonal_without_biases() -> None:
    torch.manual_seed(0)
    weight = Sr3UNet(**SMALL).final_conv.block[3].weight.flatten(1)
    torch.testing.assert_close(weight @ weight.mT, torch.eye(3))


def test_a_scaled_level_is_seen_and_an_unscaled_one_hardly() -> None:
    """As published, 15 of 64 features change by more than 0.05 over all levels of its schedule."""
    levels = torch.linspace(0.0066, 1, 1001)
    features = level_embedding(levels, 64)
    assert int(((features.amax(0) - features.amin(0)) > 0.05).sum()) == 15
    scaled = level_embedding(levels, 64, 5000)
    assert int(((scaled.amax(0) - scaled.amin(0)) > 0.05).sum()) == 64
