"""The autoencoder of latents: sizes, arguments, noise; its numbers are pinned by the goldens."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from restauro.networks.autoencoder_kl import AutoencoderKL, autoencoder_arguments

SMALL: list[dict[str, Any]] = [
    {"channel_mult": [1, 2, 2], "num_res_blocks": 1, "attention": True, "space_to_depth": 1},
    {"channel_mult": [1, 1.5], "num_res_blocks": 2, "attention": True, "space_to_depth": 1},
    {"channel_mult": [1, 2], "num_res_blocks": 1, "attention": False, "space_to_depth": 2, "scale": None},
]


@torch.no_grad()
@pytest.mark.parametrize("arguments", SMALL, ids=str)
def test_sizes_and_arguments(arguments: dict[str, Any]) -> None:
    arguments = {"latent": 3, "width": 8, **arguments}
    network = AutoencoderKL(**arguments)
    multiple = arguments["space_to_depth"] * 2 ** (len(arguments["channel_mult"]) - 1)
    assert network.multiple == multiple
    mean, logvar = network.encode(torch.rand(2, 3, 6 * multiple, 4 * multiple))
    assert mean.shape == logvar.shape == (2, arguments["latent"], 6, 4)
    assert network.decode(mean).shape == (2, 3, 6 * multiple, 4 * multiple)
    assert autoencoder_arguments(network.state_dict()) == arguments


@torch.no_grad()
def test_noise_moves_the_latent_by_its_deviation() -> None:
    network = AutoencoderKL(width=8, **SMALL[0])
    picture = torch.rand(1, 3, 16, 16)
    mean, logvar = network.encode(picture)
    noise = torch.randn(mean.shape)
    torch.testing.assert_close(network(picture, torch.zeros_like(noise)), network.decode(mean))
    torch.testing.assert_close(network(picture, noise), network.decode(mean + noise * (logvar / 2).exp()))
    network.quant_conv.bias.add_(torch.cat([torch.zeros(4), torch.full((4,), 99.0)]))
    assert network.encode(picture)[1].max() == 20


def test_a_measured_scale_follows_the_latents() -> None:
    network = AutoencoderKL(width=8, **SMALL[2])
    latents = 3 * torch.randn(2, 4, 8, 8) + 5
    for _ in range(60):
        network.measure(latents, 0.2)
    assert "scale" in network.state_dict()
    torch.testing.assert_close((network.scale * latents).std(), torch.tensor(1.0))
