from __future__ import annotations

import numpy as np
import pytest

from restauro.photo.faces.align import crop, template
from restauro.photo.faces.paste import Patch, paste

HEIGHT, WIDTH = 300, 340


def _points(scale: float, degrees: float = 17, centre: tuple[float, float] = (170.3, 150.6)) -> np.ndarray:
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return (template("restauro128") - 63.5) @ (np.array([[cos, sin], [-sin, cos]]) * scale) + centre


def _ramp() -> np.ndarray:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.dstack((0.3 + 0.4 * x / WIDTH, 0.2 + 0.5 * y / HEIGHT, 0.6 - 0.3 * x / WIDTH)).astype(np.float32)


def _flat() -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), 0.5, np.float32)


def _step(change: np.ndarray) -> float:
    """The largest difference between neighbours, in levels of 8 bits."""
    return 255 * max(float(np.abs(np.diff(change, axis=axis)).max()) for axis in (0, 1))


@pytest.mark.parametrize("scale", [0.3, 0.8, 1.0, 1.9])
@pytest.mark.parametrize("picture", [_flat(), _ramp()], ids=["flat", "ramp"])
def test_a_tone_shift_leaves_no_step(picture: np.ndarray, scale: float) -> None:
    face, matrix = crop(picture, _points(scale))
    slope = np.linspace(-0.05, 0.05, 128, dtype=np.float32)[:, None, None]
    for restored in (face + 0.08, face * 1.1 + 0.02, face + slope, face * np.array([1.1, 1, 0.9], np.float32)):
        done, touched = paste(picture, [Patch(restored, face, matrix)])
        assert _step(done - picture) < 1
        assert np.array_equal(done[~touched], picture[~touched])


def test_without_matching_a_tone_still_fades_out() -> None:
    face, matrix = crop(_flat(), _points(1.9))
    done, _ = paste(_flat(), [Patch(face + 0.08, face, matrix)], match_tone=0)
    assert done[150, 170, 0] == pytest.approx(0.58, abs=1e-3) and _step(done - _flat()) < 1


def test_nothing_restored_changes_nothing() -> None:
    picture = np.random.default_rng(0).random((HEIGHT, WIDTH, 3)).astype(np.float32)
    face, matrix = crop(picture, _points(0.9))
    for patch in (
        Patch(face, face, matrix),
        Patch(1 - face, face, matrix, 0.0),
        Patch(1 - face, face, matrix + np.array([[0, 0, 1e4], [0, 0, 0]])),
    ):
        done, touched = paste(picture, [patch])
        assert np.array_equal(done, picture) and not touched.any()


@pytest.mark.parametrize("scale", [0.4, 1.0, 1.8])
def test_the_middle_is_the_restored_face_at_the_right_place(scale: float) -> None:
    truth = np.clip(_ramp() + 0.15 * np.sin(np.mgrid[:HEIGHT, :WIDTH][1] / (9 * scale))[..., None], 0, 1).astype(np.float32)
    damaged = _ramp()
    good, matrix = crop(truth, _points(scale))
    bad, _ = crop(damaged, _points(scale))
    done, _ = paste(damaged, [Patch(good, bad, matrix)], match_tone=0)
    reach = int(30 * scale)
    middle = (slice(150 - reach, 150 + reach), slice(170 - reach, 170 + reach))
    assert np.abs(done - truth)[middle].max() < 0.02


def test_strength_is_continuous() -> None:
    face, matrix = crop(_ramp(), _points(1))
    new = np.clip(face + np.random.default_rng(0).normal(0, 0.1, face.shape), 0, 1).astype(np.float32)
    changes = [np.abs(paste(_ramp(), [Patch(new, face, matrix, s)])[0] - _ramp()).mean() for s in (0, 0.25, 0.5, 0.75, 1)]
    assert np.diff(changes) == pytest.approx([changes[4] / 4] * 4, rel=1e-3)


def test_detail_finer_than_the_crop_stays_or_goes() -> None:
    grain = np.random.default_rng(0).normal(0, 0.05, (HEIGHT, WIDTH, 3)).astype(np.float32)
    picture = np.clip(_flat() + grain, 0, 1)
    face, matrix = crop(picture, _points(2.2))
    smooth = np.full_like(face, 0.5)
    middle = (slice(110, 190), slice(130, 210))
    kept = paste(picture, [Patch(smooth, face, matrix)])[0][middle].std()
    gone = paste(picture, [Patch(smooth, face, matrix)], keep_detail=0)[0][middle].std()
    assert kept > 0.8 * picture[middle].std() and gone < 0.01
    by_map = paste(picture, [Patch(smooth, face, matrix)], keep_detail=np.zeros((HEIGHT, WIDTH), np.float32))[0][middle].std()
    assert by_map == pytest.approx(gone)


def test_overlapping_faces_are_blended() -> None:
    patches = []
    for x in (140, 200):
        face, matrix = crop(_flat(), _points(0.8, 0, (x, 150)))
        patches.append(Patch(face + 0.1, face, matrix))
    both, touched = paste(_flat(), patches, match_tone=0)
    assert both.max() < 0.6001 and _step(both - _flat()) < 3
    swapped, _ = paste(_flat(), patches[::-1], match_tone=0)
    assert np.abs(both - swapped).max() < 1e-6
    assert np.array_equal(both[~touched], _flat()[~touched])


def test_a_face_across_the_border() -> None:
    for centre in ((0, 0), (WIDTH, 150), (170, -30)):
        face, matrix = crop(_ramp(), _points(0.9, 30, centre))
        done, _ = paste(_ramp(), [Patch(face + 0.05, face, matrix)])
        assert done.shape == (HEIGHT, WIDTH, 3) and _step(done - _ramp()) < 1
