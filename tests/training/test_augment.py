"""Augmentation whose parameters are told: where they are 0, nothing but a mirror changed the picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from restauro.training.augment import PARAMETERS, SPREAD, augment, colour, mirror
from tests.laws.pictures import waves

CLEAN = waves(0, 200, 16).float()


def test_zeros_mean_unchanged_up_to_a_flip() -> None:
    found, parameters = augment(CLEAN, np.random.default_rng(0))
    still = parameters.abs().sum(1) == 0
    kept = (found == CLEAN).flatten(1).all(1)
    mirrored = (found == CLEAN.flip(3)).flatten(1).all(1)
    assert (kept | mirrored)[still].all() and not (kept | mirrored)[~still].any()
    assert 0.3 < still.float().mean() < 0.6  # 0.85^5
    assert 0.3 < mirrored[still].float().mean() < 0.7


def test_probability_0_never_warps_and_1_always() -> None:
    found, parameters = augment(CLEAN, np.random.default_rng(0), probability=0)
    assert not parameters.any()
    assert ((found == CLEAN) | (found == CLEAN.flip(3))).flatten(1).all(1).all()
    _, parameters = augment(CLEAN, np.random.default_rng(0), probability=1)
    assert parameters.all() and parameters.shape == (200, PARAMETERS)
    torch.testing.assert_close(parameters.std(0), torch.tensor(SPREAD), rtol=0.2, atol=0)


def test_it_stays_in_range_and_is_reproducible() -> None:
    first, second = (augment(CLEAN, np.random.default_rng(3), probability=1) for _ in range(2))
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])
    assert first[0].abs().max() <= 1 and first[0].isfinite().all() and first[0].shape == CLEAN.shape


def test_each_parameter_does_what_it_says() -> None:
    """Read back from the warped coordinates of a picture that is its own coordinates."""
    from restauro.training.augment import _matrix

    shift_x = _matrix(0.2, 0, 0, 0, 0)
    assert shift_x == pytest.approx(np.array([[1, 0, shift_x[0][2]], [0, 1, 0]])) and abs(shift_x[0][2]) == pytest.approx(0.2)
    bigger = np.array(_matrix(0, 0, 1, 0, 0))[:, :2]
    assert abs(np.linalg.det(bigger)) in (pytest.approx(4), pytest.approx(0.25))
    stretched = np.array(_matrix(0, 0, 0, 1, 0))[:, :2]
    assert abs(np.linalg.det(stretched)) == pytest.approx(1) and abs(stretched[0, 0] / stretched[1, 1]) != pytest.approx(1)
    turned = np.array(_matrix(0, 0, 0, 0, 0.3))[:, :2]
    assert turned @ turned.T == pytest.approx(np.eye(2)) and abs(turned[0, 1]) == pytest.approx(np.sin(0.3))


def test_a_share_is_mirrored() -> None:
    found = mirror(CLEAN, np.random.default_rng(0), 0.3)
    mirrored = (found == CLEAN.flip(3)).flatten(1).all(1)
    assert 0.2 < mirrored.float().mean() < 0.4 and (found == CLEAN)[~mirrored].all()
    assert torch.equal(mirror(CLEAN, np.random.default_rng(0), 1), CLEAN.flip(3))


def test_colour_changes_brightness_contrast_and_saturation_of_each_picture() -> None:
    grey = CLEAN[:, :1].expand(-1, 3, -1, -1) * 0.3
    found = colour(grey, np.random.default_rng(0), 0.2)
    torch.testing.assert_close(found[:, 0], found[:, 2])  # grey stays grey
    shift, gain = found.mean((1, 2, 3)) - grey.mean((1, 2, 3)), found.std((1, 2, 3)) / grey.std((1, 2, 3))
    for drawn in (shift, gain - 1):
        assert -0.21 < drawn.min() < -0.1 and 0.1 < drawn.max() < 0.21
    flat = torch.tensor([0.2, -0.1, 0.0])[None, :, None, None].expand(100, -1, 4, 4)
    spread = colour(flat, np.random.default_rng(0), 0.2).amax(1) - colour(flat, np.random.default_rng(0), 0.2).amin(1)
    assert spread.min() < 0.29 < 0.31 < spread.max()
    torch.testing.assert_close(colour(CLEAN, np.random.default_rng(0), 0), CLEAN, rtol=0, atol=1e-6)
