"""-w is a promise: the higher, the nearer to the photograph."""

import msgspec
import numpy as np
import pytest
import torch

from benchmarks.faces import damaged
from restauro.diffusion.contract import Observation
from restauro.systems.pgdiff import engine
from restauro.systems.pgdiff.recipe import TASKS
from tests.shared import needs_shared


@needs_shared
@pytest.mark.parametrize("task", ["restore", "old-photo"])
def test_distance_to_the_input_falls_with_fidelity(task: str) -> None:
    faces = damaged(task, "val", 8)
    known = 1 - faces.mask if faces.mask is not None else torch.ones_like(faces.picture[:, :1])
    far = []
    for fidelity in (0.0, 0.5, 1.0):
        recipe = msgspec.structs.replace(TASKS[task], fidelity=fidelity, steps=4)
        out = engine.run(recipe, Observation(faces.picture, mask=faces.mask))
        # what the task changes on purpose (colour, holes) does not count
        change = (out - faces.picture).mean(1, keepdim=True) if task == "old-photo" else out - faces.picture
        far.append(float((change * known).square().mean()))
    assert far == sorted(far, reverse=True), np.round(far, 5)
