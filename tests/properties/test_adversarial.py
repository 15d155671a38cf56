"""Adversarial guidance by a critic whose mind is known."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from restauro.core.errors import WeightsError
from restauro.diffusion.contract import Estimate, Observation
from restauro.diffusion.guidance import CleanGuidance, Wanted
from restauro.diffusion.schedule import NoiseSchedule
from restauro.networks.patchgan import PatchGAN
from restauro.properties.adversarial import Adversarial
from restauro.weights.passports import Passport
from restauro.weights.store import imported_folder, load, save
from tests.laws.pictures import waves

SEEN = Observation(waves(1, 2, 32).float())


@pytest.fixture(scope="module")
def bright(restauro_home: Path) -> str:
    """A critic that takes bright pictures for real."""
    arguments = {"width": 2, "layers": 1, "norm": "none"}
    network = PatchGAN(**arguments)
    for name, weight in network.named_parameters():
        torch.nn.init.constant_(weight, 0.1 if name.endswith("weight") else 0.0)
    passport = Passport(name="bright-critic", what="", kind="critic", architecture="patchgan", arguments=arguments)
    save(network.state_dict(), passport, imported_folder())
    return "bright-critic"


def test_it_is_the_non_saturating_loss_of_the_mean_logit(bright: str) -> None:
    prop, picture = Adversarial(critic=bright, blur=0), waves(4, 2, 32).float()
    score = load(bright).score(picture)  # type: ignore[operator]
    torch.testing.assert_close(prop.distance(picture, prop.target(SEEN)), F.softplus(-score))
    assert prop.elements(picture, "") == 1


def test_guidance_goes_where_the_critic_is_content(bright: str) -> None:
    prop, picture = Adversarial(critic=bright), torch.zeros(2, 3, 32, 32)
    guidance = CleanGuidance([Wanted(prop, 0.2)], SEEN, NoiseSchedule.named("openai-linear").respace("karras:10@1"))
    bent = guidance.clean(Estimate(picture, picture), picture, 5).clean
    assert (bent.mean((1, 2, 3)) > 0.01).all()
    assert (load(bright).score(bent) > load(bright).score(picture)).all()  # type: ignore[operator]


def test_errors_are_one_line() -> None:
    for name, words in (("nobody", "no weights named 'nobody'"), ("face-prior", "serves as prior, not as critic")):
        with pytest.raises(WeightsError, match=words) as refusal:
            Adversarial(critic=name).target(SEEN)
        assert "\n" not in str(refusal.value)
