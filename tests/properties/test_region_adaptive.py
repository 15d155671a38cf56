"""Region-adaptive: what is flat is kept, what is textured is left alone, and neither depends on the size."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from restauro.diffusion.contract import Observation
from restauro.diffusion.guidance import CleanGuidance, Wanted
from restauro.diffusion.schedule import NoiseSchedule
from restauro.properties.region_adaptive import RegionAdaptive, Regions, blocks, smooth, sobel
from tests.laws.pictures import observation, waves


def half_textured(side: int) -> Tensor:
    """Flat on the left, on the right upright stripes, 32 a picture."""
    place = (torch.arange(side, dtype=torch.float64) + 0.5) / side
    stripes = 0.8 * torch.sin(2 * torch.pi * 32 * place) * (place > 0.5)
    return stripes.expand(1, 3, side, side).contiguous()


@pytest.mark.parametrize("regions", ["smooth", "blocks"])
def test_flat_places_are_kept_and_textures_are_not(regions: str) -> None:
    picture = half_textured(256)
    weight = RegionAdaptive(regions=regions).target(Observation(picture, restored=picture)).weight  # type: ignore[arg-type]
    assert weight[..., 8:-8, 8:112].min() > 0.999 and weight[..., 144:-8].mean() < 0.35


def test_the_map_is_the_same_at_every_size() -> None:
    """As published the same stripes are left alone at 128 px and kept at 512."""
    small, large = (smooth(half_textured(side), 16.0) for side in (128, 512))
    assert (F.avg_pool2d(large, 4) - small).abs().mean() < 0.02
    small, large = (blocks(half_textured(side))[..., 5 * side // 8 :].mean() for side in (128, 1024))
    assert large > 5 * small


def test_at_512_px_both_maps_mean_the_same() -> None:
    picture = waves(1, 1, 512) * 0.5 + half_textured(512) * 0.3
    ours, published = smooth(picture, 16.0), blocks(picture)
    assert float((F.avg_pool2d(ours, 8) - F.avg_pool2d(published, 8)).abs().mean()) < 0.03


def test_the_slope_is_sobels() -> None:
    ramp = (torch.arange(16, dtype=torch.float64) * 0.1 - 0.8).expand(1, 3, 16, 16)
    inside = sobel(ramp)[..., 2:-2, 2:-2]
    torch.testing.assert_close(inside, torch.full_like(inside, 8 * 0.05 * 0.9999))  # the published weights add up to that


def test_odd_sides_have_blocks_too() -> None:
    """The release cannot divide them."""
    picture = waves(2, 1, 9, 7)
    assert blocks(picture).shape == (1, 1, 9, 7)
    torch.testing.assert_close(blocks(picture)[..., :8, :6], blocks(picture[..., :8, :6]), atol=0.2, rtol=0)


def test_its_strength_depends_neither_on_size_nor_on_steps() -> None:
    """Of the way to the restored picture, 0.5 W is gone, at 32 px in 3 steps as at 128 in 30."""
    prop, found = RegionAdaptive(edge=1.0), []
    for side, steps in ((32, 3), (128, 30)):
        schedule = NoiseSchedule.named("openai-linear").respace(f"karras:{steps}")
        picture, restored = waves(1, 1, side), waves(3, 1, side)
        guide = CleanGuidance([Wanted(prop, 0.5)], Observation(picture, restored=restored), schedule)
        share = 1.0
        for t in range(len(schedule)):
            share *= 1 - float(guide.share(torch.tensor(0.5), float(schedule.alpha_bar(t))))
        whole = guide.impose(picture)
        weight = prop.target(Observation(picture, restored=restored)).weight
        torch.testing.assert_close(whole - picture, 0.5 * weight * (restored - picture))
        found.append((share, float(weight.mean())))
    assert found[0] == pytest.approx(found[1], rel=0.02) and found[0][0] == pytest.approx(0.5)


def test_what_is_missing_of_the_damaged_picture_is_not_kept() -> None:
    observed = observation(32, soft=True)
    assert observed.mask is not None
    own, first = RegionAdaptive(of="picture"), RegionAdaptive()
    assert (own.target(observed).weight[observed.mask == 1] == 0).all()
    assert torch.equal(first.target(observed).weight, first.target(replace(observed, mask=None)).weight)


def test_in_latents_it_is_the_same_on_their_grid() -> None:
    class Pooled:
        def encode(self, picture: Tensor) -> Tensor:
            return F.avg_pool2d(picture, 8).repeat(1, 2, 1, 1)

        def decode(self, latents: Tensor) -> Tensor:
            raise AssertionError("nothing is decoded")

    prop, observed = RegionAdaptive(edge=2.0), observation(64)
    target = prop.target(observed)
    there: Regions = prop.in_latents(target, Pooled())
    assert there.picture.shape == (2, 6, 8, 8) and there.weight.shape == (2, 1, 8, 8)
    torch.testing.assert_close(there.weight.mean((2, 3)), target.weight.mean((2, 3)))
    latents = torch.zeros(2, 6, 8, 8, dtype=torch.float64)
    assert (prop.distance(prop.project(latents, there), there) == 0).all()
