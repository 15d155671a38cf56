"""The autoencoder of latents: sizes, arguments, noise; its numbers are pinned by the goldens."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from restauro.networks.autoencoder_kl import AutoencoderKL, autoencoder_arguments

SMALL: list[dict[str, Any]] = [
    {"latent": 4, "width": 8, "channel_mult": [1, 2, 2], "num_res_blocks": 1},
    {"latent": 3, "width": 8, "channel_mult": [1, 1.5], "num_res_blocks": 2},
]


@torch.no_grad()
@pytest.mark.parametrize("arguments", SMALL, ids=str)
def test_sizes_and_arguments(arguments: dict[str, Any]) -> None:
    network = AutoencoderKL(**arguments)
    multiple = 2 ** (len(arguments["channel_mult"]) - 1)
    assert network.multiple == multiple
    mean, logvar = network.encode(torch.rand(2, 3, 6 * multiple, 4 * multiple))
    assert mean.shape == logvar.shape == (2, arguments["latent"], 6, 4)
    assert network.decode(mean).shape == (2, 3, 6 * multiple, 4 * multiple)
    assert autoencoder_arguments(network.state_dict()) == arguments


@torch.no_grad()
def test_noise_moves_the_latent_by_its_deviation() -> None:
    network = AutoencoderKL(**SMALL[0])
    picture = torch.rand(1, 3, 16, 16)
    mean, logvar = network.encode(picture)
    noise = torch.randn(mean.shape)
    torch.testing.assert_close(network(picture, torch.zeros_like(noise)), network.decode(mean))
    torch.testing.assert_close(network(picture, noise), network.decode(mean + noise * (logvar / 2).exp()))
    network.quant_conv.bias.add_(torch.cat([torch.zeros(4), torch.full((4,), 99.0)]))
    assert network.encode(picture)[1].max() == 20
