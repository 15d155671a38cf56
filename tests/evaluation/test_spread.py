"""Where variants differ."""

from __future__ import annotations

import numpy as np
import pytest

from restauro.evaluation.spread import Spread


@pytest.fixture
def pictures() -> np.ndarray:
    """(5, H, W, 3): noise of 10 of 255 in the left half, nothing elsewhere."""
    found = np.full((5, 40, 60, 3), 0.5, np.float32)
    found[:, :, :30] += np.random.default_rng(0).normal(0, 10 / 255, (5, 40, 30, 3)).astype(np.float32)
    return found


def spread_over(pictures: np.ndarray) -> Spread:
    spread = Spread(np.full(pictures.shape[1:], 0.5, np.float32), [(0, 0, 30, 20), (30, 20, 60, 40)], ["face 1", "face 2"])
    for one in pictures:
        spread.add(one)
    return spread


def test_it_is_the_standard_deviation(pictures: np.ndarray) -> None:
    spread = spread_over(pictures)
    wanted = np.sqrt(pictures.var(0, ddof=1).mean(-1)) * 255
    np.testing.assert_allclose(spread.deviation, wanted, atol=1e-3)
    assert spread.count == 5 and spread.deviation[:, 30:].max() == 0
    assert spread.mean == pytest.approx(wanted[:, :30].mean(), rel=1e-4), "over what was changed"


def test_the_order_does_not_matter(pictures: np.ndarray) -> None:
    np.testing.assert_allclose(spread_over(pictures).deviation, spread_over(pictures[::-1]).deviation, atol=1e-3)


def test_nothing_changed_is_no_spread(pictures: np.ndarray) -> None:
    spread = spread_over(np.full_like(pictures, 0.5))
    assert spread.mean == 0 and (np.asarray(spread.map())[:40] == 128).all(axis=-1).sum() == 40 * 60


def test_the_map_is_coloured_where_they_differ(pictures: np.ndarray) -> None:
    page = np.asarray(spread_over(pictures).map()).astype(int)[:40]
    left = (page.shape[1] - 60) // 2
    chroma = np.ptp(page[:, left : left + 60], -1)
    assert chroma[:, :24].min() > 40 and chroma[:, 40:].max() == 0


def test_the_sheet_has_a_row_a_face(pictures: np.ndarray) -> None:
    sheet = spread_over(pictures).sheet([str(i) for i in range(5)])
    assert sheet.width > 7 * 240 and 2 * 240 < sheet.height < 3 * 240
