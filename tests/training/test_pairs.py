"""Pairs: both sides are read, cut and mirrored alike; what is no pair is named and left out."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from restauro.core.errors import InputError, RecipeError
from restauro.degradations.chains import degrade
from restauro.training.augment import colour, mirror
from restauro.training.data import Pictures
from restauro.training.pairs import PairedPictures, damaged, halves, load_pairs, split
from tests.shared import SHARED, needs_shared


def ramp(height: int, width: int, *, offset: int = 0) -> np.ndarray:
    """Red runs to the right, green downwards; blue is `offset`."""
    y, x = np.mgrid[:height, :width]
    return np.stack((4 * x, 4 * y, 0 * x + offset), -1).astype(np.uint8)


def saved(levels: np.ndarray, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(levels).save(path)
    return path


def both(folder: Path, side: int = 16, count: int = 3) -> Path:
    for i in range(count):
        saved(np.concatenate((ramp(side, side, offset=i), ramp(side, side, offset=200 + i)), 1), folder / f"{i}.png")
    return folder


def blue(pictures: Pictures) -> list[list[int]]:
    return [one[[2, 5]].float().mean((1, 2)).round().int().tolist() for one in pictures.pixels]


def test_side_by_side_and_direction(tmp_path: Path) -> None:
    data = load_pairs(both(tmp_path), 16)
    assert data.pixels.shape == (3, 6, 16, 16) and blue(data) == [[0, 200], [1, 201], [2, 202]] and data.size == 16
    assert blue(load_pairs(tmp_path, 16, direction="BtoA")) == [[200, 0], [201, 1], [202, 2]]


def test_folders_by_name_whatever_the_ending(tmp_path: Path) -> None:
    for key in ("x", "train/y"):
        saved(ramp(16, 16, offset=5), tmp_path / "A" / f"{key}.png")
        saved(ramp(16, 16, offset=90), tmp_path / "B" / f"{key}.bmp")
    saved(ramp(16, 16), tmp_path / "A" / "alone.png")
    data = load_pairs(tmp_path, 16)
    assert blue(data) == [[5, 90], [5, 90]]
    assert [one.rpartition("A/")[2] for one in data.broken] == ["alone.png (has no partner)"]
    saved(ramp(16, 16), tmp_path / "A" / "x.tif")
    with pytest.raises(InputError, match=r"x\.png and x\.tif have one name"):
        load_pairs(tmp_path, 16)


def test_the_same_square_and_the_same_mirror_image_for_both_sides(tmp_path: Path) -> None:
    """Both sides show the same ramp: wherever the square was cut, and mirrored or not, they must stay equal."""
    data = load_pairs(both(tmp_path, side=24), 16, stored=24)
    rng = np.random.default_rng(0)
    cut = data.batch(np.zeros(32, int), rng)
    shown, asked = halves(mirror(cut, rng, 0.5))
    assert torch.equal(shown[:, :2], asked[:, :2])
    assert len({tuple(one[:2, 0, 0].tolist()) for one in shown}) > 20
    assert torch.equal(data.batch(np.zeros(1, int)), data.batch(np.zeros(2, int))[1:])  # without a generator: the middle


def test_colours_of_pairs_stay() -> None:
    with pytest.raises(RecipeError, match="pairs belong together"):
        colour(torch.zeros(2, 6, 8, 8), np.random.default_rng(0), 0.1)


def test_an_odd_width_belongs_to_none_of_both() -> None:
    a, b = split(ramp(10, 21), sure=True)
    assert a.shape == b.shape == (10, 10, 3) and b[0, 0, 0] == 4 * 11


def test_a_single_picture_is_not_cut_in_two(tmp_path: Path) -> None:
    both(tmp_path, count=2)
    saved(ramp(20, 30), tmp_path / "single.png")
    (tmp_path / "broken.png").write_bytes(b"nothing")
    data = load_pairs(tmp_path, 16)
    assert len(data) == 2 and len(data.broken) == 2
    assert "single.png (30 x 20 is not two squares side by side; if it is a pair, say layout=side-by-side)" in data.broken[1]
    assert len(load_pairs(tmp_path, 16, layout="side-by-side")) == 3
    for one in tmp_path.glob("[01].png"):
        one.unlink()
    with pytest.raises(InputError, match="no pairs"):
        load_pairs(tmp_path, 16)


def test_sides_of_different_shapes_are_no_pair(tmp_path: Path) -> None:
    for name, size in {"same": (8, 8), "larger": (16, 16), "other": (16, 12)}.items():
        saved(ramp(16, 16), tmp_path / "A" / f"{name}.png")
        saved(ramp(*size), tmp_path / "B" / f"{name}.png")
    data = load_pairs(tmp_path, 16)
    assert len(data) == 2 and data.broken == ["other (16 x 16 and 12 x 16 have different shapes)"]


def test_labels_keep_their_colours(tmp_path: Path) -> None:
    board = np.zeros((33, 33, 3), np.uint8)
    board[:17, :20] = (255, 0, 90)
    saved(ramp(33, 33), tmp_path / "A" / "x.png")
    saved(board, tmp_path / "B" / "x.png")
    for preprocess in ("square", "resize_and_crop", "scale_width_and_crop"):
        plain, kept = (load_pairs(tmp_path, 20, preprocess=preprocess, labels=one) for one in ("none", "B"))
        assert set(kept.pixels[0][5].unique().tolist()) == {0, 90} != set(plain.pixels[0][5].unique().tolist())
        assert torch.equal(kept.pixels[0][:3], plain.pixels[0][:3])


def test_sixteen_bits_and_transparency(tmp_path: Path) -> None:
    deep = np.full((16, 16), 128 * 257, np.uint16)
    saved(deep, tmp_path / "A" / "x.png")
    clear = np.zeros((16, 16, 4), np.uint8)
    clear[:, 8:, 3] = 255
    saved(clear, tmp_path / "B" / "x.png")
    pixels = load_pairs(tmp_path, 16).pixels[0]
    assert (pixels[:3] == 128).all()
    assert (pixels[3:, :, :8] == 255).all() and (pixels[3:, :, 8:] == 0).all()


def test_published_ways_to_a_size(tmp_path: Path) -> None:
    saved(np.concatenate((ramp(20, 40), ramp(20, 40)), 1), tmp_path / "wide.png")

    def found(preprocess: str, size: int = 16, stored: int = 0) -> Pictures:
        return load_pairs(tmp_path, size, stored=stored, layout="side-by-side", preprocess=preprocess)  # type: ignore[arg-type]

    assert found("resize_and_crop", 16, 20).pixels[0].shape == (6, 20, 20)
    assert found("crop").pixels[0].shape == (6, 20, 40)
    assert found("crop", 30).pixels[0].shape == (6, 30, 60)
    assert found("scale_width_and_crop", 16, 32).pixels[0].shape == (6, 16, 32)
    assert found("scale_width_and_crop", 16, 60).pixels[0].shape == (6, 30, 60)
    whole = found("crop").batch(np.zeros(64, int), np.random.default_rng(0))
    assert whole.shape == (64, 6, 16, 16) and torch.equal(whole[:, :3], whole[:, 3:])
    levels = ((whole + 1) * 127.5).round()
    assert levels[:, 0].max() == 4 * 39 and levels[:, 0].min() == 0  # squares from everywhere, in the picture's own pixels


def test_squares_of_uneven_pictures_are_split_as_whole_pictures(tmp_path: Path) -> None:
    data = load_pairs(both(tmp_path, side=24, count=12), 16, preprocess="crop")
    train, held = data.split(0.3)
    assert len(train) + len(held) == 12 and held.size == 16 and held.batch(np.zeros(1, int)).shape == (1, 6, 16, 16)


def test_single_pictures_and_a_degradation(tmp_path: Path) -> None:
    for i in range(2):
        saved(ramp(20, 30, offset=40 * i), tmp_path / f"{i}.png")
    objective = PairedPictures(degradation="grey+noise:low=5,high=5")
    pictures = objective.read(tmp_path, 16).batch(np.arange(2))
    shown, asked = objective.pair(pictures, np.random.default_rng(3))
    rng = np.random.default_rng(3)
    assert torch.equal(asked, pictures)
    assert torch.equal(shown, torch.cat([degrade(one[None], "grey+noise:low=5,high=5", rng).picture for one in pictures]))
    assert torch.equal(shown, damaged(pictures, "grey+noise:low=5,high=5", np.random.default_rng(3))[0])


def test_knobs_of_pairs_say_nothing_of_single_pictures() -> None:
    with pytest.raises(RecipeError, match="single pictures"):
        PairedPictures(degradation="grey", direction="BtoA")
    with pytest.raises(RecipeError, match="unknown chain"):
        PairedPictures(degradation="gray")


def test_an_objective_reads_what_its_knobs_say(tmp_path: Path) -> None:
    data = PairedPictures(direction="BtoA").read(both(tmp_path), 16)
    shown, _ = PairedPictures(direction="BtoA").pair(data.batch(np.arange(1)), np.random.default_rng(0))
    assert shown[0, 2].mean() > 0.5


@needs_shared
def test_facades() -> None:
    data = load_pairs(SHARED / "data" / "maps" / "facades-test.tar", 64, direction="BtoA", labels="B")
    assert len(data) == 20 and data.broken == []


def test_a_jpeg_and_its_bytes_are_read_as_photographs_are(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.fromarray(np.concatenate((ramp(16, 16), ramp(16, 16)), 1)).convert("L").save(file, "JPEG")
    (tmp_path / "x.jpg").write_bytes(file.getvalue())
    pixels = load_pairs(tmp_path, 16).pixels[0]
    assert torch.equal(pixels[0], pixels[2])
