"""What DiffBIR will take is said before any weight is read, and is what it takes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from restauro.core.recipe import Want
from restauro.systems.diffbir import estimate as estimating
from restauro.systems.diffbir.estimate import Estimate, estimate
from restauro.weights import store
from restauro.weights.store import find
from tests.systems.diffbir.latent_weights import ours, stock

FACTOR = 2.0
"""Within which the estimate is true, on a picture large enough to be seen beside the program itself."""
MEASURED = """
import json, resource, sys
from pathlib import Path
import numpy as np
from restauro.api.tasks import run
from restauro.core.recipe import Recipe
from restauro.weights.lending import Desk
from restauro.weights.store import lending
recipe, height, width = Recipe.from_json(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
pixels = np.random.default_rng(0).random((height, width, 3), dtype=np.float32)
run(pixels[:32, :32], recipe)
with lending(Desk()):
    held = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
Path("/proc/self/clear_refs").write_text("5")
run(pixels, recipe)
# not ru_maxrss: a child begins with its parent's
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(json.dumps(int(peak.split()[1]) * 1024 - held))
"""


@pytest.fixture(scope="module")
def names(restauro_home: Path) -> dict[str, str]:
    return stock("any-estimated", face_template="")


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the system does not tell")
def test_it_is_what_a_process_takes(names: dict[str, str]) -> None:
    recipe = ours(names, steps=1, tile_size=256)
    words = [sys.executable, "-c", MEASURED, recipe.to_json(), "384", "512"]
    taken = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    said = estimate(recipe, 384, 512).memory
    assert said / FACTOR < taken < said * FACTOR, (said, taken)


def test_no_weights_are_read(names: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "sha256_of", lambda path: pytest.fail("read"))
    found = estimate(ours(names, tile_size=64), 60, 90)
    assert found == Estimate(found.memory, 3, 2)


def test_more_is_asked_for_where_more_is_taken(names: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimating, "PICTURES", 0)

    def memory(height: int = 96, width: int = 96, low_memory: bool = False, **changes: object) -> int:
        return estimate(ours(names, **changes), height, width, low_memory=low_memory).memory  # type: ignore[arg-type]

    assert memory(low_memory=True) < memory() < memory(192, 192)
    assert memory(256, 256, tile_size=64) <= memory(256, 256, tile_size=256)
    assert memory(wants=(Want(property="total-variation"),)) > memory()  # whose gradient goes through the decoder
    weights = sum(find(names[part])[1].stat().st_size for part in names)
    assert memory() > weights


def test_a_prior_of_faces_works_on_faces_only(restauro_home: Path) -> None:
    faces = stock("faces-estimated")
    small, large = (estimate(ours(faces), *size) for size in ((64, 64), (640, 800)))
    assert small.tiles == large.tiles == 1 and small.calls == large.calls == 3
    assert large.memory > small.memory  # the first stage cleans all of it
