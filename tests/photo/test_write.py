from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restauro.core.errors import OutputError
from restauro.photo.read import read
from restauro.photo.write import write
from tests.photo.pictures import jpeg, scene, wide_gamut


def _png(picture: np.ndarray, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", **options)
    return file.getvalue()


def _hole(height: int, width: int) -> np.ndarray:
    hole = np.zeros((height, width), bool)
    hole[height // 4 : height // 2, width // 3 : width // 2] = True
    return hole


SOURCES = {
    "grey": scene()[..., 0],
    "grey and alpha": np.dstack((scene()[..., 0], scene(seed=2)[..., 0])),
    "colour": scene(),
    "colour and alpha": np.dstack((scene(), scene(seed=2)[..., :1])),
}


@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("kind", SOURCES)
def test_untouched_samples_are_exact_and_touched_ones_rounded(kind: str, suffix: str, deep: bool, tmp_path: Path) -> None:
    samples = SOURCES[kind]
    if deep:
        samples = samples.astype(np.uint16) * 257 + np.random.default_rng(0).integers(0, 200, samples.shape).astype(np.uint16)
    photo, hole = read(samples), _hole(60, 80)
    pixels = np.where(hole[..., None], np.clip(photo.pixels * 0.9 + 0.05, 0, 1), photo.pixels)
    write(tmp_path / f"a{suffix}", photo, pixels, touched=hole)
    again = read(tmp_path / f"a{suffix}")
    assert (again.depth, again.layout) == (photo.depth, photo.layout)
    assert np.array_equal(again.stored[~hole], photo.stored[~hole])
    assert np.abs(again.pixels - pixels).max() <= 0.5001 / (65535 if deep else 255)
    if photo.alpha is not None:
        assert again.alpha is not None and np.array_equal(again.alpha, photo.alpha)


def test_nothing_touched_copies_the_bytes(tmp_path: Path) -> None:
    data = jpeg()
    photo = read(data)
    for pixels, touched in (
        (None, None),
        (photo.pixels.copy(), None),
        (photo.pixels * 0.5, np.zeros(photo.pixels.shape[:2], bool)),
    ):
        write(tmp_path / "a.jpg", photo, pixels, touched=touched, extra_xmp="<never/>")
        assert (tmp_path / "a.jpg").read_bytes() == data


def test_far_blocks_of_a_jpeg_stay_as_they_were(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.fromarray(np.kron(scene(30, 40), np.ones((8, 8, 1), np.uint8))).resize((320, 240), Image.Resampling.BICUBIC).save(
        file, "JPEG", quality=75
    )
    photo = read(file.getvalue())
    hole = np.zeros((240, 320), bool)
    hole[96:128, 96:128] = True
    write(tmp_path / "a.jpg", photo, np.where(hole[..., None], 1 - photo.pixels, photo.pixels).astype(np.float32), touched=hole)
    again = read(tmp_path / "a.jpg")
    far = np.ones((240, 320), bool)
    far[64:160, 64:160] = False
    difference = np.abs(again.stored[far].astype(int) - photo.stored[far])
    assert (difference == 0).mean() > 0.8 and difference.max() <= 4
    assert again.coding.subsampling == photo.coding.subsampling


@pytest.mark.parametrize("deep", [False, True])
def test_a_wide_gamut_is_kept_where_nothing_changed_and_near_where_it_did(deep: bool, tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    photo = read(_png(colours, icc_profile=wide_gamut()))
    assert np.abs(photo.pixels - colours / 255).max() > 0.05
    hole = _hole(40, 50)
    suffix = ".tif" if deep else ".png"
    write(
        tmp_path / f"a{suffix}", photo, np.where(hole[..., None], np.clip(photo.pixels + 0.02, 0, 1), photo.pixels), touched=hole
    )
    again = read(tmp_path / f"a{suffix}")
    assert again.icc == photo.icc
    assert np.array_equal(again.stored[~hole], colours[~hole])
    assert 0.0 < (again.stored[hole].astype(int) - colours[hole]).mean() < 12


def test_a_coloured_grey_photo_becomes_colour(tmp_path: Path) -> None:
    photo = read(_png(scene()[..., 0]))
    pixels = photo.pixels * np.array([1, 0.9, 0.7], np.float32)
    write(tmp_path / "a.png", photo, pixels)
    assert np.abs(read(tmp_path / "a.png").pixels - pixels).max() < 0.51 / 255
    write(tmp_path / "b.png", photo, np.clip(photo.pixels + 0.1, 0, 1))
    assert read(tmp_path / "b.png").grey


def test_other_sizes_keep_print_size_and_resize_alpha(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.fromarray(SOURCES["colour and alpha"]).save(file, "PNG", dpi=(100, 100))
    photo = read(file.getvalue())
    write(tmp_path / "a.png", photo, np.repeat(np.repeat(photo.pixels, 2, 0), 2, 1))
    again = read(tmp_path / "a.png")
    assert again.size == (160, 120) and again.alpha is not None and again.metadata.dpi is not None
    assert again.metadata.dpi[0] == pytest.approx(200, abs=0.1)


def test_cmyk_stays_cmyk(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.fromarray(scene()).convert("CMYK").save(file, "JPEG", quality=95)
    photo, hole = read(file.getvalue()), _hole(60, 80)
    pixels = np.where(hole[..., None], photo.pixels * 0.8, photo.pixels)
    write(tmp_path / "a.tif", photo, pixels, touched=hole)
    again = read(tmp_path / "a.tif")
    assert again.layout == "CMYK" and np.array_equal(again.stored[~hole], photo.stored[~hole])
    assert np.abs(again.pixels - pixels).max() < 1.6 / 255


def test_what_the_container_cannot_hold_is_said(tmp_path: Path) -> None:
    photo = read(SOURCES["colour and alpha"].astype(np.uint16) * 257)
    notices = write(tmp_path / "a.jpg", photo, photo.pixels * 0.5)
    assert any("8 bits" in notice for notice in notices) and any("white" in notice for notice in notices)
    with pytest.raises(OutputError, match=r"\.xyz"):
        write(tmp_path / "a.xyz", photo)
    wide = read(np.zeros((1, 20000), np.uint8))
    with pytest.raises(OutputError, match="WEBP cannot hold"):
        write(tmp_path / "a.webp", wide)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.jpg"]


@pytest.mark.parametrize(
    "name", ["a.jpg", "a.png", "a.tif", "a.webp", "a.avif", "a.heic", "a.jp2", "a.bmp", "a.gif", "a.ppm", "a"]
)
def test_every_container_writes_every_kind(name: str, tmp_path: Path) -> None:
    if name == "a.heic":
        pytest.importorskip("pillow_heif")
    for samples in SOURCES.values():
        photo = read(samples)
        write(tmp_path / name, photo, photo.pixels * 0.9 + 0.05)
        again = read(tmp_path / name)
        assert again.size == photo.size
        if photo.alpha is None:
            assert np.abs(again.pixels - photo.pixels * 0.9 - 0.05).mean() < 0.05
