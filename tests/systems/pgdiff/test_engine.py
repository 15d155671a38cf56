"""Laws of the one way that every task takes."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
import torch
from torch import Tensor

from restauro.core.errors import RecipeError, WeightsError
from restauro.core.events import Event
from restauro.core.recipe import Recipe, Want
from restauro.core.registry import SAMPLERS
from restauro.diffusion.contract import Observation
from restauro.diffusion.denoiser import NetworkDenoiser
from restauro.diffusion.guidance import CleanGuidance
from restauro.diffusion.schedule import NoiseSchedule
from restauro.restorers.smooth import restorer
from restauro.systems.pgdiff import engine
from restauro.systems.pgdiff.guidance import PublishedGuidance
from restauro.systems.pgdiff.recipe import PUBLISHED, TASKS
from tests.laboratory import GaussianDenoiser
from tests.systems.pgdiff.tiny import EVERY_PUBLISHED, EVERY_TASK, faces, one, ours, published

CPU = torch.device("cpu")
each_task = pytest.mark.parametrize("task", EVERY_TASK)


@each_task
def test_a_batch_of_eight_equals_eight_singles(task: str) -> None:
    observed, recipe = faces(8), ours(task)
    whole = engine.run(recipe, observed)
    # at the kinks of a network that guides, rounding errors become steps of its gradient: then a level of 8 bits
    near = 2 / 255 if task in ("reference", "enhance") else 1e-4
    for i in range(8):
        single = engine.run(recipe, one(observed, i), pictures=[i])
        torch.testing.assert_close(single, whole[i : i + 1], rtol=0, atol=near)
        assert (single - whole[i : i + 1]).abs().mean() < near / 8
    assert whole.shape == (8, 3, 32, 32) and whole.abs().max() <= 1 and whole.isfinite().all()


@pytest.mark.parametrize("sampler", SAMPLERS.names())
def test_so_with_every_sampler(sampler: str) -> None:
    observed, recipe = faces(3), ours("restore", sampler=sampler, start=0.0)
    whole = engine.run(recipe, observed)
    for i in range(3):
        torch.testing.assert_close(engine.run(recipe, one(observed, i), pictures=[i]), whole[i : i + 1], rtol=0, atol=1e-4)


@each_task
def test_the_same_recipe_and_seed_give_the_same_bytes(task: str) -> None:
    for recipe in (ours(task), *([published(task)] if task in PUBLISHED else [])):
        again = Recipe.from_json(recipe.to_json())
        first, second = engine.run(recipe, faces()), engine.run(again, faces())
        assert first.numpy().tobytes() == second.numpy().tobytes()
        other = engine.run(msgspec.structs.replace(recipe, seed=1), faces())
        assert not torch.equal(first, other)


def test_variants_and_pictures_have_their_own_noise() -> None:
    alike = Observation(faces(1).picture.expand(2, -1, -1, -1))
    found = engine.run(ours("restore"), alike)
    assert not torch.allclose(found[0], found[1], atol=1e-3)


@each_task
def test_fidelity_1_is_the_first_stage_with_what_is_certain(task: str) -> None:
    observed = faces()
    first = restorer("tiny-restorer", CPU)(observed.picture, mask=observed.mask)
    found = engine.run(ours(task, fidelity=1.0), observed)
    kept = observed.mask.expand_as(found) == 0  # type: ignore[union-attr]
    guidance = engine.guidance_of(
        ours(task, fidelity=1.0), replace(observed, restored=first), NoiseSchedule.named("openai-linear")
    )
    certain = guidance.impose(first).clamp(-1, 1)  # type: ignore[attr-defined]
    torch.testing.assert_close(found[kept], certain[kept])
    if task in ("reference", "old-photo"):
        torch.testing.assert_close(found, first.clamp(-1, 1))
    else:
        assert not torch.equal(found, first.clamp(-1, 1))
    assert torch.equal(found, engine.run(ours(task, fidelity=1.0, seed=5), observed)), "nothing random is left"
    assert torch.equal(found, engine.run(ours(task, fidelity=1.0, steps=0), observed))


class Laboratory:
    """A prior that is right, under the engine: Gaussian pictures of 12 pixels."""

    denoiser = GaussianDenoiser.photographic(NoiseSchedule.named("openai-linear"), 12)
    truth = denoiser.draw(24, seed=1).clamp(-0.99, 0.99)

    @classmethod
    def first_stage(cls, picture: Tensor, **_: object) -> Tensor:
        """Too smooth, as a one-pass network is."""
        return torch.nn.functional.avg_pool2d(torch.nn.functional.pad(picture, (1, 1, 1, 1), mode="replicate"), 3, 1)


def test_distance_to_the_input_falls_with_fidelity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "prior", lambda name, device, observed: Laboratory.denoiser)
    monkeypatch.setattr(engine, "restorer", lambda name, device: Laboratory.first_stage)
    observed = Observation(Laboratory.truth)
    first = Laboratory.first_stage(observed.picture)
    away = []
    for fidelity in (0.0, 0.25, 0.5, 0.75, 0.9, 1.0):
        found = engine.run(msgspec.structs.replace(TASKS["old-photo"], fidelity=fidelity), observed)
        away.append(float((found - first).square().mean().sqrt()))
    assert away == sorted(away, reverse=True) and away[-1] == 0 and away[0] > 1.3 * away[3]


def test_fidelity_lowers_the_noise_that_is_laid_over_the_first_stage() -> None:
    schedule = NoiseSchedule.named("openai-linear")

    def top(fidelity: float) -> float:
        kept = engine.respaced(msgspec.structs.replace(TASKS["restore"], fidelity=fidelity), schedule)
        return 0.0 if kept is None else float(kept.sigma(len(kept) - 1))

    assert top(0.5) == pytest.approx(TASKS["restore"].start, rel=1e-3)
    assert top(0.0) == pytest.approx(2 * TASKS["restore"].start, rel=1e-3)
    assert top(1.0) == top(0.99) == 0.0


@pytest.mark.parametrize("task", EVERY_PUBLISHED)
def test_ours_guides_the_estimate_and_the_published_the_step(task: str) -> None:
    observed = replace(faces(), restored=faces().picture)
    schedule = NoiseSchedule.named("openai-linear").respace("ddpm10")
    assert isinstance(engine.guidance_of(ours(task), observed, schedule), CleanGuidance)
    theirs = engine.guidance_of(published(task), observed, schedule)
    assert isinstance(theirs, PublishedGuidance) and not theirs.keeps_noise
    assert theirs.scale == PUBLISHED[task].published.scale  # type: ignore[union-attr]
    assert TASKS[task].sampler != PUBLISHED[task].sampler == "ancestral"
    assert not torch.equal(engine.run(ours(task), faces()), engine.run(published(task), faces()))


def test_the_published_way_starts_from_pure_noise() -> None:
    schedule = engine.respaced(PUBLISHED["restore"], NoiseSchedule.named("openai-linear"))
    assert schedule is not None and schedule.original_index.tolist() == list(range(0, 1000, 10))


def test_wishes_are_added_to_a_recipe() -> None:
    observed = faces(mask=False)
    plain, tinted = ours("colorize"), ours("colorize")
    tinted = msgspec.structs.replace(tinted, wants=(*tinted.wants, Want(property="colour-statistics", weight=0.5)))
    assert not torch.allclose(engine.run(plain, observed), engine.run(tinted, observed), atol=1e-3)


def test_no_wish_leaves_the_prior_alone() -> None:
    assert engine.run(ours("restore", wants=()), faces()).isfinite().all()


def test_progress_is_told_step_by_step() -> None:
    heard: list[Event] = []
    engine.run(ours("restore"), faces(), listener=heard.append)
    assert heard == [Event("steps", i + 1, 5) for i in range(5)]


@pytest.mark.parametrize(
    "recipe",
    [
        ours("restore"),
        ours("restore", fidelity=1.0),
        ours("restore", sampler="heun"),
        ours("restore", sampler="unipc"),
        published("inpaint"),
        msgspec.structs.replace(
            published("inpaint"),
            sampler="heun",
            published=msgspec.structs.replace(PUBLISHED["inpaint"].published, repeats=3, window=(0.3, 1.0)),
        ),
    ],
    ids=lambda recipe: f"{recipe.sampler}-{recipe.faithful}",
)
def test_calls_are_counted_as_they_are(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, real = [], NetworkDenoiser.output
    monkeypatch.setattr(NetworkDenoiser, "output", lambda *a: asked.append(1) or real(*a))
    engine.run(recipe, faces())
    assert engine.calls(recipe) == len(asked)


def test_the_first_stage_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, real = [], restorer("tiny-restorer", CPU)
    monkeypatch.setattr(engine, "restorer", lambda name, device: lambda *a, **k: calls.append(1) or real(*a, **k))
    engine.run(ours("restore"), faces())
    assert len(calls) == 1
    engine.run(ours("restore"), replace(faces(), restored=faces().picture))
    assert len(calls) == 1


def test_what_cannot_be_combined_is_refused_in_one_line() -> None:
    with pytest.raises(RecipeError, match="works on"):
        engine.run(ours("restore"), faces(size=48))
    with pytest.raises(WeightsError, match="is a restorer, not a prior"):
        engine.run(ours("restore", prior="tiny-restorer"), faces())
    with pytest.raises(WeightsError, match="is a prior, not a restorer"):
        engine.run(ours("restore", restorer="tiny-prior"), faces())
    with pytest.raises(WeightsError, match="tiny-prior"):
        engine.run(ours("restore", prior="tiny-prier"), faces())
    with pytest.raises(RecipeError, match="eta"):
        engine.run(ours("restore", sampler="ddim", sampler_knobs={"eta": 7}), faces())
    with pytest.raises(RecipeError, match="did you mean 'eta'"):
        engine.run(ours("restore", sampler="ddim", sampler_knobs={"etta": 0.5}), faces())
    with pytest.raises(RecipeError, match="reference"):
        engine.run(ours("restore", wants=(Want(property="identity"),)), replace(faces(), reference=None))
    with pytest.raises(RecipeError, match="published settings"):
        Recipe(faithful=True)


@pytest.mark.parametrize("task", ["old-photo", "reference"])
def test_shipped_weights_restore_a_batch_as_singles(task: str) -> None:
    recipe, observed = msgspec.structs.replace(TASKS[task], steps=3), faces(2, 128)
    whole = engine.run(recipe, observed)
    near = 1e-3 if task == "reference" else 1e-4
    torch.testing.assert_close(engine.run(recipe, one(observed, 1), pictures=[1]), whole[1:], rtol=0, atol=near)
