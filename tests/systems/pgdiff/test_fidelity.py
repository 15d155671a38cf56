"""-w is a promise: the higher, the nearer to the photograph. `python -m benchmarks.fidelity` prints the whole curve."""

import pytest

from benchmarks.answers import ours, with_first_stage
from benchmarks.faces import damaged
from benchmarks.fidelity import curve, falls
from restauro.systems.pgdiff.recipe import TASKS
from tests.shared import needs_shared

FACES = {"reference": 8, "enhance": 8, "restore": 8}
"""Sixteen, where that is quick."""
STEPS = {"old-photo": 10, "restore": 10, "enhance": 10}
"""Two; ten, as usual, where what is got back in contrast and sharpness outweighs the rest: in few calls the order is noise."""
RISES = pytest.mark.xfail(strict=True, reason="known: from w 0 to 0.5 the distance rises by 2 %, and falls from there")


@needs_shared
@pytest.mark.parametrize("task", [pytest.param(task, marks=RISES) if task == "enhance" else task for task in TASKS])
def test_distance_falls_with_fidelity(task: str) -> None:
    recipe = ours(task, STEPS.get(task, 2))
    faces = with_first_stage(recipe, damaged(task, "val", FACES.get(task, 16)))
    points = curve(recipe, faces, [0.0, 0.25, 0.5, 0.75, 1.0])
    assert falls(recipe, points), [point[:3] for point in points]
