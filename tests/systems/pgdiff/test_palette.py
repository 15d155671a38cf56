"""Any picture's palette becomes numbers, and the numbers travel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from restauro import api
from restauro.core.errors import InputError, RecipeError
from restauro.core.recipe import Recipe, Want, parse_want
from restauro.properties.colour_statistics import ColourStatistics
from restauro.systems.pgdiff import engine
from restauro.systems.pgdiff.palette import explicit, palette


def painted(path: Path, seed: int) -> np.ndarray:
    levels = np.random.default_rng(seed).integers(0, 256, (20, 30, 3), np.uint8)
    Image.fromarray(levels).save(path)
    return levels / 127.5 - 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures, and what lies about in folders."""
    for seed in (1, 2):
        painted(tmp_path / f"{seed}.png", seed)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / ".hidden.png").write_bytes((tmp_path / "1.png").read_bytes())
    (tmp_path / "more").mkdir()
    return tmp_path


def test_a_folders_palette_is_the_mean_of_its_pictures(folder: Path) -> None:
    """As published: n below, 1e-5 inside the root, and both averaged; what cannot be read is passed over."""
    one, two = (painted(folder / f"{seed}.png", seed).reshape(-1, 3) for seed in (1, 2))
    mean, std = palette(folder)
    np.testing.assert_allclose(mean, (one.mean(0) + two.mean(0)) / 2, atol=1e-6)
    np.testing.assert_allclose(std, (np.sqrt(one.var(0) + 1e-5) + np.sqrt(two.var(0) + 1e-5)) / 2, atol=1e-6)


def test_it_is_written_into_the_recipe_and_needs_no_file_after_that(folder: Path) -> None:
    recipe = api.make_recipe("colorize", want=["lightness", f"colour-statistics:palette={folder},weight=0.5"])
    for file in folder.glob("*.png"):
        file.unlink()
    again = Recipe.from_json(recipe.to_json())
    assert again == recipe and str(folder) not in recipe.to_json()
    prop = engine.property_of(again.wants[1])
    assert isinstance(prop, ColourStatistics) and len(prop.mean) == len(prop.std) == 3 and again.wants[1].weight == 0.5


def test_other_wishes_stay_as_they_are() -> None:
    for text in ("lightness", "colour-statistics:style=reference"):
        assert explicit(parse_want(text)) == parse_want(text)


def test_what_cannot_be_a_palette_is_said_in_one_line(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"more: holds no readable picture"):
        palette(folder / "more")
    with pytest.raises(InputError, match=r"notes\.txt"):
        palette(folder / "notes.txt")
    with pytest.raises(InputError, match=r"nowhere\.png"):
        palette(tmp_path / "nowhere.png")
    with pytest.raises(InputError, match="no picture with a face"):
        palette(folder, faces=True)
    with pytest.raises(RecipeError, match="two palettes"):
        explicit(Want(property="colour-statistics", knobs={"palette": str(folder), "style": "reference"}))


def test_of_people_the_skin_is_measured(tmp_path: Path) -> None:
    skimage = pytest.importorskip("skimage.data")
    path = tmp_path / "portrait.png"
    Image.fromarray(skimage.astronaut()).crop((100, 0, 356, 256)).save(path)
    (red, green, blue), _ = palette(path, faces=True)
    assert red > green > blue > -0.4 and red > palette(path)[0][0], "skin is warmer than the picture"
    made = explicit(parse_want(f"colour-statistics:palette={path},region=skin,spread=false"))
    prop = engine.property_of(made)
    assert isinstance(prop, ColourStatistics) and prop.region == "skin" and not prop.spread
    torch.testing.assert_close(torch.tensor(prop.mean), torch.stack([red, green, blue]), atol=1e-5, rtol=0)
