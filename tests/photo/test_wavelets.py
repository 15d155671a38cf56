"""The colour fix: the low band is the one's, the rest the other's."""

from __future__ import annotations

import numpy as np

from restauro.photo.wavelets import low, recoloured

RNG = np.random.default_rng(0)


def test_a_tint_is_undone_and_the_detail_stays() -> None:
    like = np.broadcast_to(np.linspace(0.2, 0.7, 128)[:, None, None], (128, 128, 3))
    detail = 0.1 * np.sign(np.indices((128, 128)).sum(0) % 2 - 0.5)[..., None]
    found = recoloured(like + detail + [0.2, -0.1, 0.05], like)
    np.testing.assert_allclose(found[33:-33, 33:-33], (like + detail)[33:-33, 33:-33], atol=1e-3)


def test_the_low_band_of_the_result_is_that_of_the_other_where_bands_do_not_leak() -> None:
    pixels, like = RNG.random((64, 64, 3)), RNG.random((64, 64, 3))
    found = recoloured(pixels, like)
    assert np.abs(low(found) - low(like)).max() < 0.6 * np.abs(low(pixels) - low(like)).max()
    np.testing.assert_allclose(recoloured(like, like), like)
    np.testing.assert_allclose(found - pixels, low(like) - low(pixels))


def test_any_size_has_all_levels() -> None:
    for shape in ((1, 1, 3), (5, 7, 3), (3, 200, 1)):
        flat = np.full(shape, 0.3, np.float32)
        np.testing.assert_allclose(low(flat), flat, rtol=1e-6)
        assert low(flat).dtype == np.float32 and low(flat).shape == shape


def test_more_levels_leave_less() -> None:
    pixels = RNG.random((128, 128, 1))
    spread = [float(low(pixels, levels).std()) for levels in range(6)]
    assert spread == sorted(spread, reverse=True)
