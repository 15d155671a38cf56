"""The released code's defects, by their number in ../shared/facts/pgdiff.md (section 7): the default has none of them.

Where they change results the faithful setting keeps them; the goldens hold it to that.
"""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from restauro import api
from restauro.core.errors import InputError, RecipeError
from restauro.core.recipe import Published, Want
from restauro.diffusion.contract import Estimate, Observation
from restauro.diffusion.guidance import CleanGuidance, Wanted
from restauro.diffusion.schedule import NoiseSchedule
from restauro.properties.known_region import KnownRegion
from restauro.properties.lightness import Lightness
from restauro.restorers.smooth import SmoothRestorer
from restauro.systems.pgdiff import engine
from restauro.systems.pgdiff.guidance import PublishedGuidance
from restauro.systems.pgdiff.photograph import restore_photograph, to_array, to_tensor
from restauro.systems.pgdiff.recipe import PUBLISHED, SCALES, TASKS
from tests.laws.pictures import waves
from tests.systems.pgdiff.tiny import EVERY_TASK, black, faces, one, ours, published

CPU = torch.device("cpu")
BASE = NoiseSchedule.named("openai-linear")


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


def test_defect_04_any_mask_value_above_0_is_a_hole() -> None:
    observed = faces(1)
    faint = Observation(observed.picture, mask=torch.full_like(observed.picture[:, :1], 0.02))
    found = engine.run(ours("inpaint"), faint)
    assert (found - faint.picture).abs().max() < 0.05, "2 % missing is 98 % known"
    levels = torch.linspace(0, 1, 32).expand(1, 1, 32, 32)
    graded = (engine.run(ours("inpaint"), Observation(observed.picture, mask=levels)) - observed.picture).abs().mean((0, 1, 2))
    assert graded[0] == 0 and graded[1:8].mean() < graded[-8:].mean()


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


def test_defect_09_one_strength_for_every_task() -> None:
    """The recommended ones are built in; ours has no strength to tune against the schedule."""
    scales = SCALES["pgdiff"]
    assert scales["colorize"] == scales["inpaint"] == 0.01 and 0.05 <= scales["restore"] <= 0.1 and scales["reference"] == 0.05
    assert 0.0015 <= scales["old-photo"] <= 0.005
    assert {task: recipe.published.scale for task, recipe in PUBLISHED.items() if recipe.published} == scales
    assert all(recipe.published is None for recipe in TASKS.values())


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


def test_defect_14_a_folder_shares_one_noise() -> None:
    alike = Observation(faces(1).picture.expand(3, -1, -1, -1), mask=faces(1).mask.expand(3, -1, -1, -1))  # type: ignore[union-attr]
    found = engine.run(ours("inpaint"), alike)
    assert not torch.allclose(found[0], found[1], atol=1e-3) and not torch.allclose(found[1], found[2], atol=1e-3)
    again = engine.run(ours("inpaint"), one(alike, 2), pictures=[2])  # and yet each can be made again alone
    torch.testing.assert_close(again, found[2:], rtol=0, atol=1e-4)


def test_defect_16_the_restorer_keeps_a_graph_at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    class Watching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

        def forward(self, x: Tensor) -> Tensor:
            seen.append(torch.is_grad_enabled())
            return x * self.weight

    monkeypatch.setattr(engine, "restorer", lambda name, device: SmoothRestorer(Watching(), 4))
    for recipe in (ours("restore"), published("restore")):
        seen.clear()
        assert not engine.run(recipe, faces()).requires_grad
        assert seen == [False], "once per picture, without a graph"
    seen.clear()
    picture = faces().picture.requires_grad_()
    assert not SmoothRestorer(Watching(), 4)(picture).requires_grad


def test_defect_18_one_size_only() -> None:
    """The size is the prior's own; ours steps by means, not sums, so that a weight holds at every size."""
    assert engine.run(ours("restore", prior="tiny-prior-64"), faces(size=64)).shape[-2:] == (64, 64)
    for height, width in ((20, 28), (33, 47)):
        assert SmoothRestorer(nn.Conv2d(4, 4, 3, padding=1), 16)(waves(1, 1, height, width).float()).shape[-2:] == (height, width)


def test_defect_18_the_aspect_ratio_is_destroyed() -> None:
    """A crop that is not square keeps its size, and what nothing changes comes back as it was."""
    picture = to_array(waves(1, 1, 90, 60).float()[0])
    recipe = msgspec.structs.replace(TASKS["restore"], aligned=True, steps=2)
    outcome = restore_photograph(picture, recipe, CPU)
    assert outcome.pixels.shape == picture.shape and np.isfinite(outcome.pixels).all()
