"""Colour is invented; the luma is the photograph's own, whatever the chroma, at every size."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from restauro.networks.colorizer import Colorizer
from restauro.photo.colour import LUMA
from restauro.photo.resize import resize
from restauro.restorers import colour
from restauro.restorers.colour import FROM_CHROMA, TO_CHROMA, colorized, painted


def loud(seed: int = 0) -> Colorizer:
    """Random weights whose answers are colourful."""
    torch.manual_seed(seed)
    network = Colorizer(16, (1, 1.5), (1, 1), known=16, temperature=0.02).eval()
    torch.nn.init.normal_(network.out[-1].weight, 0, 0.5)  # type: ignore[arg-type]
    return network


def scene(height: int, width: int) -> np.ndarray:
    """Soft shapes, hard edges, black and white: (H, W) luma in [0, 1]."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    return np.clip(0.5 + 0.4 * np.sin(9 * x + 4 * y) + 0.3 * (np.sin(13 * x * y + 2) > 0) - 0.1, 0, 1).astype(np.float32)


def test_chroma_is_what_is_left_of_a_colour_beside_its_luma() -> None:
    assert np.abs(FROM_CHROMA @ LUMA).max() < 1e-6
    assert np.allclose(FROM_CHROMA @ TO_CHROMA.T, np.eye(2), atol=1e-6)
    blue = np.array([0, 0, 1], np.float32)
    assert np.allclose(TO_CHROMA @ blue, [1, -LUMA[2] / 0.701], atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (7, 5), (130, 97), (400, 250)])
def test_the_luma_in_eight_bits_is_the_photographs(size: tuple[int, int]) -> None:
    levels = np.rint(scene(*size) * 255)
    pixels = np.repeat(levels[..., None] / np.float32(255), 3, -1).astype(np.float32)
    found = colorized(pixels, loud(), 48)
    assert found.shape == pixels.shape and found.dtype == np.float32 and 0 <= found.min() <= found.max() <= 1
    away = np.abs(np.rint(found * 255) @ LUMA - levels)
    assert away.max() <= 1
    assert size == (1, 1) or np.ptp(found, -1).max() > 0.2, "there is colour"


def test_a_toned_photograph_keeps_its_luma_and_loses_its_tone() -> None:
    light = scene(60, 80)[..., None]
    sepia = (light * np.array([1, 0.85, 0.6], np.float32)).astype(np.float32)
    grey = np.repeat(sepia @ LUMA[:, None], 3, -1)
    assert np.abs(colorized(sepia, loud(), 48) - colorized(grey, loud(), 48)).max() < 1e-4


def test_colours_end_where_edges_are() -> None:
    """Two areas, one red and one blue, of a luma of their own: the border lies inside of a place of the small chroma."""
    light = np.full((64, 64), 0.3, np.float32)
    light[:, 37:] = 0.6
    chroma = np.zeros((8, 8, 2), np.float32)
    chroma[:, :5, 1] = chroma[:, 5:, 0] = 0.2
    found = painted(light, chroma) @ TO_CHROMA.T
    plain = resize(chroma, 64, 64)
    wanted = np.where(np.arange(64)[:, None] < 37, [0, 0.2], [0.2, 0])
    near = slice(33, 41)
    ours, blurred = (np.abs(one[:, near] - wanted[near]).mean() for one in (found, plain))
    assert ours < 0.6 * blurred


def test_strips_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    light, chroma = scene(90, 70), np.random.default_rng(0).uniform(-0.3, 0.3, (6, 5, 2)).astype(np.float32)
    whole = painted(light, chroma)
    monkeypatch.setattr(colour, "STRIP", 70 * 7)
    assert np.abs(painted(light, chroma) - whole).max() < 1e-5


def test_what_cannot_be_had_loses_chroma_not_light() -> None:
    light = np.linspace(0, 1, 64, dtype=np.float32)[None].repeat(4, 0)
    found = painted(light, np.full((1, 4, 2), 0.8, np.float32))
    assert np.abs(found @ LUMA - light).max() < 1e-5
    assert np.ptp(found[:, [0, -1]], -1).max() < 1e-5 and np.ptp(found[:, 32], -1).min() > 0.2
