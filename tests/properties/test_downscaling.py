"""Reduced by Pillow, the projected picture is the small one, at any size; and the projection changes no more than it must."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from restauro.diffusion.contract import Observation
from restauro.photo.resize import resize
from restauro.properties.downscaling import Downscaling, Small, enlargement_undone, reduced
from tests.laws.pictures import disc, waves


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 0.5


def pillow(picture: Tensor, size: tuple[int, int]) -> Tensor:
    return torch.from_numpy(np.stack([resize(one.permute(1, 2, 0).numpy(), *size, clip=False) for one in picture])).movedim(-1, 1)


SIZES = [((8, 8), 2), ((37, 50), 2), ((64, 40), 4), ((5, 3), 2), ((1, 1), 2), ((127, 90), 3), ((33, 20), 16)]


@pytest.mark.parametrize(("large", "factor"), SIZES)
def test_the_small_picture_is_found_in_its_enlargement_and_met_exactly(large: tuple[int, int], factor: int) -> None:
    size = (max(1, round(large[0] / factor)), max(1, round(large[1] / factor)))
    small = noise(2, 3, *size)
    prop = Downscaling(factor=factor)
    target = prop.target(Observation(pillow(small, large).double()))
    torch.testing.assert_close(target.picture, small, rtol=0, atol=1e-6)
    picture = noise(2, 3, *large, seed=1)
    there = prop.project(picture, target)
    torch.testing.assert_close(pillow(there, size).double(), small, rtol=0, atol=1e-6)
    torch.testing.assert_close(reduced(there, size), target.picture, rtol=0, atol=1e-12)


def test_what_the_small_picture_does_not_show_stays() -> None:
    """A change that vanishes in the reduction is no error."""
    prop, picture = Downscaling(factor=4), noise(1, 3, 32, 32)
    target = Small(reduced(picture, (8, 8)))
    other = noise(1, 3, 32, 32, seed=1)
    invisible = other - prop.error(other, Small(torch.zeros(1, 3, 8, 8, dtype=torch.float64)))
    assert float(invisible.std()) > 0.2
    torch.testing.assert_close(prop.project(picture + invisible, target), picture + invisible)


def test_a_whole_picture_is_reduced_instead() -> None:
    picture = noise(1, 3, 30, 22)
    target = Downscaling(factor=2, seen="whole").target(Observation(picture))
    torch.testing.assert_close(target.picture, reduced(picture, (15, 11)))
    assert Downscaling(factor=2, seen="whole").distance(picture, target).max() < 1e-20
    found = Downscaling(factor=2).target(Observation(picture)).picture
    assert (found - target.picture).abs().max() > 0.05
    torch.testing.assert_close(found, enlargement_undone(picture, (15, 11)))


def test_the_range_is_kept_with_as_little_loss_as_can_be() -> None:
    """Clean detail over a picture near white leaves the range; cut off alone, it would darken the reduction."""
    small = 0.9 + 0.2 * noise(1, 3, 16, 16)
    prop = Downscaling(factor=2)
    out = prop.project(waves(1, 1, 32) + 0.8 * noise(1, 3, 32, 32, seed=2), Small(small))
    assert out.max() > 1

    def wrong(picture: Tensor) -> float:
        return float((reduced(picture.clamp(-1, 1), (16, 16)) - small).square().mean())

    assert wrong(prop.within(out)) < 0.2 * wrong(out)
    inside = prop.project(waves(1, 1, 32), Small(0.5 * small))
    assert prop.within(inside) is inside


def test_nothing_is_imposed_under_the_mask_nor_by_pixels_that_saw_it() -> None:
    mask = disc(32)
    sure = Downscaling(factor=2).target(Observation(waves(1, 1, 32), mask=mask)).certainty
    assert sure is not None and sure[mask == 1].max() == 0 and sure[..., -2:, -2:].min() == 1
    hidden = torch.where(mask == 1, torch.ones(()), waves(1, 1, 32))
    seen = [Downscaling(seen="whole").project(waves(2, 1, 32), Small(reduced(x, (16, 16)))) for x in (hidden, waves(1, 1, 32))]
    assert ((seen[0] - seen[1]).abs() * sure).max() < 0.02
