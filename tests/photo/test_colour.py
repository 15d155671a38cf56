from __future__ import annotations

import warnings

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, lab2rgb, rgb2lab

from restauro.photo.colour import (
    LUMA,
    from_codes,
    into_range,
    keep_tone,
    lab_to_srgb,
    linear_to_srgb,
    srgb_to_lab,
    srgb_to_linear,
    to_codes,
    tone,
)
from restauro.photo.icc import space
from restauro.photo.read import read
from tests.photo.pictures import scene, wide_gamut
from tests.shared import SHARED, needs_shared


def _portrait() -> np.ndarray:
    """A grey picture with all lightness values."""
    y, x = np.mgrid[:160, :200]
    grey = 0.5 + 0.25 * np.sin(x / 17) * np.cos(y / 23) + 0.25 * (x - y) / 200
    return np.repeat(np.clip(grey, 0, 1)[..., None], 3, -1).astype(np.float32)


# what a print's toner does: paper and shadows of one family of hues
TONERS = {"sepia": (1.0, 0.86, 0.66), "cyanotype": (0.62, 0.83, 1.0), "selenium": (0.97, 0.9, 1.0)}


def _toned(name: str) -> np.ndarray:
    grey = _portrait()
    return np.clip(grey ** (1 / np.array(TONERS[name])), 0, 1).astype(np.float32)


def test_lab_agrees_with_scikit_image_and_back() -> None:
    colours = np.random.default_rng(0).random((50, 60, 3)).astype(np.float32)
    assert np.abs(srgb_to_lab(colours) - rgb2lab(colours)).max() < 0.02
    assert np.abs(lab_to_srgb(srgb_to_lab(colours)) - colours).max() < 2e-4
    assert np.abs(linear_to_srgb(srgb_to_linear(colours)) - colours).max() < 1e-6


def test_codes_of_colouring_networks_agree_with_scikit_image_and_back() -> None:
    """Every fifth level of the cube; and chroma that no sRGB colour has."""
    levels = np.arange(0, 256, 5)
    colours = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(-1, 1, 3) / np.float32(255)
    codes, theirs = to_codes(colours), rgb2lab(colours)
    assert np.abs(codes - np.concatenate((theirs[..., :1] / 50 - 1, theirs[..., 1:] / 110), -1)).max() < 5e-5
    assert np.abs(codes).max() <= 1.0001
    assert np.abs(from_codes(codes) - colours).max() < 1e-4
    odd = np.random.default_rng(0).uniform(-1, 1, (4000, 1, 3))
    with warnings.catch_warnings(action="ignore"):  # colours out of range
        wanted = lab2rgb(np.concatenate(((odd[..., :1] + 1) * 50, odd[..., 1:] * 110), -1))
    assert np.abs(from_codes(odd) - wanted).max() < 1e-4


def test_what_leaves_the_range_loses_colour_and_not_lightness() -> None:
    rng = np.random.default_rng(0)
    grey, chroma = rng.random((64, 64, 1)), rng.normal(0, 0.4, (64, 64, 3))
    pixels = (grey + chroma - (chroma @ LUMA)[..., None]).astype(np.float32)
    found = into_range(pixels)
    inside = ((pixels >= 0) & (pixels <= 1)).all(-1)
    assert found.min() >= 0 and found.max() <= 1 and not inside.all() and inside.any()
    np.testing.assert_allclose(found @ LUMA, grey[..., 0], atol=1e-5)
    assert (found[inside] == pixels[inside]).all()
    assert np.abs(pixels.clip(0, 1) @ LUMA - grey[..., 0]).max() > 0.1, "cutting off does not"


