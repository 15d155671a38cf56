from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from restauro.core.errors import InputError
from restauro.photo.exif import upright
from restauro.photo.read import read
from tests.photo.pictures import exif_block, scene
from tests.shared import SHARED, needs_shared

BAD = SHARED / "data" / "bad-files"
CASES: list[dict[str, Any]] = json.loads((BAD / "manifest.json").read_text())["files"] if BAD.exists() else []


@needs_shared
@pytest.mark.parametrize("case", CASES, ids=[case["file"] for case in CASES])
def test_every_hostile_file(case: dict[str, Any], tmp_path: Path) -> None:
    path = BAD / case["file"]
    if "make_from" in case:
        path = tmp_path / case["file"]
        path.write_bytes((BAD / case["make_from"]).read_bytes())
    if case["expect"] == "error":
        with pytest.raises(InputError, match="^" + case["file"].split(".")[0]) as caught:
            read(path)
        assert caught.value.kind == case["error"]
        assert "\n" not in str(caught.value)
        return
    photo = read(path)
    assert list(photo.size) == case["size"]
    assert photo.mode == case["mode"]
    assert photo.depth == case.get("bit_depth", 16 if case["mode"] in ("I;16", "F") else 8)
    assert (photo.alpha is not None) == (case.get("has_alpha", False) or "A" in case["mode"])
    assert any("pictures" in notice for notice in photo.notices) == (case.get("frames", 1) > 1)
    assert photo.pixels.dtype == np.float32 and photo.pixels.max() > 0.2 and photo.pixels.min() >= 0
    _checks(case.get("checks", {}), photo.pixels * 255, photo.stored, photo.metadata.text)


def _checks(checks: dict[str, Any], srgb: np.ndarray, stored: np.ndarray, text: dict[str, str]) -> None:
    height, width = srgb.shape[:2]
    if "rgb_mean_within_8_of" in checks:
        assert np.abs(srgb.mean((0, 1)) - checks["rgb_mean_within_8_of"]).max() < 8
    if "eight_bit_mean_within_1_of" in checks:
        assert srgb[0, 0, 0] < 0.5 and srgb[0, -1, 0] > 254.5 and abs(srgb.mean() - checks["eight_bit_mean_within_1_of"]) < 1
    if "srgb_after_conversion_within_4" in checks:
        centres = checks.get("patch_centres", [[x, y] for y in (16, 48) for x in (16, 48, 80)])
        for (x, y), want in zip(centres, checks["srgb_after_conversion_within_4"]):
            assert np.abs(srgb[y, x] - want).max() <= 4
        values = stored / 257 if stored.dtype == np.uint16 else stored
        for (x, y), want in zip(centres, checks.get("stored", checks.get("stored_8bit"))):
            assert np.abs(values[y, x] - want).max() <= 2
    for name, want in checks.get("corners_within_12", {}).items():
        y, x = 4 if "top" in name else height - 5, 4 if "left" in name else width - 5
        assert np.abs(srgb[y, x] - want).max() <= 12
    for name, want in checks.get("text", {}).items():
        assert text[name] == want


@needs_shared
@pytest.mark.parametrize("name", ["header-60000.png", "bomb-20000.png", "text-bomb.png"])
def test_bombs_cost_no_memory(name: str) -> None:
    tracemalloc.start()
    with contextlib.suppress(InputError):
        read(BAD / name)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 << 20


@needs_shared
def test_a_raised_limit_opens_a_large_picture() -> None:
    with pytest.raises(InputError, match="megapixels"):
        read(BAD / "plain.jpg", max_pixels=1000)


@needs_shared
def test_salvage_of_a_cut_jpeg() -> None:
    photo, whole = read(BAD / "truncated.jpg", salvage=True), read(BAD / "plain.jpg")
    assert photo.size == (160, 120) and any("salvaged" in notice for notice in photo.notices)
    assert np.array_equal(photo.stored[:40], whole.stored[:40])


