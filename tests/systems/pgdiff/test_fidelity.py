"""-w is a promise: the higher, the nearer to the photograph. `python -m benchmarks.fidelity` prints the whole curve."""

import pytest

from benchmarks.answers import with_first_stage
from benchmarks.faces import damaged
from benchmarks.fidelity import curve, falls
from restauro.systems.pgdiff.recipe import TASKS
from tests.shared import needs_shared

FACES = {"reference": 8, "enhance": 8}
"""Sixteen, where no further network guides."""
STEPS = {"old-photo": 10}
"""Two; ten, as usual, where what is got back in contrast outweighs the rest: in few calls the order is within the noise."""


@needs_shared
@pytest.mark.parametrize("task", list(TASKS))
def test_distance_falls_with_fidelity(task: str) -> None:
    faces = with_first_stage(TASKS[task], damaged(task, "val", FACES.get(task, 16)))
    points = curve(task, faces, [0.0, 0.25, 0.5, 0.75, 1.0], steps=STEPS.get(task, 2))
    assert falls(task, points), [point[:3] for point in points]
