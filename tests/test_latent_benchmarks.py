"""DiffBIR's rows and curves in the benchmarks: every strength, the weights that were named, what is missing said."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks import fidelity, latent
from benchmarks.answers import key, weights_of, with_first_stage
from benchmarks.faces import Faces
from restauro.systems.diffbir.parts import Parts
from restauro.weights import store
from tests.laws.pictures import waves
from tests.systems.diffbir.latent_weights import stock


class Means:
    """A codec that keeps what it can: means of 4x4 pixels."""

    def encode(self, picture: Tensor) -> Tensor:
        return F.avg_pool2d(picture, 4) * 2

    def decode(self, latents: Tensor) -> Tensor:
        return F.interpolate(latents / 2, scale_factor=4.0)


@pytest.fixture(scope="module")
def names(restauro_home: Path) -> dict[str, str]:
    """Of tiny weights, by part."""
    found = stock("bench")
    return {part: found[part] for part in latent.WEIGHTS}


@pytest.fixture
def faces() -> Faces:
    clean = waves(1, 2, 32).float()
    noise = 0.1 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    return Faces("restore", clean, (clean + noise).clamp(-1, 1))


def test_rows_are_of_several_strengths_and_of_none(names: dict[str, str], faces: Faces) -> None:
    rows = latent.rows_of("restore", names, faces)
    assert list(rows) == [f"DiffBIR 10, {end}" for end in ("unguided", "w 0.25", "w 0.5", "w 0.75", "w 1")]
    assert {calls for _, calls in rows.values()} == {11}
    pictures = [made.pictures for made, _ in rows.values()]
    assert all(not torch.equal(one, other) for one, other in pairwise(pictures))
    assert list(latent.recipes_of("colorize", names)) == ["DiffBIR 10"] and latent.recipes_of("old-photo", names) == {}


def test_the_weights_that_were_named_are_those_of_the_answer(names: dict[str, str], faces: Faces) -> None:
    recipe = latent.recipe_of("restore", names)
    assert set(weights_of(recipe)) == {*names.values(), recipe.restorer}
    others = stock("bench-2", prediction="eps", schedule="sd-scaled-linear")
    changed = latent.recipe_of("restore", {part: others[part] for part in latent.WEIGHTS})
    assert key(changed, faces) != key(recipe, faces) and not set(others.values()) & set(weights_of(recipe))
    assert "another release" in latent.missing(names | {"control": others["control"]}) and latent.missing(names) == ""


def test_differences_are_told_of_the_usual_strength_and_of_the_guidance() -> None:
    rng = np.random.default_rng(0)
    rows = ("restorer alone", "SR3, of the input halved", "DiffBIR 10, unguided", "DiffBIR 10, w 0.5", "DiffBIR 10, w 1")
    scores = {row: {title: rng.random(9) for title in ("LPIPS", "PSNR", "identity")} for row in rows}
    found = [line.split(":")[0] for line in latent.notes(scores)]
    assert found == [
        "DiffBIR 10, w 0.5 - restorer alone",
        "DiffBIR 10, w 0.5 - SR3, of the input halved",
        "DiffBIR 10, w 0.5 - DiffBIR 10, unguided",
        "DiffBIR 10, w 1 - DiffBIR 10, unguided",
    ]
    assert latent.notes({"restorer alone": {}, "DiffBIR 10": {}}) == []


def test_the_curve_falls_and_is_drawn(names: dict[str, str], faces: Faces, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an autoencoder that is none: what tiny ones get wrong would outweigh the guidance."""
    monkeypatch.setattr(Parts, "codec", property(lambda parts: Means()))
    recipe = latent.recipe_of("restore", names, steps=3)
    points = fidelity.curve(recipe, with_first_stage(recipe, faces), [0.0, 0.25, 0.5, 0.75, 1.0])
    assert fidelity.falls(recipe, points) and not fidelity.falls(recipe, points[::-1])
    scores = [{column.title: float(i) for column in fidelity.COLUMNS} for i in range(5)]
    picture = fidelity.plot(points, scores)
    assert picture.width == 1040 and picture.height == 240 * 5 and len(picture.getcolors(2**20) or []) > 10
    assert "the promise is kept: yes" in fidelity.table_of(recipe, points, scores).text()


def test_missing_weights_are_one_line(faces: Faces, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(store, "shipped_folder", lambda: tmp_path)
    assert latent.missing(latent.WEIGHTS).startswith("no rows of DiffBIR: there are no weights named")
    assert latent.rows_of("restore", latent.WEIGHTS, faces) == {}
    with pytest.raises(SystemExit, match="no rows of DiffBIR"):
        fidelity.main(["--with", "diffbir"])
