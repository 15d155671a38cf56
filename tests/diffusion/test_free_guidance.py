"""Classifier-free guidance: what it says, and what it does not ask for."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from restauro.diffusion.free_guidance import classifier_free, rising

X, TOLD = torch.arange(12.0).view(3, 1, 2, 2), torch.tensor([900.0, 500.0, 0.0])
HERE = torch.tensor([1.0, 2.0, 3.0])


def network(asked: list[int]) -> Callable[..., Tensor]:
    def call(x: Tensor, told: Tensor, picture: Tensor, prompt: Tensor) -> Tensor:
        asked.append(len(x))
        assert len(x) == len(told) == len(picture) == len(prompt)
        return x * prompt[:, None, None, None] + picture[:, None, None, None] + told[:, None, None, None]

    return call


@pytest.mark.parametrize("strength", [0.0, 0.5, 4.0])
def test_away_from_the_unwanted(strength: float) -> None:
    asked: list[int] = []
    wanted, unwanted = torch.tensor([2.0]), torch.tensor([-1.0])
    found = classifier_free(network(asked), [HERE, wanted], [HERE, unwanted], strength)(X, TOLD)
    torch.testing.assert_close(found, X * (-1 + strength * 3) + (HERE + TOLD)[:, None, None, None])
    assert asked == [6], "both prompts in one call"


def test_at_one_only_the_wanted_is_asked_for() -> None:
    asked: list[int] = []
    found = classifier_free(network(asked), [HERE, torch.tensor([2.0])], [HERE, torch.tensor([-1.0])], 1.0)(X, TOLD)
    torch.testing.assert_close(found, X * 2 + (HERE + TOLD)[:, None, None, None])
    assert asked == [3]


def test_a_strength_for_each_picture_of_a_batch() -> None:
    guided = classifier_free(network([]), [HERE[:1], torch.tensor([2.0])], [HERE[:1], torch.tensor([-1.0])], rising(4.0))
    torch.testing.assert_close(guided(X, TOLD), torch.cat([guided(X[i : i + 1], TOLD[i : i + 1]) for i in range(3)]))


def test_it_rises_to_one_more_than_it_is_called() -> None:
    """DiffBIR's defect 20: a strength of 4 ends at 5."""
    at = rising(4.0)(torch.tensor([1000.0, 130.0, 0.0], dtype=torch.float64))
    assert at.tolist() == pytest.approx([1, 1 + 2 * (1 - math.cos(math.pi * 0.87**5)), 5])
    assert at[1].item() == pytest.approx(3, abs=0.02)
    assert rising(0.7)(TOLD).tolist() == pytest.approx([0.7] * 3)
