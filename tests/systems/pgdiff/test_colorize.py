"""Colours are invented, lightness is not: in the picture as it is saved, too."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from restauro import api

LUMA = np.array([0.299, 0.587, 0.114])
GARISH = ["lightness", "colour-statistics:weight=0.9,mean=0.6,-0.4,0.5,std=0.9,0.8,0.9,region=all"]
"""Colours that cannot be had at most lightnesses."""


@pytest.fixture(scope="module")
def grey() -> Image.Image:
    """A grey portrait of high contrast, whose face is larger than our crops."""
    skimage = pytest.importorskip("skimage.data")
    levels = np.asarray(Image.fromarray(skimage.astronaut()).crop((100, 0, 356, 256)).convert("L"), np.float64)
    return Image.fromarray(np.rint(levels * 1.1 - 10).clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("want", [(), GARISH], ids=["ours", "garish"])
def test_the_luma_of_a_colourised_face_is_that_of_the_input(grey: Image.Image, aligned: bool, want: list[str]) -> None:
    """Within one level of 8 bits; here at all pixels."""
    result = api.colorize(grey, aligned=aligned, want=want, steps=2)
    found, before = np.asarray(result.image, np.float64), np.asarray(grey, np.float64)
    assert np.ptp(found, -1).max() > 20, "there is colour"
    assert result.pixels.min() >= 0 and result.pixels.max() <= 1
    away = np.abs(found @ LUMA - before)
    assert (away <= 1).mean() >= 0.999 and away.max() < 2


def test_cutting_off_would_break_it(grey: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    from restauro.systems.pgdiff import engine, photograph

    monkeypatch.setattr(engine, "_within", lambda recipe, out: out.clamp(-1, 1))
    monkeypatch.setattr(photograph, "into_range", lambda pixels: pixels.clip(0, 1))
    found = np.asarray(api.colorize(grey, aligned=True, want=GARISH, steps=2).image, np.float64)
    assert (np.abs(found @ LUMA - np.asarray(grey)) > 1).mean() > 0.1
