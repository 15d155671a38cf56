"""DiffBIR's sizes, padding and colour fix."""

from __future__ import annotations

import numpy as np
import torch

from restauro.systems.diffbir.colour_fix import Fix, colour_fixed
from restauro.systems.diffbir.sizes import at_least, centre, enlarged, padded
from tests.laws.pictures import waves


def test_small_pictures_are_enlarged_by_their_short_side() -> None:
    assert at_least(200, 300) == (512, 768) and at_least(300, 200) == (768, 512)
    assert at_least(600, 512) == (600, 512)
    assert enlarged(waves(1, 1, 20, 30), 40).shape == (1, 3, 40, 60)


def test_padding_does_not_darken_the_border() -> None:
    """Zeros do, as published: in [0, 1] they are black."""
    bright = torch.full((1, 3, 70, 100), 0.9)
    assert padded(bright, 64).shape == (1, 3, 128, 128) and padded(bright, 64).min() == bright.min()
    assert padded(bright, 64, zeros=True)[..., 70:, :].max() == 0
    assert padded(bright[..., :3, :3], 8).shape == (1, 3, 8, 8)  # too little to mirror
    assert padded(bright, 10) is bright


def test_both_fixes_take_over_a_tint_and_none_takes_none() -> None:
    like = np.random.default_rng(0).random((40, 50, 3)).astype(np.float32) * [0.5, 0.7, 0.9]
    pale = like * 0.6 + 0.3
    fixes: tuple[Fix, ...] = ("wavelet", "adain")
    for fix in fixes:
        found = colour_fixed(pale, like, fix)
        np.testing.assert_allclose(found.mean((0, 1)), like.mean((0, 1)), atol=0.01)
    assert colour_fixed(pale, like, "none") is pale


def test_the_middle_square_does_not_alias() -> None:
    stripes = np.tile(np.array([0, 255], np.uint8)[:, None], (150, 1, 3)).reshape(1, 300, 3).repeat(200, 0)
    found = centre(stripes, 50)
    assert found.shape == (50, 50, 3) and np.abs(found.astype(int) - 127).max() <= 1
