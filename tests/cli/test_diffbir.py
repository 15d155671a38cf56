"""`restore --with diffbir` on the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restauro.core.recipe import Recipe
from restauro.weights import store
from tests.cli.conftest import Run
from tests.systems.diffbir.latent_weights import stock
from tests.systems.oldphotos.old_weights import photograph


@pytest.fixture
def face(tmp_path: Path) -> Path:
    place = tmp_path / "face.png"
    Image.fromarray((photograph(40, 40) * 255).astype(np.uint8)).save(place)
    return place


def options(names: dict[str, str]) -> list[str]:
    return [word for name, value in names.items() for word in (f"--{name}", value)]


def test_an_aligned_face_from_its_file_to_another(run: Run, face: Path, restauro_home: Path) -> None:
    words = [*options(stock()), "--aligned", "--steps", "2"]
    done = run("restore", face, "--with", "diffbir", *words, "--control-scale", "0.5", "--json")
    assert done.code == 0, done.err
    (one,) = done.json["done"]
    recipe = one["recipe"]
    assert recipe["system"] == "diffbir" and recipe["latent"]["control_scale"] == 0.5 and Path(one["output"]).is_file()
    assert run("restore", face, *words, "-o", face.with_name("pgdiff.png")).code == 2  # without it they are no options


def test_missing_weights_are_one_line(run: Run, face: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "shipped_folder", lambda: tmp_path)
    done = run("restore", face, "--with", "diffbir", "--aligned")
    assert done.code == 5 and done.err.count("\n") == 1 and "there are no weights named" in done.err
    done = run("restore", face, "--with", "diffbir", "--faithful", "--release", "v2", "--aligned")
    assert done.code == 5 and done.err.count("\n") == 1 and "sd21-prior" in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--with", "difbir"], "did you mean 'diffbir'?"),
        (["--cfg", "2"], "cfg belongs to diffbir: --with diffbir"),
        (["--with", "diffbir", "--cfg", "30"], "'30' is not a number from 1 to 20"),
        (["--with", "diffbir", "--prompt", "a face", "--pull", "1"], "pull is the releases' own"),
        (["--with", "diffbir", "--faithful", "--fidelity", "0.3"], "no fidelity"),
    ],
)
def test_refusals(run: Run, face: Path, words: list[str], said: str) -> None:
    done = run("restore", face, *words)
    assert done.code == 2 and said in done.err, done.err


def test_its_recipes_are_shown(run: Run) -> None:
    said = run("recipes", "list").out
    assert "restore-diffbir" in said and "restore-diffbir-v2.1" in said
    recipe = Recipe.from_json(run("recipes", "show", "restore-diffbir-v2", "--json").out)
    assert recipe.faithful and recipe.latent is not None and recipe.latent.cfg == 4
