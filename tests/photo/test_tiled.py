"""Networks on tiles of tensors: where they see as much as they need, tiled is untiled; where they do not, there is no seam."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restauro.photo.tiled import tiled
from restauro.photo.tiles import Weights, tiles


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("weights", ["ramp", "gaussian"])
def test_a_local_function_of_two_maps_is_seamless(weights: Weights) -> None:
    x, condition = noise(2, 3, 40, 90), noise(2, 1, 40, 90)
    where = list(tiles(40, 90, 32, 16, weights=weights))
    torch.testing.assert_close(tiled(lambda a, b: a * b, [x, condition], where, where), x * condition)


def test_outputs_may_be_larger_or_smaller() -> None:
    x = noise(1, 3, 40, 90)
    large = list(tiles(40, 90, 32, 16, scale=2, weights="gaussian"))
    small = list(tiles(40, 90, 32, 16, weights="gaussian"))
    torch.testing.assert_close(
        tiled(lambda a: F.interpolate(a, scale_factor=2.0), [x], small, large), F.interpolate(x, scale_factor=2.0)
    )
    halved = F.avg_pool2d(torch.cat([x, x], 1).repeat(1, 1, 2, 2), 2)
    found = tiled(lambda a: F.avg_pool2d(a, 2), [torch.cat([x, x], 1).repeat(1, 1, 2, 2)], large, small)
    torch.testing.assert_close(found, halved)


@torch.no_grad()
def test_a_network_that_sees_further_than_its_tile_leaves_no_seam() -> None:
    """Global means make every tile answer differently. Across the tiles' borders nothing is steeper than elsewhere."""
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 4, 5, padding=2)
    smooth = F.interpolate(noise(1, 4, 12, 20), (96, 160), mode="bicubic")

    def network(x: Tensor) -> Tensor:
        return conv(x) + 3 * x.mean((2, 3), keepdim=True)

    where = list(tiles(96, 160, 64, 32, weights="gaussian"))
    found = tiled(network, [smooth], where, where)
    slopes, inside = found.diff(dim=3).abs().mean((0, 1, 2)), conv(smooth).diff(dim=3).abs().mean()
    borders = sorted({tile.left for tile in where} | {tile.right for tile in where} - {0, 160})
    assert len(borders) > 3
    assert max(float(slopes[b - 1]) for b in borders if 0 < b < 160) <= 1.2 * float(slopes.mean())
    assert float(slopes.mean()) < 2 * float(inside)


@torch.no_grad()
def test_of_a_local_network_tiled_is_untiled() -> None:
    """A reach of 8 px, an overlap of 32: what borders get wrong weighs e^-7 and less."""
    torch.manual_seed(1)
    network = nn.Sequential(*(nn.Conv2d(4, 4, 5, padding=2) for _ in range(4)))
    x = noise(1, 4, 100, 150)
    where = list(tiles(100, 150, 64, 32, weights="gaussian"))
    whole = network(x)
    assert float((tiled(network, [x], where, where) - whole).abs().max()) < 1e-3 * float(whole.abs().max())
