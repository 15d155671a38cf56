"""pix2pix's pictures as its implementation makes them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from restauro.core.errors import InputError
from restauro.systems.pix2pix.published import prepared, size, split, to_levels


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_an_odd_width_gives_b_one_column_more() -> None:
    a, b = split(picture(4, 9))
    assert a.shape == (4, 4, 3) and b.shape == (4, 5, 3)


def test_sizes() -> None:
    assert size(600, 400, "resize_and_crop") == (286, 286)
    assert size(600, 400, "scale_width") == (286, 256)
    assert size(286, 300, "scale_width_and_crop") == (286, 300)
    assert size(600, 400, "crop") == (600, 400)
    assert size(6, 10, "none") == (8, 8)  # 1.5 and 2.5 go to 2
    with pytest.raises(InputError, match="too small"):
        size(2, 400, "none")


def test_cut_and_mirrored_pixels_are_the_pictures_own() -> None:
    levels = picture(20, 30)
    cut = prepared(levels, "crop", crop=16, corner=(5, 2), flip=True)
    assert np.array_equal(to_levels(cut + 1e-4), levels[2:18, 5:21][:, ::-1])
    assert prepared(levels, "crop", crop=16, grey=True).shape == (1, 1, 16, 16)
    with pytest.raises(InputError, match="does not lie in 30 x 20"):
        prepared(levels, "crop", crop=16, corner=(15, 0))


def test_levels_are_truncated_and_only_the_first_is_taken() -> None:
    x = torch.tensor([0.0, 1.0, -1.0]).reshape(3, 1, 1, 1)
    assert to_levels(x).tolist() == [[[127, 127, 127]]]
