"""Colour for the whole photograph and its faces; without the colorizer's weights its faces alone, as before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from restauro import api
from restauro.core.errors import RecipeError, WeightsError
from restauro.networks.colorizer import Colorizer
from restauro.photo.colour import LUMA
from restauro.restorers.colour import colorizer
from restauro.systems.pgdiff import photograph
from restauro.weights.passports import Passport
from restauro.weights.store import imported_folder, save

FEW = {"prior": "face-prior", "steps": 2}
NAME = "test-colorizer"


@pytest.fixture(scope="module", autouse=True)
def weights(restauro_home: Path) -> Iterator[None]:
    """Random, and loud."""
    torch.manual_seed(0)
    arguments = {"width": 8, "mult": [1, 2], "blocks": [1, 1], "bins": 5, "temperature": 0.05}
    network = Colorizer(**arguments)  # type: ignore[arg-type]
    torch.nn.init.normal_(network.out[-1].weight)  # type: ignore[arg-type]
    about = Passport(name=NAME, what="-", kind="colorizer", architecture="colorizer", arguments=arguments, size=48)
    save(network.state_dict(), about, imported_folder())
    yield
    for file in imported_folder().glob(f"{NAME}.*"):
        file.unlink()


@pytest.fixture(scope="module")
def grey() -> Image.Image:
    skimage = pytest.importorskip("skimage.data")
    levels = np.asarray(Image.fromarray(skimage.astronaut()).crop((100, 0, 356, 256)).convert("L"), np.float64)
    return Image.fromarray(np.rint(levels * 1.1 - 10).clip(0, 255).astype(np.uint8))


def test_the_whole_is_coloured_and_its_luma_is_the_photographs(grey: Image.Image) -> None:
    result = api.colorize(grey, colorizer=NAME, **FEW)
    found, before = np.asarray(result.image, np.float64), np.asarray(grey, np.float64)
    assert (np.abs(found @ LUMA.astype(float) - before) <= 1).all()
    assert np.ptp(found, -1)[:, :30].max() > 20, "far from the face, too"
    assert result.report.changed > 0.9 and result.recipe.colorizer == NAME
    assert any("the lightness is the photograph's own" in notice for notice in result.report.notices)
    untouched = ~result.touched
    assert np.array_equal(found[untouched][:, 0], before[untouched])


def test_faces_are_the_priors_and_the_rest_is_the_colorizers(grey: Image.Image) -> None:
    pixels = np.repeat(np.asarray(grey)[..., None] / np.float32(255), 3, -1)
    whole = colorizer(NAME, torch.device("cpu"))(pixels)
    result = api.colorize(pixels, colorizer=NAME, **FEW)
    (face,) = result.report.faces
    x, y, across, down = (round(value) for value in face.box)
    middle = np.s_[y + down // 3 : y + 2 * down // 3, x + across // 3 : x + 2 * across // 3]
    assert face.verdict == "restored"
    assert np.abs(result.pixels - whole)[-20:, :20].max() < 1e-4
    assert np.abs(result.pixels - whole)[middle].mean() > 0.02
    alone = api.colorize(pixels, colorizer="", **FEW)
    assert np.abs(result.pixels - alone.pixels)[middle].mean() < 0.02, "where the face's colours are laid, they cover the others"


def test_without_a_face_there_is_colour_all_the_same() -> None:
    pixels = np.tile(np.linspace(0.1, 0.9, 80, dtype=np.float32)[None, :, None], (60, 1, 3))
    result = api.colorize(pixels, colorizer=NAME)
    assert result.report.changed == 1 and not result.report.faces and np.ptp(result.pixels, -1).max() > 0.05
    assert not any("colours of its own" in notice for notice in result.report.notices)
    pixels[:30, :, 0] *= 0.2
    assert any("colours of its own" in notice for notice in api.colorize(pixels, colorizer=NAME).report.notices)


def test_without_the_weights_it_is_as_before(grey: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restauro.api.tasks.available", lambda: [])
    result = api.colorize(grey, **FEW)
    assert result.recipe.colorizer == "" and result.report.changed < 0.9
    assert any("outside the faces the picture keeps its tone" in notice for notice in result.report.notices)
    with pytest.raises(WeightsError, match="nosuch"):
        api.colorize(grey, colorizer="nosuch", **FEW)


def test_an_aligned_face_is_the_priors_alone(grey: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photograph, "colorizer", None)
    assert api.colorize(grey, aligned=True, colorizer=NAME, **FEW).recipe.colorizer == ""


def test_the_colorizers_palette_may_guide_the_face(grey: Image.Image) -> None:
    wants = ["lightness", "colour-statistics:weight=0.8,style=colorized,region=all"]
    guided, free = (api.colorize(grey, colorizer=NAME, want=want, **FEW) for want in (wants, ()))
    assert np.abs(guided.pixels - free.pixels).max() > 0.02
    with pytest.raises(RecipeError, match="--colorizer NAME"):
        api.colorize(grey, colorizer="", want=wants, **FEW)


def test_it_can_be_replayed(grey: Image.Image, tmp_path: Path) -> None:
    grey.save(tmp_path / "a.png")
    result = api.colorize(tmp_path / "a.png", colorizer=NAME, **FEW)
    result.save(tmp_path / "b.png")
    assert np.array_equal(api.replay(tmp_path / "b.png").pixels, result.pixels)
