"""The benchmark of the scratch detector: what it counts."""

from __future__ import annotations

import torch

from benchmarks import scratches


def test_marks_count_that_lie_near_true_ones_and_false_alarms_are_of_undamaged_pictures() -> None:
    truth, found, clean = (torch.zeros(1, 1, 16, 16) for _ in range(3))
    truth[..., 4] = 1
    found[..., 6], found[..., 12] = 0.9, 0.9  # one near enough, one not
    clean[..., 0, :8] = 0.9
    f1, precision, recall, alarms = scratches.row([found], [truth], [clean], 0.5)
    assert (precision, recall) == (0.5, 1.0) and abs(f1 - 2 / 3) < 1e-9 and abs(alarms - 8 / 256) < 1e-9
    assert scratches.row([found], [truth], [clean], 0.95)[1:] == [1.0, 0.0, 0.0]
