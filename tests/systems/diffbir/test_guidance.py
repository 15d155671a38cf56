"""DiffBIR's published guidance: its defects, each beside ours; and its property in the other systems."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from restauro.core.recipe import Want
from restauro.diffusion.contract import Estimate, Move, Observation
from restauro.diffusion.guidance import Wanted
from restauro.diffusion.latent_guidance import LatentGuidance
from restauro.diffusion.schedule import NoiseSchedule
from restauro.photo.resize import resize
from restauro.properties.region_adaptive import RegionAdaptive
from restauro.systems.diffbir.guidance import PublishedGuidance
from restauro.systems.pgdiff import engine
from restauro.systems.sr3.enlarge import enlarge
from restauro.systems.sr3.recipe import TASKS as upscaling
from tests.laws.pictures import waves
from tests.systems.pgdiff.conftest import tiny_weights as tiny_weights
from tests.systems.pgdiff.tiny import faces, never, ours

SCHEDULE = NoiseSchedule.named("ho-quad", 1000, 0.00085, 0.012).respace("10")


class Counting:
    """Means of 2x2 pixels, four channels; it counts what it encodes."""

    def __init__(self) -> None:
        self.encoded = 0

    def encode(self, picture: Tensor) -> Tensor:
        self.encoded += 1
        return F.avg_pool2d(torch.cat([picture, picture.mean(1, keepdim=True)], 1), 2)

    def decode(self, latents: Tensor) -> Tensor:
        return F.interpolate(latents[:, :3], scale_factor=2.0).tanh()


def proposed(clean: Tensor, t: int) -> Move:
    return Move(x=clean, t=t, step=9 - t, mean=clean, variance=clean * 0, estimate=Estimate(clean, clean), x_next=clean)


def observed(side: int, width: int = 0) -> Observation:
    return Observation(waves(1, 1, side, width), restored=waves(1, 1, side, width))


def published(form: Any, side: int = 16, **changes: Any) -> PublishedGuidance:
    return PublishedGuidance(form, observed(side), SCHEDULE, Counting(), **{"scale": 0.1, **changes})


@pytest.mark.parametrize("space", ["latent", "rgb"])
@pytest.mark.parametrize("form", ["paper", "v1", "v2"])
def test_every_form_pulls_towards_the_first_stage_in_both_spaces(form: str, space: Any) -> None:
    """Defect 2: in version 2 the default, weighted and in latents, stops with an error."""
    guide, clean = published(form, space=space, scale=1e-3), torch.zeros(1, 4, 8, 8, dtype=torch.float64)
    after = guide.step(proposed(clean, 0), never)
    picture = clean if space == "latent" else guide.codec.decode(clean)
    moved = after if space == "latent" else guide.codec.decode(after)
    assert guide.pulls.distance(moved, guide.target) < guide.pulls.distance(picture, guide.target)


def test_repeats_window_and_time_count() -> None:
    """Version 2 moves the mean by the same early and late; version 1's second repeat starts where the first has gone."""
    clean = torch.zeros(1, 4, 8, 8, dtype=torch.float64)
    early, late = (published("v2").step(proposed(clean, t), never) for t in (9, 0))
    torch.testing.assert_close(early, late)
    once, twice = (published("v1", scale=20.0, repeats=n).step(proposed(clean, 5), never) for n in (1, 2))
    assert float(twice.abs().max()) > float(once.abs().max()) and not torch.allclose(twice, 2 * once)
    outside = published("v2", window=(-1, 500)).step(proposed(clean, 9), never)
    assert torch.equal(outside, clean)


def test_defect_09_strength_falls_with_the_size_and_grows_with_the_steps() -> None:
    def theirs(side: int) -> float:
        clean = torch.zeros(1, 4, side // 2, side // 2, dtype=torch.float64)
        return float(published("v2", side, wanted=RegionAdaptive(regions="all")).change(clean).square().mean().sqrt())

    def own(side: int, steps: int) -> float:
        clean, schedule = torch.zeros(1, 4, side // 2, side // 2, dtype=torch.float64), SCHEDULE.respace(f"karras:{steps}")
        guide = LatentGuidance([Wanted(RegionAdaptive(regions="all"), 0.5)], observed(side), schedule, Counting())
        for t in reversed(range(len(schedule))):  # of a prior that has nothing to say
            clean = guide.clean(Estimate(clean, clean), clean, t).clean
        return float(clean.square().mean().sqrt())

    assert theirs(32) == pytest.approx(4 * theirs(64), rel=0.05)
    assert own(32, 8) == pytest.approx(own(64, 4), rel=0.05)


def test_defect_10_the_target_is_encoded_once() -> None:
    guide = published("v1", repeats=5)
    for t in (3, 2, 1):
        guide.step(proposed(torch.zeros(1, 4, 8, 8, dtype=torch.float64), t), never)
    assert guide.codec.encoded == 1  # type: ignore[attr-defined]


def test_it_guides_the_pixel_prior() -> None:
    """More of it brings the face nearer to the first stage's answer where that is flat."""
    prop, known = RegionAdaptive(edge=4), faces()
    target = prop.target(engine.first_stage(ours("restore"), known, lambda step, draw=0: torch.zeros(2, 3, 32, 32)))
    found = [
        engine.run(ours("restore", wants=(Want(property="region-adaptive", weight=weight, knobs={"edge": 4}),)), known)
        for weight in (0.0, 0.3, 0.6, 1.0)
    ]
    distances = torch.stack([prop.distance(one, target) for one in found])
    assert (distances.diff(dim=0) < 0).all()


def test_it_guides_sr3() -> None:
    """Where the enlarged photograph is flat, more of it brings the result nearer to that."""
    y, x = np.mgrid[:20, :24] / 7.0
    small = (0.5 + 0.3 * np.stack([np.sin(x), np.cos(y), np.sin(x + y)], -1)).astype(np.float32)
    recipe = msgspec.structs.replace(upscaling["upscale"], steps=2)
    large = torch.from_numpy(resize(small, 40, 48)).permute(2, 0, 1)[None] * 2 - 1
    prop = RegionAdaptive()
    target, found = prop.target(Observation(large, restored=large)), []
    for weight in (0.0, 0.3, 0.6, 1.0):
        wants = (Want(property="region-adaptive", weight=weight),)
        made = enlarge(small, msgspec.structs.replace(recipe, wants=wants), torch.device("cpu"))
        found.append(prop.distance(torch.from_numpy(made).permute(2, 0, 1)[None] * 2 - 1, target))
    assert (torch.stack(found).diff(dim=0) < 0).all()
