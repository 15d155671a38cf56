"""The released code's defects, by their number in ../shared/facts/pgdiff.md (section 7): the default has none of them.

Where they change results the faithful setting keeps them; the goldens hold it to that. Numbers 16 to 24 are in
test_defects_networks.py, those of commands and files in tests/cli/test_defects.py.
"""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

from restauro import api
from restauro.core.errors import InputError, RecipeError
from restauro.core.recipe import Published, Recipe, Want
from restauro.diffusion.contract import Estimate, Move, Observation
from restauro.diffusion.guidance import CleanGuidance, Wanted
from restauro.diffusion.schedule import NoiseSchedule
from restauro.properties.colour_statistics import ColourStatistics
from restauro.properties.known_region import KnownRegion
from restauro.properties.lightness import Lightness
from restauro.systems.pgdiff import engine
from restauro.systems.pgdiff.faces import to_array, to_tensor
from restauro.systems.pgdiff.guidance import PublishedGuidance
from restauro.systems.pgdiff.recipe import PUBLISHED, SCALES, TASKS
from restauro.systems.pgdiff.report import notices
from tests.laws.pictures import waves
from tests.systems.pgdiff.tiny import EVERY_TASK, black, faces, never, one, ours, published, restore_photograph

CPU = torch.device("cpu")
BASE = NoiseSchedule.named("openai-linear")
STRONG = Published(scale=1.0)


def test_defect_01_repeats_are_silently_ignored_with_respacing() -> None:
    """The window is meant in steps of the original schedule; one that selects nothing is refused."""
    observed = replace(faces(), restored=faces().picture)
    schedule = BASE.respace("ddpm10")
    twice = published("restore", published=Published(scale=0.1, repeats=2))
    guidance = engine.guidance_of(twice, observed, schedule)
    assert isinstance(guidance, PublishedGuidance)
    inside = [t for t in range(10) if guidance.window[0] < t < guidance.window[1]]
    assert [schedule.original_index[t] for t in inside] == [800, 900]  # strictly between 700 and 1000
    assert not torch.equal(engine.run(twice, faces()), engine.run(published("restore"), faces()))
    nowhere = published("restore", published=Published(scale=0.1, repeats=2, window=(0.01, 0.02)))
    with pytest.raises(RecipeError, match="no step lies in the window"):
        engine.run(nowhere, faces())


def test_defect_02_pictures_of_a_batch_change_each_others_step() -> None:
    """Here with a neighbour whose property is already met, which shortens or stretches a shared norm."""
    picture = waves(1, 2, 16)
    clean = torch.cat([waves(2, 1, 16), picture[1:]])

    class Pulled(Lightness, frozen=True, kw_only=True):
        project = None

    def bent(rows: slice) -> Tensor:
        guidance = CleanGuidance([Wanted(Pulled(), 0.1)], Observation(picture[rows]), BASE)
        return guidance.clean(Estimate(clean[rows], clean[rows]), clean[rows], 500).clean

    torch.testing.assert_close(bent(slice(0, 2))[:1], bent(slice(0, 1)))
    for task, coupled in (("restore", False), ("colorize", True), ("inpaint", True), ("old-photo", True)):
        recipe = published(task, published=STRONG)  # norms over the batch are part of the published rule
        both, alone = engine.run(recipe, faces()), engine.run(recipe, one(faces(), 0))
        assert torch.allclose(both[:1], alone, atol=1e-3) is not coupled


@pytest.mark.parametrize("task", EVERY_TASK)
def test_defect_03_of_a_batch_only_the_first_picture_is_saved(task: str) -> None:
    """Every picture of a batch has its own input and its own answer."""
    before = faces()
    after = replace(before, picture=torch.cat([before.picture[:1], waves(7, 1, 32).float()]))
    for recipe in (ours(task), *([published(task, published=STRONG)] if task in PUBLISHED else [])):
        first, second = engine.run(recipe, before), engine.run(recipe, after)
        assert first.shape == second.shape == (2, 3, 32, 32)
        moved = (first - second).abs().mean((1, 2, 3))
        assert moved[1] > 0.005 and moved[1] > moved[0], moved
        assert moved[0] < 1e-4 or recipe.faithful, "only the published norms couple pictures"


def test_defect_04_any_mask_value_above_0_is_a_hole() -> None:
    """Grey levels say how much is missing; the published rule takes the faintest for a hole."""
    picture = faces(1).picture

    def change(recipe: Recipe, level: float) -> float:
        mask = torch.full_like(picture[:, :1], level)
        mask[..., :4] = 0
        found = engine.run(recipe, Observation(picture, mask=mask))
        return float((found - picture)[..., 4:].abs().mean())

    assert change(ours("inpaint"), 0.02) < 0.25 * change(ours("inpaint"), 0.9)
    levels = torch.linspace(0, 1, 32).expand(1, 1, 32, 32)
    graded = (engine.run(ours("inpaint"), Observation(picture, mask=levels)) - picture).abs().mean((0, 1, 2))
    assert graded[0] == 0 and graded[1:8].mean() < graded[-8:].mean()
    for task in ("inpaint", "old-photo"):
        assert change(published(task), 0.02) == pytest.approx(change(published(task), 0.9), rel=1e-3)


