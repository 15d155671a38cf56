"""The stronger the region guidance, the nearer to the first stage's answer, with the weights that ship.

`python -m benchmarks.fidelity --with diffbir` prints the whole curve.
"""

import numpy as np
import pytest

from benchmarks import latent
from benchmarks.answers import with_first_stage
from benchmarks.faces import damaged
from benchmarks.fidelity import curve, falls
from tests.shared import needs_shared

WHY = latent.missing(latent.WEIGHTS)


@needs_shared
@pytest.mark.skipif(bool(WHY), reason=WHY)
@pytest.mark.parametrize("task", ["restore", "reference", "colorize", "inpaint"])
def test_distance_falls_with_fidelity(task: str) -> None:
    recipe = latent.recipe_of(task, latent.WEIGHTS)
    points = curve(recipe, with_first_stage(recipe, damaged(task, "val", 8)), np.linspace(0, 1, 5).tolist())
    assert falls(recipe, points), [point[:3] for point in points]