def test_salvage_of_a_cut_and_of_a_damaged_png() -> None:
    file = io.BytesIO()
    picture = np.random.default_rng(0).integers(0, 256, (64, 48, 3)).astype(np.uint8)
    Image.fromarray(picture).save(file, "PNG")
    data = file.getvalue()
    for broken in (data[: len(data) // 2], data[:5000] + bytes(50) + data[5050:]):
        with pytest.raises(InputError):
            read(broken)
        photo = read(broken, salvage=True)
        good = (photo.stored == picture).all((1, 2)).sum()
        assert photo.size == (48, 64) and good > 20 and any("salvaged" in notice for notice in photo.notices)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF", "TIFF16", "PNG16"])
def test_orientation_is_applied_once(form: str, orientation: int) -> None:
    picture, file = scene(20, 30), io.BytesIO()
    if form in ("TIFF", "TIFF16"):
        stored = picture * np.uint16(257) if form == "TIFF16" else picture
        tifffile.imwrite(file, stored, photometric="rgb", metadata=None, extratags=[(274, 3, 1, orientation, True)])
    elif form == "PNG16":
        from restauro.photo import png

        stored = picture.astype(np.uint16) * 257
        file.write(png.encode(stored, [png.chunk(b"eXIf", exif_block(orientation=orientation))]))
    else:
        stored = picture
        block = b"Exif\0\0" + exif_block(orientation=orientation)
        Image.fromarray(picture).save(file, form, exif=block, lossless=True)
    assert np.array_equal(read(file.getvalue()).stored, upright(stored, orientation))


@pytest.mark.parametrize("form", ["JPEG", "AVIF", "HEIF"])
def test_orientation_of_lossy_files(form: str) -> None:
    if form == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    picture, file = np.zeros((64, 96, 3), np.uint8), io.BytesIO()
    picture[:16, :16] = 255
    Image.fromarray(picture).save(file, form, exif=b"Exif\0\0" + exif_block(orientation=6))
    photo = read(file.getvalue())
    assert photo.size == (64, 96)
    assert photo.pixels[:12, -12:].mean() > 0.9 and photo.pixels[:12, :12].mean() < 0.1


def test_arrays_and_pil_pictures() -> None:
    picture = scene()
    for source in (picture, Image.fromarray(picture), picture / np.float32(255), picture * np.uint16(257)):
        assert np.abs(read(source).pixels - picture / 255).max() < 1e-6
    assert read(picture[..., 0]).grey and not read(picture).grey
    assert read(np.dstack((picture, picture[..., :1]))).alpha is not None
    for bad in (
        picture.astype(np.int64),
        picture.astype(np.float32),
        np.zeros((3, 4, 5, 6)),
        np.zeros((0, 4)),
        np.full((4, 4), np.nan),
    ):
        with pytest.raises(InputError) as caught:
            read(bad)
        assert caught.value.kind == "unsupported-pixel-format"


def test_sixteen_bits_are_all_kept() -> None:
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 65536, (30, 41, 4)).astype(np.uint16)
    for channels in (colour[..., 0], colour[..., :3], colour):
        order = channels if channels.ndim == 2 else channels[..., [2, 1, 0, 3][: channels.shape[2]]]
        for suffix in (".png", ".tif"):  # OpenCV's TIFF is LZW
            photo = read(cv2.imencode(suffix, order)[1].tobytes())
            assert photo.depth == 16 and np.array_equal(photo.stored, channels)
    for options in ({"photometric": "miniswhite"}, {"photometric": "minisblack", "byteorder": ">"}):
        file = io.BytesIO()
        tifffile.imwrite(file, colour[..., 0], metadata=None, **options)
        want = 65535 - colour[..., 0] if options["photometric"] == "miniswhite" else colour[..., 0]
        assert np.array_equal(read(file.getvalue()).stored, want)
    file = io.BytesIO()
    tifffile.imwrite(file, np.moveaxis(colour[..., :3], -1, 0), photometric="rgb", planarconfig="separate", metadata=None)
    assert np.array_equal(read(file.getvalue()).stored, colour[..., :3])


def test_files_that_are_no_pictures(tmp_path: Path) -> None:
    for data, kind in (
        (b"PK\x03\x04....", "unsupported-format"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "unsupported-format"),
        (b"x", "not-an-image"),
    ):
        with pytest.raises(InputError) as caught:
            read(data)
        assert caught.value.kind == kind
    with pytest.raises(InputError) as caught:
        read(tmp_path / "nothing.jpg")
    assert caught.value.kind == "missing"
    with pytest.raises(InputError, match="folder"):
        read(tmp_path)


def test_noise_never_ends_in_a_foreign_error() -> None:
    rng = np.random.default_rng(0)
    file = io.BytesIO()
    Image.fromarray(scene()).save(file, "TIFF")
    sources = [file.getvalue()]
    for form in ("JPEG", "PNG", "WEBP", "GIF", "BMP"):
        file = io.BytesIO()
        Image.fromarray(scene()).save(file, form, exif=exif_block()) if form in ("JPEG", "PNG", "WEBP") else Image.fromarray(
            scene()
        ).save(file, form)
        sources.append(file.getvalue())
    for data in sources:
        for _ in range(25):
            broken = bytearray(data)
            for at in rng.integers(2, len(data), 6):
                broken[at] = rng.integers(256)
            try:
                read(bytes(broken[: rng.integers(len(data) // 2, len(data) + 1)]), salvage=bool(rng.integers(2)))
            except InputError as error:
                assert "\n" not in str(error)


def test_heic_without_its_plugin_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(InputError, match=r"restauro\[heic\]") as caught:
        read(b"\0\0\0\x18ftypheic" + bytes(100))
    assert caught.value.kind == "unsupported-format"


def test_torch_is_not_imported() -> None:
    code = "import sys, restauro.photo.read, restauro.photo.write, restauro.photo.faces.detect; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
