"""Scores of labels: what is right, what is absent, what is unknown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restauro import api
from restauro.core.errors import InputError
from restauro.evaluation.labels import read_labels, read_palette, to_size
from restauro.evaluation.segmentation import confusion, intervals, nearest_class, scores


def labels(seed: int, classes: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, classes, (12, 16))


def test_a_hand_made_case() -> None:
    truth, found = np.array([[0, 0, 1, 255]]), np.array([[0, 1, 1, 7]])
    matrix = confusion(truth, found, 3)
    assert matrix.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    ours, published = scores(matrix), scores(matrix, published=True)
    assert ours[:3] == pytest.approx((2 / 3, (1 / 2 + 1) / 2, (1 / 2 + 1 / 2) / 2))
    assert published[:3] == pytest.approx((2 / 3, (1 / 2 + 1) / 3, (1 / 2 + 1 / 2) / 3))
    assert np.isnan(ours.accuracies[2]) and np.isnan(ours.ious[2])


def test_a_class_that_is_wrongly_found_counts_in_the_union() -> None:
    ours = scores(confusion(np.zeros((2, 2), int), np.array([[0, 0], [0, 1]]), 3))
    assert ours[:3] == pytest.approx((0.75, 0.75, 0.375))


def test_right_is_one_and_renaming_classes_changes_nothing() -> None:
    truth, found = labels(0), labels(1)
    assert scores(confusion(truth, truth, 4))[:3] == (1, 1, 1)
    order = np.array([2, 0, 3, 1])
    assert scores(confusion(order[truth], order[found], 4))[:3] == pytest.approx(scores(confusion(truth, found, 4))[:3])


def test_what_cannot_be_compared() -> None:
    with pytest.raises(InputError, match="cannot be compared"):
        confusion(labels(0), labels(1)[:5], 4)
    with pytest.raises(InputError, match="the label 5 was found"):
        confusion(labels(0), np.full((12, 16), 5), 4)
    with pytest.raises(InputError, match="no segmentations"):
        intervals([])


def test_intervals_hold_the_scores_of_the_sum() -> None:
    matrices = [confusion(labels(i), np.where(np.arange(16) < i, labels(i), labels(i + 50)), 4) for i in range(8)]
    found = intervals(matrices)
    for one, whole in zip(found, scores(np.sum(matrices, 0))[:3], strict=True):
        assert one.mean == pytest.approx(whole) and one.low < one.mean < one.high and one.n == 8
    alone = intervals(matrices[:1])[0]
    assert alone.low == alone.mean == alone.high


def test_colours_become_the_nearest_class() -> None:
    palette = np.array([[0, 0, 170], [0, 255, 255], [170, 0, 0]], np.uint8)
    truth = labels(0, 3)
    soft = (palette[truth].astype(int) + np.random.default_rng(1).integers(-40, 40, (12, 16, 3))).clip(0, 255).astype(np.uint8)
    assert np.array_equal(nearest_class(soft, palette), truth)


def test_files(tmp_path: Path) -> None:
    truth = labels(0)
    Image.fromarray(truth.astype(np.uint8)).save(tmp_path / "grey.png")
    Image.fromarray(truth.astype(np.uint16)).save(tmp_path / "deep.png")
    Image.fromarray(np.repeat(truth.astype(np.uint8)[..., None], 3, -1)).save(tmp_path / "rgb.png")
    indexed = Image.fromarray(truth.astype(np.uint8))
    indexed.putpalette([9, 8, 7] * 4)
    indexed.save(tmp_path / "indexed.png")
    np.save(tmp_path / "labels.npy", truth)
    np.save(tmp_path / "scores.npy", np.random.default_rng(2).random((4, 12, 16)) + 2 * (np.arange(4)[:, None, None] == truth))
    for name in ("grey.png", "deep.png", "rgb.png", "labels.npy", "scores.npy"):
        assert np.array_equal(read_labels(tmp_path / name), truth), name
    assert np.array_equal(read_labels(tmp_path / "indexed.png"), truth)
    Image.fromarray(np.random.default_rng(0).integers(0, 9, (4, 4, 3)).astype(np.uint8)).save(tmp_path / "colour.png")
    with pytest.raises(InputError, match="--palette"):
        read_labels(tmp_path / "colour.png")
    (tmp_path / "torn.png").write_bytes(b"no picture")
    np.save(tmp_path / "odd.npy", np.zeros((2, 3)))
    for name in ("torn.png", "odd.npy", "none.png"):
        with pytest.raises(InputError, match=name):
            read_labels(tmp_path / name)


def test_palette(tmp_path: Path) -> None:
    file = tmp_path / "palette.txt"
    file.write_text("# facades\n0 0 170 background\n0,0,255\n\n0 85 255 window\n")
    assert read_palette(file).tolist() == [[0, 0, 170], [0, 0, 255], [0, 85, 255]]
    file.write_text("0 0 170\n0 0 256\n")
    with pytest.raises(InputError, match="line 2"):
        read_palette(file)


def test_labels_of_another_size() -> None:
    small = np.array([[0, 1], [2, 3]])
    assert to_size(small, 4, 6).tolist() == [[0, 0, 0, 1, 1, 1]] * 2 + [[2, 2, 2, 3, 3, 3]] * 2
    assert np.array_equal(to_size(to_size(small, 4, 6), 2, 2), small)


def test_folders(tmp_path: Path) -> None:
    for folder, base in (("truth", 0), ("found", 40)):
        (tmp_path / folder).mkdir()
        for i in range(3):
            Image.fromarray(labels(base * (i > 0) + i).astype(np.uint8)).save(tmp_path / folder / f"{i}.png")
    (tmp_path / "found" / "2.png").unlink()
    done = api.segmentation(tmp_path / "truth", tmp_path / "found", 5)
    assert (done.pictures, [Path(one).name for one in done.missing]) == (2, ["2.png"])
    assert done.pixel_accuracy.mean > 0.5 and len(done.accuracies) == 5 and np.isnan(done.accuracies[4])
    published = api.segmentation(tmp_path / "truth", tmp_path / "found", 5, faithful=True)
    assert published.class_iou.mean == pytest.approx(done.class_iou.mean * 4 / 5)
    with pytest.raises(InputError, match="at least two"):
        api.segmentation(tmp_path / "truth", tmp_path / "found")
