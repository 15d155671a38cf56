"""Colour: sRGB, linear light and Lab; is a picture grey or toned; and keeping it so.

Pictures are (H, W, 3) float32 sRGB in [0, 1]; Lab is CIE L*a*b* for D65. Sources: IEC 61966-2-1, CIE 15.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from restauro.photo.resize import resize

Tone = Literal["colour", "grey", "toned"]

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of R, G, B by which colour pictures become grey (ITU-R BT.601)."""
_TO_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])
_WHITE = _TO_XYZ.sum(1)
_BINS = 48


def srgb_to_linear(srgb: np.ndarray) -> np.ndarray:
    """The sRGB curve undone; float32."""
    srgb = np.asarray(srgb, np.float32)
    curve = ((np.maximum(srgb, 0) + 0.055) / 1.055) ** 2.4
    return np.asarray(np.where(srgb <= 0.04045, srgb / 12.92, curve), np.float32)


def linear_to_srgb(linear: np.ndarray) -> np.ndarray:
    """The sRGB curve; float32."""
    linear = np.asarray(linear, np.float32)
    curve = 1.055 * np.maximum(linear, 0) ** (1 / 2.4) - 0.055
    return np.asarray(np.where(linear <= 0.0031308, linear * 12.92, curve), np.float32)


def srgb_to_lab(srgb: np.ndarray) -> np.ndarray:
    """(..., 3) sRGB in [0, 1] to L* in [0, 100], a*, b*."""
    scaled = srgb_to_linear(srgb) @ (_TO_XYZ / _WHITE[:, None]).T.astype(np.float32)
    f = np.where(scaled > 216 / 24389, np.cbrt(scaled), (24389 / 27 * scaled + 16) / 116)
    return np.stack((116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])), -1)


def lab_to_srgb(lab: np.ndarray) -> np.ndarray:
    """The inverse of `srgb_to_lab`, clipped to [0, 1]."""
    y = (lab[..., 0] + 16) / 116
    f = np.stack((y + lab[..., 1] / 500, y, np.maximum(y - lab[..., 2] / 200, 0)), -1)  # no Z far below black: as scikit-image
    scaled = np.where(f > 6 / 29, f**3, (116 * f - 16) * 27 / 24389)
    linear = scaled @ np.linalg.inv(_TO_XYZ / _WHITE[:, None]).T.astype(np.float32)
    return np.clip(linear_to_srgb(linear), 0, 1)


def to_codes(srgb: np.ndarray) -> np.ndarray:
    """(..., 3) sRGB in [0, 1] to what networks that colour see and answer: L*/50 - 1, a*/110, b*/110 (pix2pix). Lightness lies in
    [-1, 1], the chroma of sRGB colours within 0.99."""
    lab = srgb_to_lab(srgb)
    return np.concatenate((lab[..., :1] / 50 - 1, lab[..., 1:] / 110), -1)


def from_codes(codes: np.ndarray) -> np.ndarray:
    """The inverse of `to_codes`, clipped to [0, 1]."""
    return lab_to_srgb(np.concatenate(((codes[..., :1] + 1) * 50, codes[..., 1:] * 110), -1))


def into_range(pixels: np.ndarray) -> np.ndarray:
    """(..., 3) in [0, 1]: what leaves it is drawn towards its own grey and keeps its luma, as far as black and white allow."""
    grey = np.clip(pixels @ LUMA, 0, 1)[..., None]
    chroma = pixels - grey
    room = np.where(chroma > 0, 1 - grey, grey) / np.maximum(np.abs(chroma), 1e-9)
    share = np.clip(room.min(-1, keepdims=True), 0, 1)
    return np.clip(np.where(share < 1, grey + share * chroma, pixels), 0, 1).astype(np.float32)


def tone(pixels: np.ndarray) -> Tone:
    """Grey: the channels are equal. Toned: one hue line explains the colour (sepia, cyanotype, a noisy grey scan).

    Toned is decided on a small copy, in which noise has averaged out: chroma must be a function of lightness.
    """
    if float(np.ptp(pixels, -1).max()) <= 1.01 / 255:
        return "grey"
    height, width = pixels.shape[:2]
    small = min(0.25, 192 / max(height, width)) if max(height, width) > 64 else 1.0
    lab = srgb_to_lab(resize(pixels, round(height * small) or 1, round(width * small) or 1, "area"))
    rest = lab[..., 1:] - _curve_at(lab[..., 0], _tone_curve(lab))
    spread = np.hypot(rest[..., 0], rest[..., 1])
    return "toned" if np.quantile(spread, 0.9) < 5 and np.quantile(spread, 0.99) < 15 else "colour"


def keep_tone(original: np.ndarray, restored: np.ndarray) -> np.ndarray:
    """The restored picture on the original's tone line: lightness from `restored`, colour from `original`'s curve.

    A grey original gives exactly equal channels. For a picture in colour there is no line: it is not meant for those.
    The sizes may differ.
    """
    lightness = srgb_to_lab(restored)[..., 0]
    if tone(original) == "grey":
        y = (lightness + 16) / 116
        grey = linear_to_srgb(np.where(lightness > 8, y**3, lightness * 27 / 24389))
        flat = np.ptp(restored, -1) < 1e-6  # already grey: not even rounding may move it
        return np.repeat(np.clip(np.where(flat, restored[..., 0], grey), 0, 1)[..., None], 3, -1).astype(np.float32)
    curve = _tone_curve(srgb_to_lab(original))
    return lab_to_srgb(np.concatenate((lightness[..., None], _curve_at(lightness, curve)), -1)).astype(np.float32)


def _tone_curve(lab: np.ndarray) -> np.ndarray:
    """Columns L*, a*, b*: the mean colour at each lightness, smoothed, at the lightness values that occur."""
    flat = lab.reshape(-1, 3)
    position = np.clip(flat[:, 0] / 100 * _BINS, 0, _BINS - 1e-3)
    low, share = position.astype(int), position % 1
    sums = np.zeros((_BINS + 1, 4))
    for channel, values in enumerate((np.ones(len(flat)), *flat.T)):
        sums[:, channel] += np.bincount(low, (1 - share) * values, _BINS + 1) + np.bincount(low + 1, share * values, _BINS + 1)
    kernel = np.array([1, 4, 6, 4, 1]) / 16
    sums = np.stack([np.convolve(column, kernel, "same") for column in sums.T], 1)
    used = sums[:, 0] > 1e-4 * len(flat)
    return sums[used, 1:] / sums[used, :1]


def _curve_at(lightness: np.ndarray, curve: np.ndarray) -> np.ndarray:
    return np.stack([np.interp(lightness, curve[:, 0], curve[:, i]) for i in (1, 2)], -1).astype(np.float32)
