"""Marks are found if something lies close enough."""

from __future__ import annotations

import pytest
import torch

from restauro.evaluation.marks import Counts, f1, found_and_true, precision_recall


def line(column: int) -> torch.Tensor:
    mask = torch.zeros(1, 1, 16, 32, dtype=torch.bool)
    mask[..., column] = True
    return mask


def test_two_pixels_aside_are_near_enough_and_three_are_not() -> None:
    assert found_and_true(line(10), line(12)) == Counts(16, 16, 16, 16)
    assert found_and_true(line(10), line(13)) == Counts(16, 0, 16, 0)
    assert found_and_true(line(10), line(13), tolerance=3) == Counts(16, 16, 16, 16)


def test_rates() -> None:
    counts = found_and_true(line(2) | line(20), line(2) | line(9) | line(29))
    assert list(precision_recall(counts)) == pytest.approx([1 / 2, 1 / 3]) and f1(counts) == pytest.approx(0.4)
    nothing = torch.zeros_like(line(0))
    assert precision_recall(found_and_true(nothing, nothing)) == (1, 1) and f1(found_and_true(nothing, line(0))) == 0
