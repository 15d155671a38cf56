"""Guidance by a classifier of noisy states: exact where the classifier is, in the same sum as every other property."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import pytest
import torch
from torch import Tensor

from restauro.core.errors import RecipeError, WeightsError
from restauro.core.recipe import parse_want
from restauro.core.registry import SAMPLERS
from restauro.diffusion.classifier import GuidedScore
from restauro.diffusion.contract import Estimate, Observation, Property
from restauro.diffusion.guidance import CleanGuidance, Wanted
from restauro.diffusion.schedule import NoiseSchedule
from restauro.networks.classifier import NoisyClassifier
from restauro.properties.classifier import Classifier
from restauro.properties.known_region import KnownRegion
from restauro.properties.lightness import Lightness
from restauro.systems.pgdiff import engine
from restauro.systems.pgdiff.gdp import gdp
from restauro.systems.pgdiff.guidance import PublishedGuidance
from restauro.weights.passports import Passport
from restauro.weights.store import imported_folder, save
from tests.diffusion.test_guidance import HOLED, LAB, SEEN, TRUTH, measured, ours, sample
from tests.laboratory import GaussianDenoiser
from tests.laws.conftest import CLASSIFIER
from tests.laws.pictures import waves

BASE = NoiseSchedule.named("openai-linear")
NOISE = 0.1


class Seen(Property, frozen=True, kw_only=True):
    """-log p(y | x_t) of y = A x_0 + noise, where the prior is the laboratory's: known at every noise level."""

    space: ClassVar[Literal["picture", "latent", "state"]] = "state"

    def target(self, observed: Observation) -> float:
        return 0.0

    def target_at(self, observed: Observation, target: float, x: Tensor, t: float) -> float:
        return t

    def distance(self, clean: Tensor, target: float) -> Tensor:
        matrix, values = measured(KnownRegion())
        a = float(BASE.alpha_bar(target))
        total = a * LAB.spectrum + 1 - a
        seen = matrix @ LAB.basis
        along = (clean.flatten(1) - a**0.5 * LAB.mean.flatten()) @ LAB.basis * (a**0.5 * LAB.spectrum / total)
        error = values[: len(clean)] - matrix @ LAB.mean.flatten() - along @ seen.T
        inside = (seen * (LAB.spectrum * (1 - a) / total)) @ seen.T + NOISE**2 * torch.eye(len(matrix)).double()
        return (error * torch.linalg.solve(inside, error.T).T).sum(1) / 2

    def elements(self, clean: Tensor, target: float) -> int:
        return 1


def oddness(found: Tensor) -> float:
    """Squared Mahalanobis distance to the posterior's mean, over D: 1 for its own samples."""
    mean, covariance = LAB.given(*measured(KnownRegion()), NOISE)
    return float(GaussianDenoiser.of(BASE, torch.zeros(LAB.shape).double(), covariance).surprise(found - mean).mean())


@pytest.mark.parametrize("sampler", SAMPLERS.names())
def test_with_the_exact_classifier_every_sampler_draws_from_the_posterior(sampler: str) -> None:
    how = "karras:120" if sampler in ("ancestral", "euler-ancestral", "dpmpp-sde") else "karras:40"
    found = sample(SAMPLERS.get(sampler)(), how, ours(Wanted(Seen()), observed=HOLED))
    assert oddness(found) == pytest.approx(1, abs=0.2)
    without = sample(SAMPLERS.get(sampler)(), how, ours(Wanted(Seen(), 0.0), observed=HOLED))
    assert oddness(without) > 5


def test_the_published_mean_shift_is_classifier_guidance() -> None:
    """PGDiff's rule is Dhariwal and Nichol's: mu + s Sigma grad log p(y | x_t)."""
    found = sample(
        SAMPLERS.get("ancestral")(),
        "200",
        lambda schedule: PublishedGuidance([Wanted(Seen())], HOLED, schedule, "mean-shift", 1.0),
    )
    assert oddness(found) == pytest.approx(1, abs=0.2)


class Mean(Property, frozen=True, kw_only=True):
    """y = x_0 + noise, seen through a prior N(0, 0.3^2) of independent pixels: posterior moments in one line."""

    space: ClassVar[Literal["picture", "latent", "state"]] = "state"
    y: float = 0.5

    def target(self, observed: Observation) -> float:
        return 0.0

    def target_at(self, observed: Observation, target: float, x: Tensor, t: float) -> float:
        return t

    def distance(self, clean: Tensor, target: float) -> Tensor:
        a = float(BASE.alpha_bar(target))
        total = a * 0.09 + 1 - a
        return ((self.y - a**0.5 * 0.09 / total * clean).square() / (0.09 * (1 - a) / total + 0.04)).sum((1, 2, 3)) / 2


