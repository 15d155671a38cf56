"""Pictures drawn, animated, and between two others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from restauro import api
from restauro.cli import main
from restauro.core.errors import InputError, RecipeError
from restauro.systems.ddpm.draw import between
from restauro.systems.ddpm.recipe import OURS, PUBLISHED, make_drawing
from tests.systems.ddpm.conftest import SIZE

CPU = torch.device("cpu")


def levels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture, np.int16)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("pair")
    for name, colour in (("a", (200, 60, 40)), ("b", (30, 80, 220))):
        Image.new("RGB", (SIZE, SIZE), colour).save(folder / f"{name}.png")
    return folder / "a.png", folder / "b.png"


def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = api.sample(3, steps=4, prior="tiny-eps", device="cpu")
    monkeypatch.setattr("restauro.api.drawing.BATCH", 2)
    parts = api.sample(3, steps=4, prior="tiny-eps", device="cpu")
    assert len(parts) == 3
    for one, other in zip(whole, parts, strict=True):
        assert np.abs(levels(one) - levels(other)).max() <= 1


def test_as_published_visits_every_step_with_the_priors_variance() -> None:
    seen: list[Image.Image] = []
    learned = api.sample(2, faithful=True, prior="tiny-learned", device="cpu", watch=seen.append)
    assert len(seen) == 50 and seen[0].size == (2 * SIZE + 2, SIZE)
    assert levels(learned[0]).std() > 0
    assert make_drawing(faithful=True, steps=10) == make_drawing(sampler="ancestral", respacing="10")
    assert make_drawing() == OURS and make_drawing(faithful=True) == PUBLISHED
    with pytest.raises(RecipeError, match="give one"):
        make_drawing(steps=3, respacing="trailing:3")


def test_frames_are_bounded_and_end_with_the_result() -> None:
    seen: list[Image.Image] = []
    drawn = api.sample(1, faithful=True, steps=100, prior="tiny-eps", device="cpu", watch=seen.append)
    assert 30 <= len(seen) <= 60
    assert np.abs(levels(seen[-1]) - levels(drawn[0])).max() <= 1


def test_sample_commands(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def run(*words: str) -> int:
        return main(["sample", "-n", "5", "--steps", "3", "--prior", "tiny-eps", "-q", *words])

    assert run("--grid", "-o", str(tmp_path / "grid.png"), "--animate", str(tmp_path / "out.gif")) == 0
    with Image.open(tmp_path / "grid.png") as sheet:
        assert sheet.size == (3 * SIZE + 4, 2 * SIZE + 2)
    with Image.open(tmp_path / "out.gif") as moving:
        assert moving.n_frames == 3
    assert run("-o", str(tmp_path / "b.png"), "--animate", str(tmp_path / "out.webp"), "--sampler", "ddim:eta=0.5") == 0
    with Image.open(tmp_path / "out.webp") as moving:
        assert moving.n_frames > 1  # equal ones are merged
    assert run("-o", str(tmp_path / "c.png"), "--animate", str(tmp_path / "out.mp4")) == 2
    assert run("-o", str(tmp_path / "c.png"), "--respacing", "trailing:4") == 2
    assert run("-o", f"{tmp_path}/", "--grid") == 2
    assert run("-o", str(tmp_path / "c.png"), "--animate", str(tmp_path / "out.gif")) == 4
    assert not (tmp_path / "c.png").exists()
    capfd.readouterr()


def test_between_two_pictures(pair: tuple[Path, Path]) -> None:
    (row,) = api.interpolate(*pair, count=3, depths=[0], aligned=True, prior="tiny-eps", device="cpu")
    first, _, middle, _, second = (levels(one) for one in row.pictures)
    np.testing.assert_allclose(middle, (first + second) / 2, atol=1)
    rows = api.interpolate(*pair, count=3, depths=[1, 1000], aligned=True, steps=3, prior="tiny-eps", device="cpu")
    near, far = rows
    assert [row.depth for row in rows] == [1, 1000]
    assert np.abs(levels(near.pictures[1]) - first).mean() < 8 < np.abs(levels(far.pictures[1]) - first).mean()


def test_the_noise_keeps_its_strength_in_the_middle() -> None:
    """At the full depth nothing is left of the pictures, and the middle is as likely a start as the ends."""
    black = torch.zeros(1, 3, SIZE, SIZE)
    settings = {"prior": "tiny-eps", "sampler": "ddim", "steps": 2}
    found = {
        kind: between(make_drawing(**settings), black, black, [0.0, 0.5, 1.0], 1000, spherical=kind) for kind in (True, False)
    }
    torch.testing.assert_close(found[True][::2], found[False][::2], rtol=0, atol=1e-3)
    assert found[True][1].std() > found[False][1].std()
    with pytest.raises(RecipeError, match="cannot be forgotten"):
        between(make_drawing(**settings), black, black, [0.5], 1001)


def test_interpolate_command(pair: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def run(*words: str | Path) -> int:
        return main(["interpolate", *map(str, words), "--prior", "tiny-learned", "--steps", "2"])

    assert run(*pair, "--aligned", "-n", "3", "-o", tmp_path / "sheet.png", "--coarse-to-fine", "--json") == 0
    assert json.loads(capfd.readouterr().out)["depths"] == [50, 44, 38, 31, 25, 19, 12, 6, 0]
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.height > 9 * 128
    assert run(*pair, "--aligned", "--depth", "5,20", "--linear", "-o", tmp_path / "two.png") == 0
    assert run(*pair, "--aligned", "-o", tmp_path / "two.png") == 4
    assert run(pair[0], "--aligned", "-o", tmp_path / "x.png") == 2
    assert run(*pair, "--aligned", "--depth", "5", "--coarse-to-fine", "-o", tmp_path / "x.png") == 2
    assert run(*pair, "-o", tmp_path / "x.png") == 2  # this prior knows no faces
    capfd.readouterr()


def test_a_photograph_without_a_face_is_named(pair: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match=r"a\.png: no face"):
        api.interpolate(*pair)