@pytest.mark.parametrize("task", EVERY_TASK)
def test_defect_05_all_hole_mask_gives_nan(task: str) -> None:
    found = engine.run(ours(task), black())
    assert found.isfinite().all() and found.std() > 0
    with pytest.raises(InputError, match="hides the whole picture"):
        restore_photograph(np.full((32, 32, 3), 0.5, np.float32), TASKS[task], CPU, mask=np.ones((32, 32), np.float32))


def test_defect_05_the_published_rule_says_so_instead_of_saving_black() -> None:
    with pytest.raises(RecipeError, match="divided by zero"):
        engine.run(published("inpaint"), black())


def test_defect_06_known_pixels_are_never_put_back() -> None:
    observed = faces(2)
    found = engine.run(ours("inpaint"), observed)
    known = observed.mask.expand_as(found) == 0  # type: ignore[union-attr]
    assert torch.equal(found[known], observed.picture[known])
    assert not torch.allclose(found[~known], observed.picture[~known], atol=0.05)
    theirs = engine.run(published("inpaint"), observed)
    assert not torch.equal(theirs[known], observed.picture[known])


def test_defect_07_no_mask_where_one_was_meant() -> None:
    picture = np.full((32, 32, 3), 0.5, np.float32)
    with pytest.raises(RecipeError, match="needs a mask"):
        restore_photograph(picture, TASKS["inpaint"], CPU)
    with pytest.raises(RecipeError, match="needs a mask"):
        engine.run(ours("inpaint"), faces(mask=False))
    with pytest.raises(InputError, match="hides nothing"):
        restore_photograph(picture, TASKS["inpaint"], CPU, mask=np.zeros((32, 32), np.float32))
    with pytest.raises(InputError, match="16x16 pixels, the picture 32x32"):
        restore_photograph(picture, TASKS["inpaint"], CPU, mask=np.ones((16, 16), np.float32))


def test_defect_07_a_missing_mask_file_is_an_error() -> None:
    with pytest.raises(InputError, match=r"no-such-mask\.png"):
        api.inpaint(np.zeros((32, 32, 3), np.uint8), "no-such-mask.png")


def test_defect_08_the_weight_of_the_known_region_does_nothing() -> None:
    hole = faces().mask
    found = [
        engine.run(ours("inpaint", wants=(Want(property="known-region", weight=weight),)), faces()) for weight in (0.1, 0.5, 1.0)
    ]
    inside = [x[hole.expand_as(x) == 1] for x in found]  # type: ignore[union-attr]
    assert not torch.allclose(inside[0], inside[1], atol=1e-3) and not torch.allclose(inside[1], inside[2], atol=1e-3)
    theirs = [
        engine.run(published("inpaint", wants=(Want(property="known-region", weight=weight),)), faces()) for weight in (1, 1000)
    ]
    torch.testing.assert_close(*theirs, rtol=0, atol=1e-5)


def test_defect_09_one_strength_for_every_task() -> None:
    """The recommended ones are built in; ours has no strength to tune against the schedule."""
    scales = SCALES["pgdiff"]
    assert scales["colorize"] == scales["inpaint"] == 0.01 and 0.05 <= scales["restore"] <= 0.1 and scales["reference"] == 0.05
    assert 0.0015 <= scales["old-photo"] <= 0.005
    assert {task: recipe.published.scale for task, recipe in PUBLISHED.items() if recipe.published} == scales
    assert all(recipe.published is None for recipe in TASKS.values())
    assert len({scale for scale in scales.values()}) > 2, "they differ by task"


def test_defect_10_truncation_instead_of_rounding() -> None:
    levels = np.arange(256, dtype=np.float32).reshape(16, 16, 1).repeat(3, 2) / 255
    back = to_array(to_tensor([levels], CPU)[0])
    assert np.array_equal(np.rint(back * 255), np.rint(levels * 255))
    nearly = np.full((1, 1, 3), 127.6 / 255, np.float32)
    photo = api.read(np.full((1, 1, 3), 7, np.uint8))
    result = api.Result(nearly, np.ones((1, 1), bool), msgspec.UNSET, TASKS["restore"], photo)  # type: ignore[arg-type]
    assert np.asarray(result.image)[0, 0].tolist() == [128, 128, 128]


def test_defect_11_lightness_is_not_how_grey_pictures_are_made() -> None:
    """A coloured picture has the lightness of its own black-and-white print; by the mean of channels it has not."""
    colour = waves(1, 1, 16)
    print_ = (colour * torch.tensor([0.299, 0.587, 0.114]).double()[:, None, None]).sum(1, keepdim=True).expand_as(colour)
    prop = Lightness()
    assert prop.distance(colour, prop.target(Observation(print_))) < 1e-12
    mean = Lightness(weights="mean")
    assert mean.distance(colour, mean.target(Observation(print_))) > 1e-3
    assert engine.property_of(TASKS["colorize"].wants[0]) == Lightness(weights="luma")
    found = engine.run(ours("colorize"), Observation(print_.float().expand(1, 3, 16, 16).repeat(1, 1, 2, 2)))
    assert found.abs().max() <= 1


