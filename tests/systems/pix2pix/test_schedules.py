"""Learning rates: what is wrong with the published ones (facts B8.6, B8.7), and that ours is not so; goldens pin their values."""

from __future__ import annotations

from typing import Any

import pytest

from restauro.core.errors import RecipeError
from restauro.systems.pix2pix.schedules import published
from restauro.training.run import Run

OURS = Run(decay="linear", flat=0.5, warm_up=0, rate=1.0)


def ours(step: int, steps: int) -> float:
    """In force in the step of this number, from 0, as the loop asks for it."""
    return OURS.rate_at(step + 1, step / steps)


def test_defect_6_the_last_epoch_learns() -> None:
    assert published("linear", 200) == 0
    assert all(ours(step, 200) > 0 for step in range(200)) and ours(199, 200) == pytest.approx(0.01)


def test_defect_6_half_of_the_run_is_whole() -> None:
    assert published("linear", 100) < 1
    assert all(ours(step, 200) == 1 for step in range(101)) and ours(101, 200) == pytest.approx(0.99)


def test_defect_6_a_cosine_does_not_climb_again() -> None:
    assert published("cosine", 150) > published("cosine", 100)
    run = Run(decay="cosine", warm_up=0)
    rates = [run.rate_at(step + 1, step / 200) for step in range(200)]
    assert rates == sorted(rates, reverse=True)


def test_defect_6_the_plateau_cuts_whatever_happens() -> None:
    assert [published("plateau", epoch) for epoch in (1, 6, 7, 12, 13)] == pytest.approx([1, 1, 0.2, 0.2, 0.04])


@pytest.mark.parametrize("policy", ["lambda", "linaer", ""])
def test_defect_7_an_unknown_policy_is_an_error(policy: Any) -> None:
    with pytest.raises(RecipeError, match="there is no learning-rate policy"):
        published(policy, 1)
    with pytest.raises(RecipeError, match="decay"):
        Run(decay=policy)
