"""Finding scratches: one-pixel lines wherever they lie, in any size; another sensitivity without a second look."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from restauro.core.errors import WeightsError
from restauro.networks.scratch_detector import ScratchDetector
from restauro.systems.oldphotos import published, scratches
from restauro.systems.oldphotos.scratches import as_mask, find_scratches
from tests.systems.oldphotos.old_weights import Thin, photograph, stock

CPU = torch.device("cpu")


@pytest.fixture
def thin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratches, "load", lambda name, device: Thin())


@pytest.mark.parametrize("turned", [False, True])
def test_defect_3_lines_of_one_pixel_are_seen_wherever_they_lie(thin: None, turned: bool) -> None:
    pixels = np.full((640, 800, 3), 0.2, np.float32)
    rows = [101, 202, 303, 404, 511, 513]  # all phases, and at the edges of tiles
    for row in rows:
        pixels[row] = 0.9
    drawn = pixels[:, :, 0] > 0.5
    if turned:
        pixels, drawn = np.ascontiguousarray(pixels.swapaxes(0, 1)), drawn.T
    found = as_mask(find_scratches(pixels, "x", CPU), grow=0) > 0
    near = cv2.dilate(drawn.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert found[drawn].all() and not found[~near].any()
    theirs = published.detect((pixels * 255).astype(np.uint8), Thin())
    assert theirs.mask[drawn].mean() < 0.5  # shrunk to 256 without care for aliases


def test_another_sensitivity_needs_no_second_look(thin: None) -> None:
    pixels = np.full((64, 64, 3), 0.4, np.float32)
    pixels[20], pixels[40] = 0.9, 0.64  # strong, weak
    found = find_scratches(pixels, "x", CPU)
    few, usual, many = (as_mask(found, sensitivity, 0).mean() for sensitivity in (0.2, 0.6, 0.99))
    assert few < many and as_mask(found, 0.0).max() == 0
    assert few <= usual <= many
    assert as_mask(found, 0.6, 3).mean() > 2 * as_mask(found, 0.6, 0).mean()


def test_any_size_and_smaller_copies_of_a_large_one(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    seen: list[tuple[int, ...]] = []

    class Watched(ScratchDetector):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(tuple(x.shape[2:]))
            return super().forward(x)

    network = Watched(width=8, depth=2).eval()
    monkeypatch.setattr(scratches, "load", lambda name, device: network)
    for height, width in ((1, 1), (3, 50), (33, 18)):
        assert find_scratches(photograph(height, width), "x", CPU).shape == (height, width)
    assert all(side % 4 == 0 for shape in seen for side in shape)
    seen.clear()
    monkeypatch.setattr(scratches, "HALF", 64)
    monkeypatch.setattr(scratches, "SMALL", 16)
    found = find_scratches(photograph(96, 120), "x", CPU)
    assert seen == [(96, 120), (48, 60), (16, 20)] and 0 <= found.min() <= found.max() <= 1


def test_without_a_detector_it_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stock(monkeypatch, tmp_path, detector=False)
    with pytest.raises(WeightsError, match="scratch-detector"):
        find_scratches(photograph(16, 16), "scratch-detector", CPU)
