from __future__ import annotations

import numpy as np
import pytest

from restauro.photo.tiles import Weights, bell, in_tiles, tiles, windows


@pytest.mark.parametrize("weights", ["ramp", "gaussian"])
@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("height, width", [(1, 1), (5, 500), (64, 64), (65, 130), (200, 3000)])
@pytest.mark.parametrize("size, overlap", [(64, 0), (64, 16), (64, 48), (100, 7)])
def test_weights_sum_to_one_and_tiles_fit(height: int, width: int, size: int, overlap: int, scale: int, weights: Weights) -> None:
    total = np.zeros((height * scale, width * scale))
    for tile in tiles(height, width, size, overlap, scale=scale, weights=weights):
        assert 0 < tile.bottom - tile.top <= size * scale and 0 < tile.right - tile.left <= size * scale
        assert tile.weight.min() >= 0
        total[tile.where] += tile.weight
    assert np.abs(total - 1).max() < 1e-6


def test_a_local_function_is_seamless() -> None:
    picture = np.random.default_rng(0).random((90, 151, 3)).astype(np.float32)
    assert np.abs(in_tiles(picture, lambda tile: 1 - tile, 64, 16) - (1 - picture)).max() < 1e-6
    doubled = in_tiles(picture, lambda tile: tile.repeat(2, 0).repeat(2, 1), 64, 16, scale=2)
    assert np.abs(doubled - picture.repeat(2, 0).repeat(2, 1)).max() < 1e-6


def test_neighbours_that_disagree_meet_without_a_step() -> None:
    tones = iter(np.linspace(0, 1, 1000))
    blended = in_tiles(np.zeros((64, 400, 1), np.float32), lambda tile: tile + next(tones) * 100, 64, 32)
    assert np.abs(np.diff(blended[..., 0], axis=1)).max() < 0.1 * 2 / 32 * np.pi


def test_an_overlap_as_large_as_the_tile_is_refused() -> None:
    with pytest.raises(ValueError, match="overlap"):
        list(tiles(10, 10, 8, 8))


def test_gaussian_weights_are_centred() -> None:
    """The release's lie half a row too low."""
    (tile,) = tiles(64, 64, 64, 16, weights="gaussian")
    assert (tile.weight == 1).all()
    first, second = tiles(96, 64, 64, 32, weights="gaussian")
    np.testing.assert_allclose(first.rows, second.rows[::-1], atol=1e-12)
    published, other = windows(96, 64, 64, 32)
    assert np.abs(published.rows - other.rows[::-1]).max() > 0.01
    np.testing.assert_allclose(bell(8), bell(8)[::-1])


def test_each_axis_is_tiled_by_itself() -> None:
    """The release tiles neither where one side is shorter than a tile."""
    found = list(tiles(40, 1000, 64, 32, weights="gaussian"))
    assert len(found) > 20 and all(tile.bottom - tile.top == 40 and tile.right - tile.left == 64 for tile in found)
    with pytest.raises(ValueError, match="window of 64 does not fit into 40 x 1000"):
        list(windows(40, 1000, 64, 32))
