"""GDP and DDNM: their formulas, their effect on a prior that is right, and where they have no answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.noise import PictureNoise
from restauro.core.recipe import Published, Recipe, Want
from restauro.core.registry import SAMPLERS
from restauro.diffusion.contract import Estimate, Guidance, Move, Observation, Property
from restauro.diffusion.guidance import Wanted
from restauro.diffusion.schedule import NoiseSchedule
from restauro.properties.colour_statistics import ColourStatistics
from restauro.properties.known_region import KnownRegion
from restauro.properties.lightness import Lightness
from restauro.properties.smooth_semantics import SmoothSemantics
from restauro.systems.pgdiff import engine
from restauro.systems.pgdiff.ddnm import NullSpaceGuidance
from restauro.systems.pgdiff.gdp import DAMAGES, GdpGuidance, blur, fade, gdp, grey
from restauro.systems.pgdiff.recipe import BASELINES, SCALES, baseline
from tests.laboratory import GaussianDenoiser
from tests.laws.pictures import disc, waves
from tests.systems.pgdiff.tiny import faces, one

BASE = NoiseSchedule.named("openai-linear")
EVERY = list(BASELINES)


class Laboratory:
    """Gaussian pictures of 8 pixels, damaged as each task expects it."""

    denoiser = GaussianDenoiser.photographic(BASE, 8)
    truth = denoiser.draw(12, seed=1).clamp(-0.99, 0.99)
    hole = disc(8).expand(12, -1, -1, -1)
    light = grey(truth, truth.new_zeros(12, 0))
    seen = {
        "restore": Observation(blur(truth, truth.new_full((12, 1), 0.3))),
        "colorize": Observation(light.expand_as(truth)),
        "inpaint": Observation(truth * (1 - hole), mask=hole),
        "old-photo": Observation((0.6 * light + 0.1).expand_as(truth) * (1 - hole), mask=hole),
    }

    @classmethod
    def walk(cls, recipe: Recipe, observed: Observation) -> tuple[Tensor, Guidance]:
        schedule = engine.respaced(recipe, BASE)
        assert schedule is not None
        guidance = engine.guidance_of(recipe, observed, schedule)
        noise = PictureNoise(0, range(12), (3, 8, 8))
        steps = SAMPLERS.get(recipe.sampler)(**recipe.sampler_knobs).steps(
            cls.denoiser.on(schedule), noise(0).double(), guidance, lambda step, draw=0: noise(step, draw).double()
        )
        *_, last = steps
        return last.x, guidance


def error(picture: Tensor) -> float:
    return float((picture - Laboratory.truth).square().mean())


@pytest.mark.parametrize("name", EVERY)
def test_it_improves_over_the_prior_alone(name: str) -> None:
    recipe = msgspec.structs.replace(BASELINES[name], steps=25)
    assert recipe.published is not None
    alone = msgspec.structs.replace(recipe, published=msgspec.structs.replace(recipe.published, scale=0.0))
    observed = Laboratory.seen[recipe.task]
    guided, _ = Laboratory.walk(recipe, observed)
    assert error(guided) < 0.7 * error(Laboratory.walk(alone, observed)[0])
    half = msgspec.structs.replace(recipe.published, scale=recipe.published.scale / 2)
    assert not torch.allclose(Laboratory.walk(msgspec.structs.replace(recipe, published=half), observed)[0], guided)


# -- DDNM

MEASUREMENTS = [Lightness(), SmoothSemantics(cutoff=0.5, of="picture"), KnownRegion()]
each_measurement = pytest.mark.parametrize("prop", MEASUREMENTS, ids=lambda one: type(one).__name__)


@each_measurement
def test_ddnm_is_the_pseudo_inverse_and_the_null_space(prop: Property) -> None:
    """x_0' = A+ y + (I - A+ A) x_0 with the pseudo-inverse of A written down as a matrix."""
    size = 6
    observed = Observation(waves(1, 1, size), mask=None if isinstance(prop, SmoothSemantics) else disc(size))
    target = prop.target(replace(observed, picture=torch.zeros_like(observed.picture)))
    assert prop.project is not None
    unit = torch.eye(3 * size * size, dtype=torch.float64).view(-1, 3, size, size)
    null = prop.project(unit, target).flatten(1).T  # I - A+ A: what a projection onto "measures as 0" leaves
    A = torch.eye(len(null), dtype=torch.float64) - null  # equal to A+ A, a measurement with itself as pseudo-inverse
    inverse = torch.linalg.pinv(A)
    x, y = waves(4, 1, size), observed.picture
    found = NullSpaceGuidance([Wanted(prop)], observed).clean(Estimate(x, x), x, 500).clean
    expected = inverse @ (A @ y.flatten()) + x.flatten() - inverse @ (A @ x.flatten())
    torch.testing.assert_close(found.flatten(), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("task", SCALES["ddnm"])
def test_ddnm_meets_the_constraint_exactly(task: str) -> None:
    recipe, observed = baseline("ddnm", task, steps=10), Laboratory.seen[task]
    found, _ = Laboratory.walk(recipe, observed)
    prop = engine.property_of(recipe.wants[0])
    assert prop.project is not None
    torch.testing.assert_close(prop.project(found, prop.target(observed)), found, rtol=0, atol=1e-12)
    assert prop.distance(found, prop.target(observed)).max() < 1e-20


def test_ddnm_keeps_the_noise_the_network_found() -> None:
    """Algorithm 1 with DDIM's sigma at eta 0.85, written down."""
    schedule, size = BASE.respace("ddpm10"), 8
    denoiser, observed = Laboratory.denoiser.on(schedule), Laboratory.seen["inpaint"]
    known = 1 - Laboratory.hole
    noise = PictureNoise(0, range(12), (3, size, size))
    a = schedule.alphas_cumprod
    x = noise(0).double()
    for t in range(9, -1, -1):
        said = denoiser(x, t).clean
        eps = (x - a[t] ** 0.5 * said) / (1 - a[t]) ** 0.5
        clean = known * observed.picture + (1 - known) * said
        before = a[t - 1] if t else 1.0
        sigma = 0.85 * ((1 - before) / (1 - a[t]) * (1 - a[t] / before)) ** 0.5
        x = before**0.5 * clean + (1 - before - sigma**2) ** 0.5 * eps
        x = x + sigma * noise(10 - t).double() if t else x
    found, _ = Laboratory.walk(baseline("ddnm", "inpaint", steps=10), observed)
    torch.testing.assert_close(found, x, rtol=0, atol=1e-9)


# -- GDP


@pytest.mark.parametrize("task", DAMAGES)
def test_the_gradient_of_gdp_is_the_derivative_of_its_loss(task: str) -> None:
    """Against finite differences, for the picture and for the unknowns."""
    observed = Laboratory.seen[task]
    guidance = gdp(task, observed, 1.0)
    clean, unknown = waves(3, 12, 8), guidance.unknown
    gradient, slope = guidance.gradients(clean)
    rng, h = torch.Generator().manual_seed(0), 1e-5
    for _ in range(3):
        way = torch.randn(clean.shape, generator=rng, dtype=torch.float64)
        rise = guidance.loss(clean + h * way, unknown) - guidance.loss(clean - h * way, unknown)
        torch.testing.assert_close((gradient * way).sum((1, 2, 3)), rise / (2 * h), rtol=1e-6, atol=1e-6)
    for k in range(unknown.shape[1]):
        way = torch.eye(unknown.shape[1], dtype=torch.float64)[k]
        rise = guidance.loss(clean, unknown + h * way) - guidance.loss(clean, unknown - h * way)
        torch.testing.assert_close(slope[:, k], rise / (2 * h), rtol=1e-6, atol=1e-6)


def test_gdp_moves_the_mean_by_its_scale() -> None:
    """x_{t-1} ~ N(mu - s grad L, S), grad L = 2 D^T (D x_0 - y); the variance has no part in it."""
    observed = Laboratory.seen["inpaint"]
    clean = waves(3, 12, 8)
    at = Move(clean, 5, 0, clean, torch.rand_like(clean), Estimate(clean, clean), waves(4, 12, 8))
    moved = gdp("inpaint", observed, 0.3).step(at, lambda x: at)
    residual = (clean - observed.picture) * (1 - Laboratory.hole)
    torch.testing.assert_close(moved, at.x_next - 0.3 * 2 * residual, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("task", "truth"), [("restore", [0.9]), ("old-photo", [0.55, 0.2])])
def test_gdp_learns_how_the_picture_was_damaged(task: str, truth: list[float]) -> None:
    """From clean pictures that are right, the blur's width and the fading's contrast and brightness are found."""
    picture, unknown = waves(3, 2, 16) + waves(5, 2, 16).flip(-1), torch.tensor([truth, truth], dtype=torch.float64)
    picture = picture + 0.5 * torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    damaged = DAMAGES[task].forward(picture, unknown)
    guidance = gdp(task, Observation(damaged.expand_as(picture)), 0.0)
    move = Move(picture, 5, 0, picture, picture, Estimate(picture, picture), picture)
    for _ in range(60):
        guidance.step(move, lambda x: move)
    np.testing.assert_allclose(guidance.unknown.numpy(), unknown.numpy(), atol=0.06)


def test_each_picture_has_its_own_damage() -> None:
    pictures = waves(3, 2, 16) + 0.3 * torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    seen = blur(pictures, torch.tensor([[-1.0], [1.0]], dtype=torch.float64))
    guidance = gdp("restore", Observation(seen), 0.0)
    move = Move(pictures, 5, 0, pictures, pictures, Estimate(pictures, pictures), pictures)
    for _ in range(40):
        guidance.step(move, lambda x: move)
    assert guidance.unknown[0] < -0.5 and guidance.unknown[1] > 0.8


def test_blur_is_gaussian_and_keeps_the_mean() -> None:
    dot = torch.zeros(1, 3, 33, 33, dtype=torch.float64)
    dot[..., 16, 16] = 1
    spot = blur(dot, torch.tensor([[0.5]], dtype=torch.float64))
    place = torch.arange(33).double() - 16
    assert float((spot[0, 0].sum(0) * place.square()).sum()) == pytest.approx(np.exp(1.0), rel=1e-6)
    picture = waves(1, 1, 12, 10)
    torch.testing.assert_close(blur(picture, torch.tensor([[1.0]])).mean((2, 3)), picture.mean((2, 3)))
    torch.testing.assert_close(fade(picture, torch.tensor([[1.0, 0.0]])), grey(picture, picture))


# -- as recipes


@pytest.mark.parametrize("name", EVERY)
def test_a_batch_equals_its_singles(name: str) -> None:
    recipe = tiny(BASELINES[name])
    observed = faces(3, soft=True)
    whole = engine.run(recipe, observed)
    assert whole.isfinite().all() and whole.abs().max() <= 1
    for i in range(3):
        torch.testing.assert_close(engine.run(recipe, one(observed, i), pictures=[i]), whole[i : i + 1], rtol=0, atol=1e-4)


def tiny(recipe: Recipe, **changes: Any) -> Recipe:
    return msgspec.structs.replace(recipe, **{"prior": "tiny-prior", "restorer": "tiny-restorer", "steps": 5, **changes})


def test_a_hole_is_a_hole_and_what_is_known_is_kept() -> None:
    """Grey levels of a mask are read as published: above 0 is missing."""
    observed = faces(1, soft=True)
    assert observed.mask is not None
    sharp = replace(observed, mask=(observed.mask > 0).float())
    for method in ("gdp", "ddnm"):
        recipe = tiny(baseline(method, "inpaint"))
        assert torch.equal(engine.run(recipe, observed), engine.run(recipe, sharp))
    known = sharp.mask.expand(1, 3, -1, -1) == 0  # type: ignore[union-attr]
    found = engine.run(recipe, observed)
    torch.testing.assert_close(found[known], observed.picture[known], rtol=0, atol=1e-5)


def test_a_wish_is_a_further_loss_in_gdp_and_the_measurement_in_ddnm() -> None:
    plain, tinted = tiny(baseline("gdp", "colorize")), Want(property="colour-statistics", weight=0.5)
    assert not torch.equal(engine.run(plain, faces(1)), engine.run(msgspec.structs.replace(plain, wants=(tinted,)), faces(1)))
    coarse = Want(property="smooth-semantics", knobs={"of": "picture", "cutoff": 0.1})
    recipe = tiny(baseline("ddnm", "restore"))
    assert not torch.equal(engine.run(recipe, faces(1)), engine.run(msgspec.structs.replace(recipe, wants=(coarse,)), faces(1)))


def test_what_has_no_meaning_is_refused_in_one_line() -> None:
    for method, task in (("gdp", "reference"), ("ddnm", "reference"), ("gdp", "enhance"), ("ddnm", "enhance")):
        with pytest.raises(RecipeError, match=f"{method} was not published for '{task}'; it has restore, colorize"):
            baseline(method, task)
    with pytest.raises(RecipeError, match="unknown method 'ddrm'"):
        baseline("ddrm", "restore")
    with pytest.raises(RecipeError, match="repeats are PGDiff's"):
        Published(method="gdp", repeats=2)
    with pytest.raises(RecipeError, match="the share of the constraint"):
        Published(method="ddnm", scale=1.5)
    with pytest.raises(RecipeError, match="no model of the damage in 'reference'"):
        engine.run(tiny(baseline("gdp", "restore"), task="reference"), faces(1))
    for method in ("gdp", "ddnm"):
        with pytest.raises(RecipeError, match="needs a mask"):
            engine.run(tiny(baseline(method, "inpaint")), faces(1, mask=False))
    with pytest.raises(RecipeError, match="imposes linear measurements, which Bent is not"):
        NullSpaceGuidance([Wanted(Bent())], faces(1))


class Bent(ColourStatistics, frozen=True, kw_only=True):
    project = None


def test_their_strength_and_steps_are_knobs() -> None:
    made = baseline("gdp", "restore", steps=20, scale=0.07)
    assert made.steps == 20 and made.published == Published(method="gdp", scale=0.07) and made.faithful
    assert baseline("ddnm", "restore").sampler_knobs == {"eta": 0.85} and baseline("ddnm", "restore").steps == 100
    assert GdpGuidance.keeps_noise is False and NullSpaceGuidance.keeps_noise is True
