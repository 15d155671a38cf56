"""Bins of chroma: shared and taken back together again; the network's sizes."""

from __future__ import annotations

import pytest
import torch

from restauro.networks.colorizer import Colorizer


def test_it_fits_into_two_megabytes() -> None:
    assert sum(tensor.numel() for tensor in Colorizer().state_dict().values()) <= 1_000_000


@pytest.mark.parametrize(("height", "width"), [(16, 16), (48, 80)])
def test_one_answer_for_every_four_by_four_pixels(height: int, width: int) -> None:
    network = Colorizer(16, (1, 2), (1, 1), bins=5)
    assert network.multiple == 8
    logits = network(torch.zeros(2, 1, height, width))
    assert logits.shape == (2, 25, height // 4, width // 4)
    assert network.chroma(logits).shape == (2, 2, height // 4, width // 4)


def test_a_colour_is_shared_among_the_bins_around_it() -> None:
    network = Colorizer(16, (1, 2), (1, 1), temperature=1.0)
    chroma = torch.linspace(-0.7, 0.7, 64).view(1, 1, 8, 8).repeat(1, 2, 1, 1)
    chroma[:, 1] *= -0.5
    shares = network.shares(chroma)
    assert torch.allclose(shares.sum(1), torch.ones(1, 8, 8)) and int((shares > 0).sum(1).max()) <= 4
    assert (network.chroma(shares.clamp_min(1e-9).log()) - chroma).abs().max() < 0.02
    beyond = network.shares(torch.full((1, 2, 1, 1), 2.0))
    assert beyond.argmax() == 168 and beyond.max() == 1


def test_the_temperature_goes_from_the_mean_to_the_likeliest() -> None:
    network = Colorizer(16, (1, 2), (1, 1))
    two = torch.full((1, 2, 1, 1), 0.6), torch.full((1, 2, 1, 1), -0.6)
    logits = (0.7 * network.shares(two[0]) + 0.3 * network.shares(two[1])).clamp_min(1e-9).log()
    found = []
    for temperature in (1.0, 0.5, 0.0):
        network.temperature = temperature
        found.append(float(network.chroma(logits)[0, 0]))
    assert found[0] == pytest.approx(0.24, abs=0.01) and found[0] < found[1] < found[2] and found[2] > 0.5


def test_every_place_knows_what_the_whole_picture_is() -> None:
    torch.manual_seed(0)
    network = Colorizer(16, (1, 2), (1, 1), known=8)
    for module in network.modules():  # blocks begin as the identity
        if isinstance(module, torch.nn.Linear):
            torch.nn.init.normal_(module.weight)
    light = torch.randn(1, 1, 16, 256)
    other = light.clone()
    other[..., 128:] += 1
    away = (network(light) - network(other))[..., :8].abs()
    assert away.min() > 0


@pytest.mark.parametrize("settings", [{"bins": 4}, {"mult": (1, 2), "blocks": (1,)}])
def test_what_cannot_be_is_said(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="bins are odd"):
        Colorizer(**settings)  # type: ignore[arg-type]
