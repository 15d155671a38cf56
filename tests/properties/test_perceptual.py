"""Perceptual distance, also with an imported VGG."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from restauro.core.errors import RecipeError, WeightsError
from restauro.diffusion.contract import Observation
from restauro.networks.vgg import VGG
from restauro.properties.perceptual import Perceptual
from restauro.weights.importing import import_file
from tests.laws.pictures import observation, waves

SEEN = observation(64, 2, dtype=torch.float32)


@pytest.fixture(scope="module")
def vgg(tmp_path_factory: pytest.TempPathFactory, restauro_home: Path) -> str:
    """A narrow VGG-16 with torchvision's names, its classifier included."""
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("vgg") / "vgg16.pth"
    weights = VGG((2, 2, 3, 3, 3), (4, 8, 8, 8, 8)).state_dict()
    torch.save({**weights, "classifier.0.weight": torch.zeros(2, 2), "classifier.0.bias": torch.zeros(2)}, file)
    passport = import_file(file, "tiny-vgg", tell=lambda _: None)
    assert passport.kind == "features" and passport.arguments == {"blocks": [2, 2, 3, 3, 3], "widths": [4, 8, 8, 8, 8]}
    return "tiny-vgg"


@pytest.mark.parametrize("layers", ["all", "shallow", "deep"])
@pytest.mark.parametrize("network", ["identity", "vgg"])
def test_it_is_0_for_the_target_and_its_gradient_is_the_derivative(layers: str, network: str, vgg: str) -> None:
    prop = Perceptual(features=vgg if network == "vgg" else network, layers=layers)  # type: ignore[arg-type]
    target = prop.target(SEEN)
    assert SEEN.restored is not None
    assert prop.distance(SEEN.restored, target).abs().max() < 1e-6
    clean = waves(4, 2, 64).float()
    gradient = prop.gradient(clean, target)
    length = 0.01
    step = length * gradient / gradient.square().sum((1, 2, 3), keepdim=True).sqrt()
    found = (prop.distance(clean + step, target) - prop.distance(clean - step, target)) / 2
    expected = length * gradient.square().sum((1, 2, 3)).sqrt()
    torch.testing.assert_close(found, expected, rtol=0.05, atol=1e-5)


def test_it_does_not_mind_brightness_as_much_as_shape(vgg: str) -> None:
    """The features' length does not count."""
    prop, picture = Perceptual(features=vgg), waves(3, 1, 64).float()
    target = prop.target(Observation(picture, restored=picture))
    same_error = (waves(5, 1, 64).float() - picture).square().mean().sqrt()
    assert prop.distance(picture + same_error, target) < prop.distance(waves(5, 1, 64).float(), target)


def test_a_first_stage_that_is_asked_anew_gives_the_target_of_that_step() -> None:
    observed = Observation(SEEN.picture, restore_at=lambda x, t: x * 0.5)
    prop, state = Perceptual(), waves(6, 2, 64).float()
    target = prop.target_at(observed, prop.target(observed), state, 3.0)
    assert prop.distance(state * 0.5, target).abs().max() < 1e-6
    kept = Perceptual(of="picture")
    assert kept.distance(SEEN.picture, kept.target_at(observed, kept.target(observed), state, 3.0)).abs().max() < 1e-6


def test_errors_are_one_line() -> None:
    with pytest.raises(RecipeError, match="name a restorer"):
        Perceptual().target(Observation(SEEN.picture))
    for name, words in (
        ("face-restorer", "serves as restorer, not as identity or critic or features"),
        ("vgg99", "no weights named 'vgg99'"),
    ):
        with pytest.raises(WeightsError, match=words) as refusal:
            Perceptual(features=name).target(SEEN)
        assert "\n" not in str(refusal.value)
