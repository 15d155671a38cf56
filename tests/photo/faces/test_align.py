from __future__ import annotations

import cv2
import numpy as np
import pytest

from restauro.photo.faces.align import crop, estimate, inverse, moved, resample, scale_of, template, warp


def _similarity(scale: float, degrees: float, x: float, y: float) -> np.ndarray:
    cos, sin = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    return np.array([[cos, -sin, x], [sin, cos, y]])


@pytest.mark.parametrize("method", ["least_squares", "lmeds"])
def test_a_similarity_is_recovered(method: str) -> None:
    for scale, degrees in ((0.1, 0), (0.7, 33), (3, -120), (1, 179)):
        true = _similarity(scale, degrees, 40, -7)
        points = moved(template("ffhq512"), inverse(true))
        found = estimate(points, template("ffhq512"), method)  # type: ignore[arg-type]
        assert np.abs(moved(points, found) - template("ffhq512")).max() < 1e-3
        assert scale_of(found) == pytest.approx(scale, rel=1e-4)


def test_lmeds_ignores_an_outlier_and_least_squares_does_not() -> None:
    true = _similarity(2, 20, 5, 9)
    points = moved(template("restauro128"), inverse(true))
    points[2] += (30, 40)
    assert np.abs(estimate(points, template("restauro128"), "lmeds") - true).max() < 1e-3
    assert np.abs(estimate(points, template("restauro128")) - true).max() > 0.1


def test_least_squares_is_the_best_similarity() -> None:
    rng = np.random.default_rng(0)
    points = moved(template("restauro128"), _similarity(1.7, 14, 60, 90)) + rng.normal(0, 3, (5, 2))
    best = estimate(points, template("restauro128"))

    def error(matrix: np.ndarray) -> float:
        return float(((moved(points, matrix) - template("restauro128")) ** 2).sum())

    for _ in range(50):
        turn = rng.normal(0, 1e-3, 2)
        other = best + np.array([[turn[0], -turn[1], rng.normal(0, 0.1)], [turn[1], turn[0], rng.normal(0, 0.1)]])
        assert error(best) <= error(other) + 1e-9


def test_points_that_coincide_do_not_divide_by_zero() -> None:
    assert np.isfinite(estimate(np.ones((5, 2)), template("restauro128"))).all()


def test_the_templates_of_both_sizes_describe_the_same_face() -> None:
    wide = (template("restauro128") * 4 - (256, 272)) / 1.3 + (256, 272)
    assert np.abs(wide - template("ffhq512")).max() < 1e-9
    assert np.abs(template("ffhq512", 64) * 8 - template("ffhq512")).max() < 1e-9


@pytest.mark.parametrize("scale", [0.07, 0.3, 1.0, 3.1])
def test_a_ramp_is_sampled_at_the_right_places(scale: float) -> None:
    y, x = np.mgrid[:900, :1100].astype(np.float32)
    ramp = np.stack((x / 1100, y / 900, (x + y) / 2000), -1)
    matrix = _similarity(scale, 25, 0, 0)
    matrix[:, 2] = np.array([31.5, 31.5]) - moved(np.array([520.3, 410.7]), matrix)
    v, u = np.mgrid[:64, :64]
    places = moved(np.stack((u, v), -1), inverse(matrix))
    want = np.stack((places[..., 0] / 1100, places[..., 1] / 900, places.sum(-1) / 2000), -1)
    inside = ((places > 15) & (places < (1084, 884))).all(-1)
    assert np.abs(resample(ramp, matrix, (64, 64)) - want)[inside].max() < 2e-4


def test_shrinking_averages() -> None:
    noise = np.random.default_rng(0).random((1024, 1024, 3)).astype(np.float32)
    small = resample(noise, _similarity(1 / 16, 0, -7.5 / 16, -7.5 / 16), (64, 64))
    assert np.abs(small - noise.reshape(64, 16, 64, 16, 3).mean((1, 3))).max() < 1e-3


def test_only_what_is_seen_matters_at_every_border() -> None:
    picture = cv2.GaussianBlur(np.random.default_rng(0).random((300, 400, 3)).astype(np.float32), (0, 0), 3)
    face = (template("restauro128") - 63.5) / 2.5
    for centre in ((5, 5), (395, 150), (200, 299), (200, 150), (-60, 100)):
        small, matrix = crop(picture, moved(face, _similarity(1, 10, *centre)))
        whole = warp(picture, matrix, (128, 128), interpolation="cubic")
        assert np.abs(small - np.clip(whole, 0, 1)).max() < 5e-3


def test_a_crop_from_a_very_wide_picture() -> None:
    wide = np.zeros((60, 40000, 3), np.float32)  # OpenCV's warp ends at 32767
    wide[:, 39000:] = 1
    face, _ = crop(wide, template("restauro128") / 3 + (39400, 5))
    assert face.min() > 0.99
