from __future__ import annotations

import numpy as np
import pytest

from restauro.photo.resize import resize


@pytest.mark.parametrize("kernel", ["bicubic", "area", "bilinear", "lanczos", "nearest"])
def test_sizes_are_exact_and_flat_stays_flat(kernel: str) -> None:
    for shape in ((1, 1), (7, 5), (97, 131)):
        for size in ((1, 1), (3, 9), (200, 64)):
            done = resize(np.full((*shape, 3), 0.3, np.float32), *size, kernel)  # type: ignore[arg-type]
            assert done.shape == (*size, 3) and np.abs(done - 0.3).max() < 1e-6


def test_area_is_the_mean_of_blocks() -> None:
    picture = np.random.default_rng(0).random((40, 60)).astype(np.float32)
    assert np.abs(resize(picture, 10, 12, "area") - picture.reshape(10, 4, 12, 5).mean((1, 3))).max() < 1e-6


def test_nothing_aliases_when_shrinking() -> None:
    stripes = np.tile(np.array([0, 1], np.float32), (200, 100))
    assert np.abs(resize(stripes, 50, 50)[5:-5, 5:-5] - 0.5).max() < 0.01


def test_a_resized_ramp_is_a_ramp_and_overshoot_is_cut() -> None:
    ramp = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (8, 1))
    assert np.abs(np.diff(resize(ramp, 8, 128)[0, 8:-8], 2)).max() < 1e-5
    edge = np.zeros((16, 16), np.float32)
    edge[:, 8:] = 1
    assert resize(edge, 64, 64).min() >= 0 and resize(edge, 64, 64, clip=False).min() < -0.01
