"""Smooth semantics under a mask: the damaged picture has no say where it is missing, the first stage has."""

from __future__ import annotations

from dataclasses import replace

import torch

from restauro.diffusion.contract import Property
from restauro.diffusion.guidance import CleanGuidance, Wanted
from restauro.diffusion.schedule import NoiseSchedule
from restauro.properties.smooth_semantics import SmoothSemantics
from tests.laws.pictures import observation, waves

BASE = NoiseSchedule.named("openai-linear")
CLEAN, SEEN = waves(4, 2, 32), observation(soft=True)
OWN = SmoothSemantics(cutoff=0.5, of="picture")


def test_its_gradient_is_the_derivative_under_a_soft_mask() -> None:
    target = OWN.target(SEEN)
    torch.testing.assert_close(OWN.gradient(CLEAN, target), Property.gradient(OWN, CLEAN, target))


def test_the_damaged_picture_weighs_as_much_as_is_known_of_it() -> None:
    mask = SEEN.mask
    assert mask is not None
    kept = CleanGuidance([Wanted(OWN)], SEEN, BASE).impose(CLEAN)
    full = CleanGuidance([Wanted(OWN)], replace(SEEN, mask=None), BASE).impose(CLEAN)
    torch.testing.assert_close(kept, CLEAN * mask + full * (1 - mask))


def test_the_first_stage_answers_for_what_is_missing_too() -> None:
    prop = SmoothSemantics(cutoff=0.5)
    kept, full = (CleanGuidance([Wanted(prop)], seen, BASE).impose(CLEAN) for seen in (SEEN, replace(SEEN, mask=None)))
    assert torch.equal(kept, full)
