"""Cascades: sizes multiply, stages draw their own noise, a batch equals its singles."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from restauro import api
from restauro.core.errors import RecipeError, WeightsError
from restauro.systems.sr3.cascade import Stage, cascade, parse_stage
from tests.laws.pictures import waves
from tests.systems.sr3.janspiry import imported


def test_two_stages(tmp_path: Path) -> None:
    prior = imported(tmp_path, "staged")
    stages = [Stage(prior=prior, steps="sr3-linear:5"), Stage(prior=prior, steps="sr3-linear:2", factor=4)]
    small = waves(1, 2, 4).float()
    middle, large = cascade(stages, small, 7, [0, 1])
    assert middle.shape == (2, 3, 8, 8) and large.shape == (2, 3, 32, 32) and large.abs().max() <= 1
    for found, alone in zip((middle, large), cascade(stages, small[1:], 7, [1]), strict=True):
        torch.testing.assert_close(found[1:], alone, rtol=0, atol=1e-3)
    other, _ = cascade(stages, small, 8, [0, 1])
    assert (other - middle).abs().max() > 0.01


def test_stages_are_said_in_one_word() -> None:
    assert parse_stage("super-resolver") == Stage()
    assert parse_stage("mine:factor=4,steps=ho-quad:5@1e-06..0.999") == Stage(
        prior="mine", factor=4, steps="ho-quad:5@1e-06..0.999"
    )
    with pytest.raises(RecipeError, match="no knob 'size'"):
        parse_stage("mine:size=4")
    with pytest.raises(WeightsError, match="not a super-resolver"):
        list(cascade([Stage(prior="identity")], waves(1, 1, 4).float(), 0, [0]))


def test_samples_can_be_enlarged(tmp_path: Path) -> None:
    """The repository's network without a condition draws, the one with a condition enlarges."""
    drawing, enlarging = imported(tmp_path, "drawing", 16, channels=3), imported(tmp_path, "enlarging")
    stages = (f"{enlarging}:steps=sr3-linear:2",)
    plain, large = (api.sample(1, prior=drawing, steps=1, seed=3, cascade=some) for some in ((), stages))
    assert (plain[0].size, large[0].size) == ((16, 16), (32, 32))
