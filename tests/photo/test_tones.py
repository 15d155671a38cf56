"""Lightness by one curve: what it takes back, and what it leaves."""

from __future__ import annotations

import cv2
import numpy as np

from restauro.photo.colour import LUMA, lab_to_srgb, srgb_to_lab
from restauro.photo.tones import keep_colours, keep_light, spread
from tests.photo.pictures import scene

CLEAN = (0.55 + 2 * (scene(160, 200) / 255 - 0.5)).clip(0.25, 0.9).astype(np.float32)
FADED = 0.4 + 0.4 * CLEAN
KNOWN = np.ones(CLEAN.shape[:2], bool)


def _cloud() -> np.ndarray:
    spot = np.zeros(CLEAN.shape[:2], np.float32)
    cv2.circle(spot, (100, 80), 40, 0.2, -1)
    return cv2.GaussianBlur(spot, (0, 0), 12)[:, :, None]


def test_clouds_go_and_the_contrast_that_was_won_stays() -> None:
    kept = keep_light(FADED, (CLEAN - _cloud()).clip(0, 1), KNOWN)
    light, found = CLEAN @ LUMA, kept @ LUMA
    curve = spread(light.ravel(), found.ravel())  # darker on average, with what the cloud added of contrast
    assert (found - np.interp(light, *curve)).std() < 0.15 * _cloud().std()
    assert 0.9 * CLEAN.std() < kept.std() < 1.15 * CLEAN.std()


def test_what_is_alike_everywhere_is_left_as_it_is() -> None:
    np.testing.assert_allclose(keep_light(CLEAN, CLEAN, KNOWN), CLEAN, atol=0.01)
    np.testing.assert_allclose(keep_light(FADED, CLEAN, KNOWN), CLEAN, atol=0.02)


def test_local_keeps_it() -> None:
    restored = (CLEAN - _cloud()).clip(0, 1)
    np.testing.assert_array_equal(keep_light(FADED, restored, KNOWN, local=1.0), restored)
    half = (keep_light(FADED, restored, KNOWN) + restored) / 2
    np.testing.assert_allclose(keep_light(FADED, restored, KNOWN, local=0.5), half, atol=1e-6)


def test_grain_that_was_taken_away_stays_away() -> None:
    grain = 0.05 * np.random.default_rng(1).standard_normal(CLEAN.shape[:2]).astype(np.float32)[:, :, None]
    kept = keep_light(FADED + grain, CLEAN, KNOWN)
    assert np.abs(kept - CLEAN).mean() < 0.5 * 2.5 * np.abs(grain).mean()  # the curve makes 2.5 of it


def test_a_hole_follows_what_is_around_it() -> None:
    known = KNOWN.copy()
    known[60:100, 80:84] = False
    seen = np.where(known[:, :, None], FADED, 1.0).astype(np.float32)
    kept = keep_light(seen, (CLEAN - _cloud()).clip(0, 1), known)
    assert np.abs(kept - CLEAN)[60:100, 80:84].mean() < 0.3 * np.abs(_cloud())[60:100, 80:84].mean()


def test_without_anything_known_nothing_changes() -> None:
    assert keep_light(FADED, CLEAN, ~KNOWN) is CLEAN


def test_the_curve_rises_and_goes_on() -> None:
    light = np.linspace(0.2, 0.8, 1000).astype(np.float32)
    values, become = spread(light, light**2)
    assert (np.diff(become) >= 0).all()
    np.testing.assert_allclose(np.interp(light, values, become), light**2, atol=5e-3)
    np.testing.assert_allclose(np.interp([0.1, 0.9], values, become), [0.2**2 - 0.1, 0.8**2 + 0.1], atol=0.02)


def test_colours_follow_a_cast_and_not_what_was_lost_in_places() -> None:
    clean = (0.35 + 0.3 * scene(160, 200) / 255).astype(np.float32)
    lab = srgb_to_lab(clean)
    original = lab_to_srgb(lab + np.array([0, 4, 15], np.float32))  # yellowed
    restored = lab.copy()
    restored[40:80, 50:100, 1:] *= 0.2  # a network that takes a dress for yellowed, too
    known = np.ones(clean.shape[:2], bool)
    known[:, 150:] = False
    kept = keep_colours(original, lab_to_srgb(restored), known)

    def wrong(one: np.ndarray) -> float:
        return float(np.abs(srgb_to_lab(one) - lab)[40:80, 50:100, 1:].mean())

    assert wrong(kept) < 0.5 * wrong(lab_to_srgb(restored)) and wrong(kept) < 0.5 * wrong(original)
    assert np.abs(srgb_to_lab(kept) - srgb_to_lab(lab_to_srgb(restored)))[..., 0].max() < 1  # lightness
    np.testing.assert_allclose(kept[:, 150:], lab_to_srgb(restored)[:, 150:], atol=2e-3)  # what was missing
    np.testing.assert_allclose(keep_colours(clean, clean, known), clean, atol=2e-3)