def test_every_toner_is_toned_and_grey_is_grey() -> None:
    assert tone(_portrait()) == "grey"
    for name in TONERS:
        assert tone(_toned(name)) == "toned"
    noise = np.random.default_rng(0).normal(0, 0.02, _portrait().shape).astype(np.float32)
    assert tone(np.clip(_portrait() + noise, 0, 1)) == "toned"  # a "grey" scan with three noisy channels
    uneven = np.linspace(0.85, 1, 200, dtype=np.float32)[None, :, None]
    assert tone(1 - (1 - _toned("sepia")) * uneven) == "toned"
    y, x = np.mgrid[:160, :200]
    coloured = np.stack((0.5 + 0.4 * np.sin(x / 20), 0.5 + 0.4 * np.cos(y / 15), 0.5 + 0.3 * np.sin((x + y) / 30)), -1)
    assert tone(coloured.astype(np.float32)) == "colour"


@needs_shared
def test_tone_of_real_photographs() -> None:
    folder = SHARED / "data"
    for name in ("boy-creased", "cdv-children", "top-hat-porch", "yellowed-couple"):
        assert tone(read(folder / "old-photos" / "test" / f"{name}.jpg").pixels) == "toned", name
    for name in ("couple-pebbles", "family-beach", "three-men-night"):
        assert tone(read(folder / "photos" / f"{name}.jpg").pixels) == "colour", name


@pytest.mark.parametrize("name", TONERS)
def test_a_tone_line_is_kept(name: str) -> None:
    original = _toned(name)
    tinted = np.clip(original * np.array([1.05, 1.0, 0.8]) + 0.03, 0, 1).astype(np.float32)
    kept = keep_tone(original, tinted)
    want = lab_to_srgb(np.dstack((srgb_to_lab(tinted)[..., :1], np.zeros((*tinted.shape[:2], 2)))))  # its lightness ...
    line = srgb_to_lab(original).reshape(-1, 3)
    line = line[np.argsort(line[:, 0])]
    lightness = srgb_to_lab(want)[..., 0]
    inside = (lightness > line[0, 0]) & (lightness < line[-1, 0])
    on_line = np.dstack(
        (lightness, *(np.interp(lightness, line[:, 0], line[:, i]) for i in (1, 2)))
    )  # ... in the original's colour
    assert deltaE_ciede2000(srgb_to_lab(kept), on_line)[inside].max() < 2
    assert deltaE_ciede2000(srgb_to_lab(keep_tone(original, original)), srgb_to_lab(original)).max() < 2


def test_grey_stays_exactly_grey() -> None:
    tinted = _portrait() * np.array([1, 0.9, 0.8], np.float32)
    kept = keep_tone(_portrait(), tinted)
    assert np.ptp(kept, -1).max() == 0
    assert np.abs(srgb_to_lab(kept)[..., 0] - srgb_to_lab(tinted)[..., 0]).max() < 0.05
    assert np.array_equal(keep_tone(_portrait(), _portrait()), _portrait())


def test_a_profile_there_and_back() -> None:
    own, usable = space("rgb", wide_gamut())
    inside = scene() / np.float32(255) * 0.4 + 0.3
    assert usable and np.abs(own.to_srgb(own.from_srgb(inside)) - inside).max() < 2e-4
    grey = np.linspace(0, 1, 256, dtype=np.float32)[:, None]
    plain, _ = space("grey", None)
    assert np.array_equal(plain.from_srgb(plain.to_srgb(grey)), grey)
    ink, _ = space("cmyk", None)
    assert np.abs(ink.to_srgb(ink.from_srgb(inside)) - inside).max() < 1e-6


def test_a_profile_agrees_with_a_colour_management_library() -> None:
    import io

    from PIL import Image, ImageCms

    colours = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    theirs = ImageCms.profileToProfile(
        Image.fromarray(colours), ImageCms.ImageCmsProfile(io.BytesIO(wide_gamut())), ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )  # fmt: skip
    ours = space("rgb", wide_gamut())[0].to_srgb(colours / np.float32(255)) * 255
    assert np.abs(ours - np.asarray(theirs)).max() < 2.5


def test_a_broken_profile_is_said_to_be() -> None:
    for broken in (b"nonsense", wide_gamut()[:140], wide_gamut().replace(b"RGB ", b"GRAY")):
        assert space("rgb", broken)[1] is False