@pytest.mark.parametrize(("sampler", "how"), [("ddim", "karras:80"), ("dpmpp-2m", "karras:25"), ("ancestral", "karras:200")])
def test_mean_and_spread_are_the_posteriors(sampler: str, how: str) -> None:
    schedule = BASE.respace(how)
    prior = GaussianDenoiser(schedule, torch.zeros(1, 2, 2).double(), torch.eye(4).double(), torch.full((4,), 0.09).double())
    guidance = CleanGuidance([Wanted(Mean())], Observation(torch.zeros(1, 3, 2, 2)), schedule)

    def draw(step: int, draw: int = 0) -> Tensor:
        return torch.randn(4000, 1, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(step))

    *_, last = SAMPLERS.get(sampler)().steps(prior, draw(0), guidance, draw)
    variance = 1 / (1 / 0.09 + 1 / 0.04)
    assert float(last.x.mean()) == pytest.approx(variance / 0.04 * 0.5, abs=0.02)
    assert float(last.x.std()) == pytest.approx(variance**0.5, rel=0.05)


@pytest.mark.parametrize("t", [0, 100, 700, 999])
def test_it_moves_the_noise_by_the_score_and_leaves_the_state(t: int) -> None:
    """eps' = eps - sqrt(1 - a) s grad log p(y | x_t), as in algorithm 2."""
    x, weight = LAB.draw(4, seed=5), 0.7
    said = LAB.on(BASE)(x, t)
    observed = Observation(TRUTH[:4])
    bent = CleanGuidance([Wanted(Seen(), weight)], observed, BASE).clean(said, x, t)
    theirs = GuidedScore(lambda x, t: -weight * Seen().gradient(x, t), BASE).clean(said, x, t)
    torch.testing.assert_close(bent.clean, theirs.clean)
    torch.testing.assert_close(bent.noise, theirs.noise)
    a = float(BASE.alpha_bar(t))
    state = a**0.5 * (bent.clean - said.clean) + (1 - a) ** 0.5 * (bent.noise - said.noise)
    torch.testing.assert_close(state, torch.zeros_like(state), rtol=0, atol=1e-9 * float((bent.clean - said.clean).abs().max()))


def test_what_is_imposed_beside_it_stays_exact() -> None:
    found = sample(SAMPLERS.get("ddim")(), "karras:20", ours(Wanted(Seen(), 0.3), Wanted(Lightness()), observed=SEEN))
    assert float(Lightness().distance(found, Lightness().target(SEEN)).max()) < 1e-9


# -- the network


@pytest.fixture(scope="module", autouse=True)
def classifiers(restauro_home: Path) -> None:
    """One for any size, one for 32 px."""
    for seed, (name, size) in enumerate((("three-classes", 0), ("three-small", 32))):
        torch.manual_seed(seed)
        passport = Passport(
            name=name, what="Tiny.", kind="classifier", architecture="unet-classifier", arguments=CLASSIFIER, size=size
        )
        save(NoisyClassifier(**CLASSIFIER).state_dict(), passport, imported_folder())


def test_it_is_the_cross_entropy_of_the_wanted_class_at_the_told_noise() -> None:
    x = waves(1, 3, 32).float()
    props = [Classifier(network="three-classes", label=label) for label in range(3)]
    observed = Observation(x)
    for t in (10.0, 800.0):
        chances = torch.stack([(-prop.distance(x, prop.target_at(observed, 0.0, x, t))).exp() for prop in props])
        torch.testing.assert_close(chances.sum(0), torch.ones(3))
    early, late = (props[0].distance(x, t) for t in (10.0, 800.0))
    assert not torch.allclose(early, late, atol=1e-4)


def test_guidance_by_it_makes_its_class_likelier() -> None:
    prop, observed = Classifier(network="three-classes", label=1), Observation(waves(1, 2, 32).float())
    x = waves(2, 2, 32).float()
    said = Estimate(x, torch.zeros_like(x))
    bent = CleanGuidance([Wanted(prop, 0.5)], observed, BASE).clean(said, x, 300)
    assert (prop.distance(bent.clean, 300.0) < prop.distance(x, 300.0)).all()


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("network=no-such", WeightsError, "no-such"),
        ("network=face-prior", WeightsError, "serves as prior"),
        ("network=three-classes,label=3", RecipeError, "knows the labels 0 to 2, not 3"),
        ("network=three-small", RecipeError, "knows pictures of 32 px, the prior's are of 48"),
    ],
)
def test_what_is_missing_is_said_in_one_line(text: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as raised:
        engine.property_of(parse_want(f"classifier:{text}")).target(Observation(waves(1, 1, 48).float()))
    assert "\n" not in str(raised.value)


def test_gdp_has_no_place_for_it() -> None:
    observed = Observation(waves(1, 2, 32).float())
    guidance = gdp("restore", observed, 1.0, [Wanted(Classifier(network="three-classes"))])
    with pytest.raises(RecipeError, match="looks at the noisy state"):
        guidance.gradients(observed.picture)
