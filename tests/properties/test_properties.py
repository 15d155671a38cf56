"""What is particular to each property. The laws all of them keep are in tests/laws."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from restauro.core.errors import RecipeError
from restauro.diffusion.contract import Observation, Property
from restauro.diffusion.guidance import CleanGuidance, Wanted
from restauro.diffusion.schedule import NoiseSchedule
from restauro.properties._look import to_embedder
from restauro.properties.colour_statistics import STYLES, ColourStatistics, adain, statistics
from restauro.properties.identity import Identity
from restauro.properties.known_region import KnownRegion
from restauro.properties.lightness import Lightness
from restauro.properties.smooth_semantics import SmoothSemantics
from tests.laws.pictures import observation, waves

BASE = NoiseSchedule.named("openai-linear")
SEEN, CLEAN = observation(), waves(4, 2, 32)


@pytest.mark.parametrize(
    ("prop", "lacking", "words"),
    [
        (KnownRegion(), "mask", "--mask FILE"),
        (Identity(), "reference", "--reference FILE"),
        (ColourStatistics(style="reference"), "reference", "--reference FILE"),
        (ColourStatistics(style="restored"), "restored", "name a restorer"),
        (ColourStatistics(style="colorized"), "coloured", "--colorizer NAME"),
        (Lightness(of="restored"), "restored", "name a restorer"),
        (SmoothSemantics(), "restored", "name a restorer"),
    ],
    ids=repr,
)
def test_what_a_property_lacks_is_said_with_what_would_help(prop: Property, lacking: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        prop.target(replace(SEEN, **{lacking: None}))


def test_lightness_changes_pictures_least() -> None:
    """The change of a pixel is parallel to the weights, and nothing under the mask moves."""
    prop = Lightness(weights="luma")
    change = prop.project(CLEAN, prop.target(SEEN)) - CLEAN
    hidden = SEEN.mask.expand_as(change) == 1  # type: ignore[union-attr]
    assert not change[hidden].any() and change[~hidden].any()
    weights = torch.tensor([0.299, 0.587, 0.114]).double()[:, None, None]
    torch.testing.assert_close(change, change[:, :1] / 0.299 * weights)


def test_lightness_of_a_grey_picture_is_itself() -> None:
    grey = waves(1, 1, 16)[:, :1]
    for weights in ("mean", "luma"):
        torch.testing.assert_close(Lightness(weights=weights).measure(grey.expand(1, 3, -1, -1)), grey)  # type: ignore[arg-type]


@pytest.mark.parametrize("style", STYLES)
def test_palettes_are_met(style: str) -> None:
    prop = ColourStatistics(style=style, region="all")  # type: ignore[arg-type]
    mean, std = statistics(prop.project(CLEAN, prop.target(SEEN)))
    torch.testing.assert_close(mean.flatten(1), torch.tensor([STYLES[style][0]] * 2).double(), atol=1e-6, rtol=0)
    torch.testing.assert_close(std.flatten(1), torch.tensor([STYLES[style][1]] * 2).double(), atol=1e-3, rtol=0)


def test_a_picture_without_contrast_has_no_palette_and_no_nan() -> None:
    flat = torch.full((1, 3, 8, 8), 0.3, dtype=torch.float64)
    prop = ColourStatistics(region="all")
    target = prop.target(SEEN)
    assert prop.project(flat, target).isfinite().all() and prop.gradient(flat, target).isfinite().all()
    torch.testing.assert_close(adain(flat, target).mean((2, 3)), target[0].flatten(1))


def test_the_known_region_honours_grey_levels_unless_told_otherwise() -> None:
    soft = observation(soft=True)
    kept, strict = (CleanGuidance([Wanted(KnownRegion(soft=value))], soft, BASE).impose(CLEAN) for value in (True, False))
    mask = soft.mask.expand_as(CLEAN)  # type: ignore[union-attr]
    torch.testing.assert_close(kept, soft.picture * (1 - mask) + CLEAN * mask)
    torch.testing.assert_close(strict, torch.where(mask > 0, CLEAN, soft.picture))


@pytest.mark.parametrize("size", [(32, 32), (33, 20), (7, 5)])
@pytest.mark.parametrize("cutoff", [0.1, 0.5, 1.0])
def test_smooth_semantics_keeps_all_detail_above_the_cutoff(size: tuple[int, int], cutoff: float) -> None:
    prop, clean, answer = SmoothSemantics(cutoff=cutoff), waves(1, 1, *size), waves(2, 1, *size)
    found = prop.project(clean, prop.target(Observation(clean, restored=answer)))
    fy, fx = torch.fft.fftfreq(size[0])[:, None] * 2, torch.fft.rfftfreq(size[1])[None] * 2
    low = (fy**2 + fx**2 <= cutoff**2) | (cutoff == 1)
    torch.testing.assert_close(torch.fft.rfft2(found) * low, torch.fft.rfft2(answer) * low, atol=1e-9, rtol=0)
    torch.testing.assert_close(torch.fft.rfft2(found) * ~low, torch.fft.rfft2(clean) * ~low, atol=1e-9, rtol=0)


def test_a_first_stage_that_is_asked_anew_gives_the_target_of_that_step() -> None:
    asked: list[float] = []

    def restore_at(x: torch.Tensor, t: float) -> torch.Tensor:
        asked.append(t)
        return x * 2

    observed = Observation(SEEN.picture, restore_at=restore_at)
    for prop in (SmoothSemantics(), Lightness(of="restored")):
        target = prop.target_at(observed, prop.target(observed), CLEAN, 37.5)
        found = target[0]
        wanted = (CLEAN * 2).clamp(-1, 1) if isinstance(prop, SmoothSemantics) else prop.measure(CLEAN * 2)
        torch.testing.assert_close(found, wanted)
    assert asked == [37.5, 37.5]


class Means(Identity, frozen=True, kw_only=True):
    """An embedder anyone can follow."""

    def embed(self, picture: torch.Tensor, template: str = "") -> torch.Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(picture, 2).flatten(1)


def test_identity_is_0_for_the_same_face_and_2_for_its_opposite() -> None:
    reference = waves(2, 1, 32)
    for loss, opposite in (("cosine", 2.0), ("mse", None)):
        prop = Means(loss=loss)  # type: ignore[arg-type]
        target = prop.target(Observation(CLEAN, reference=reference))
        assert float(prop.distance(reference, target)) == pytest.approx(0, abs=1e-6)
        if opposite:
            assert float(prop.distance(-reference, target)) == pytest.approx(opposite, abs=1e-6)
    assert Means(loss="cosine").elements(CLEAN, target) == 1 and Means(loss="mse").elements(CLEAN, target) == 12


def test_pictures_for_an_embedder_are_resized_only_where_they_must() -> None:
    picture = waves(1, 1, 112)
    assert to_embedder(picture) is picture
    assert to_embedder(waves(1, 1, 128), 112).shape == (1, 3, 112, 112)
