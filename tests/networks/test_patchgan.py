"""PatchGAN: receptive fields, sizes, key layout; the numbers are pinned by the goldens."""

from __future__ import annotations

import pytest
import torch

from restauro.networks.patchgan import PatchGAN, receptive_field


@pytest.mark.parametrize(("layers", "field", "least"), [(1, 16, 6), (2, 34, 12), (3, 70, 24), (4, 142, 48), (5, 286, 96)])
def test_receptive_field(layers: int, field: int, least: int) -> None:
    """As far as one logit's gradient reaches; and the smallest picture."""
    torch.manual_seed(0)
    network = PatchGAN(1, 1, layers, "none")
    for weight in network.parameters():
        torch.nn.init.constant_(weight, 0.1)
    picture = torch.zeros(1, 1, 2 * field, 2 * field, requires_grad=True)
    logits = network(picture)
    (gradient,) = torch.autograd.grad(logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2], picture)
    assert (gradient[0, 0] != 0).any(0).sum() == field == receptive_field(layers)
    assert network(torch.zeros(1, 1, least, least)).numel() == 1
    with pytest.raises(RuntimeError):
        network(torch.zeros(1, 1, least - 1, least - 1))


@pytest.mark.parametrize(("size", "side"), [(256, 30), (128, 14), (33, 2)])
def test_one_logit_a_patch(size: int, side: int) -> None:
    network = PatchGAN(6, 4, norm="instance").eval()
    picture = torch.randn(2, 6, size, size)
    assert network(picture).shape == (2, 1, side, side)
    torch.testing.assert_close(network.score(picture), network(picture).flatten(1).mean(1))


def test_a_batch_equals_its_singles_without_statistics_of_the_batch() -> None:
    for norm in ("none", "instance"):
        network = PatchGAN(3, 8, norm=norm).train()
        pictures = torch.randn(3, 3, 64, 64)
        torch.testing.assert_close(network.score(pictures)[1:2], network.score(pictures[1:2]))


def test_widths_stop_at_eightfold() -> None:
    widths = [part.out_channels for part in PatchGAN(3, 4, 6, "none").model if isinstance(part, torch.nn.Conv2d)]
    assert widths == [4, 8, 16, 32, 32, 32, 32, 1]


def test_maps_are_what_the_last_layer_sees() -> None:
    network, x = PatchGAN(width=4, layers=2), torch.randn(2, 3, 32, 32)
    maps = network.eval().maps(x)
    assert [tuple(one.shape[1:3]) for one in maps] == [(4, 16), (8, 8), (16, 7)]
    torch.testing.assert_close(network.model[-1](maps[-1]), network(x))