def test_defect_12_one_palette_for_every_face() -> None:
    """A red and a blue face of the same lightness keep their colours; the published palette makes them one."""
    grey = waves(1, 1, 16).float().mean(1, keepdim=True)
    tint = torch.tensor([0.25, -0.1, -0.2])[None, :, None, None]
    two = torch.cat([grey + tint, grey - tint])
    observed = Observation(grey.expand(2, 3, -1, -1), template="restauro128")

    def apart(recipe: Recipe) -> float:
        """How far the two faces' mean colours lie apart after every wish was granted."""
        there = two
        for want in recipe.wants:
            prop = engine.property_of(want)
            if prop.project is not None:
                there = prop.project(there, prop.target(observed))
        chroma = there.mean((2, 3)) - there.mean((1, 2, 3))[:, None]
        return float((chroma[0] - chroma[1]).norm())

    assert apart(TASKS["colorize"]) > 0.5 and apart(PUBLISHED["colorize"]) < 1e-3
    assert any("guess" in notice for notice in notices(msgspec.structs.replace(TASKS["colorize"], colorizer=""), "grey", False))


def test_defect_12_statistics_include_the_hole() -> None:
    """By default a hole has no part in them, and a palette can be that of skin alone; as published it has."""
    hole = faces(1).mask
    picture = waves(1, 1, 32).float()
    torn = torch.where(hole > 0, torch.ones_like(picture), picture)  # type: ignore[operator]
    for region, same in (("known", True), ("all", False)):
        prop = ColourStatistics(region=region)  # type: ignore[arg-type]
        target = prop.target(Observation(picture, mask=hole))
        assert torch.allclose(prop.distance(picture, target), prop.distance(torn, target)) is same
    assert all(engine.property_of(want).region == "all" for want in PUBLISHED["old-photo"].wants[1:])  # type: ignore[attr-defined]
    with pytest.raises(RecipeError, match="region=skin needs"):
        ColourStatistics(region="skin")


def test_defect_13_the_step_does_not_fade_and_leaves_the_range() -> None:
    """The pull is bounded by the noise that is left and by what is missing; every result is in range."""

    class Pulled(KnownRegion, frozen=True, kw_only=True):
        project = None

    observed, clean = faces(1), waves(5, 1, 32).float()
    guidance = CleanGuidance([Wanted(Pulled())], observed, BASE)
    steps = []
    for t in (999, 500, 200, 50, 0):
        moved = guidance.clean(Estimate(clean, clean), clean, t).clean - clean
        steps.append(float(moved.square().mean().sqrt()))
        assert steps[-1] <= math.sqrt(1 - BASE.alphas_cumprod[t]) + 1e-6
    assert steps == sorted(steps, reverse=True) and steps[-1] < 0.02
    met = CleanGuidance([Wanted(Pulled())], Observation(clean, mask=observed.mask), BASE)
    assert torch.equal(met.clean(Estimate(clean, clean), clean, 999).clean, clean)
    for task in EVERY_TASK:
        assert engine.run(ours(task, fidelity=0.0), faces()).abs().max() <= 1


def test_defect_13_the_published_step_has_one_length_however_little_is_missing() -> None:
    observed, at = Observation(waves(5, 1, 32).float(), mask=faces(1).mask), waves(6, 1, 32).float()
    guidance = engine.guidance_of(published("inpaint"), observed, BASE.respace("ddpm10"))
    lengths = []
    for missing in (0.5, 0.01, 1e-4):
        clean = observed.picture + missing
        last = Move(at, 0, 9, clean, clean, Estimate(clean, clean), clean)  # at t = 0, too
        lengths.append(float((guidance.step(last, never) - clean).norm() / (at - clean).norm()))
    assert lengths == pytest.approx([SCALES["pgdiff"]["inpaint"]] * 3, rel=1e-3)
    white = torch.ones_like(at)
    move = Move(at, 0, 9, white, white, Estimate(white, white), white)
    brighter = engine.guidance_of(published("inpaint"), replace(observed, picture=white + 0.5), BASE.respace("ddpm10"))
    assert brighter.step(move, never).max() > 1, "unclamped"


def test_defect_14_a_folder_shares_one_noise() -> None:
    alike = Observation(faces(1).picture.expand(3, -1, -1, -1), mask=faces(1).mask.expand(3, -1, -1, -1))  # type: ignore[union-attr]
    found = engine.run(ours("inpaint"), alike)
    assert not torch.allclose(found[0], found[1], atol=1e-3) and not torch.allclose(found[1], found[2], atol=1e-3)
    again = engine.run(ours("inpaint"), one(alike, 2), pictures=[2])  # and yet each can be made again alone
    torch.testing.assert_close(again, found[2:], rtol=0, atol=1e-4)
