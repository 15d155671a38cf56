"""Samples and metadata to the bytes of a file, one function per container."""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin, features

from restauro.core.errors import OutputError
from restauro.photo import png, tiff
from restauro.photo.photo import Coding, Layout, Metadata

BY_SUFFIX = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".jfif": "JPEG", ".jpe": "JPEG", ".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF",
    ".webp": "WEBP", ".avif": "AVIF", ".heic": "HEIF", ".heif": "HEIF", ".jp2": "JPEG2000", ".bmp": "BMP", ".gif": "GIF",
    ".ppm": "PPM", ".pgm": "PPM", ".pnm": "PPM",
}  # fmt: skip
DEEP = ("PNG", "TIFF", "HEIF")  # can hold 16 bits (HEIF: 10)
LAYOUTS: dict[str, tuple[Layout, ...]] = {
    "JPEG": ("L", "RGB", "CMYK"), "PNG": ("L", "LA", "RGB", "RGBA"), "TIFF": ("L", "LA", "RGB", "RGBA", "CMYK"),
    "WEBP": ("RGB", "RGBA"), "AVIF": ("RGB", "RGBA"), "HEIF": ("RGB", "RGBA"), "JPEG2000": ("L", "LA", "RGB", "RGBA"),
    "BMP": ("L", "RGB"), "GIF": ("L", "RGB"), "PPM": ("L", "RGB"),
}  # fmt: skip
_KEEPS = {
    "JPEG": "exif icc dpi xmp iptc", "PNG": "exif icc dpi xmp", "TIFF": "exif icc dpi xmp iptc", "WEBP": "exif icc xmp",
    "AVIF": "exif icc xmp", "HEIF": "exif icc xmp", "JPEG2000": "", "BMP": "dpi", "GIF": "", "PPM": "",
}  # fmt: skip
JPEG_SEGMENT = 65533
# ITU-T T.81 annex K, the tables that "quality" scales
_K1 = [
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
]  # fmt: skip
_K2 = [17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, *[99] * 38]


@dataclass(frozen=True)
class Frame:
    """What is to be encoded: samples as in `Photo`, and how. quality None: as well as the source, and not under 90."""

    samples: np.ndarray
    layout: Layout
    icc: bytes | None
    metadata: Metadata
    coding: Coding
    quality: int | None = None


def encode(form: str, frame: Frame) -> tuple[bytes, list[str]]:
    """The file, and notices of what the container has no place for. `OutputError` where it cannot hold the picture."""
    encoders: dict[str, Callable[[Frame, list[str]], bytes]] = {"JPEG": _jpeg, "PNG": _png, "TIFF": _tiff}
    notices: list[str] = []
    held = _KEEPS[form].split()
    blocks = {"exif": frame.metadata.exif, "icc": frame.icc, "dpi": frame.metadata.dpi, "xmp": frame.metadata.xmp}
    lost = [name.upper() for name, block in (blocks | {"iptc": frame.metadata.iptc}).items() if block and name not in held]
    if "DPI" in lost and frame.metadata.exif and "exif" in held:
        lost.remove("DPI")  # the EXIF block says it too
    if lost:
        notices.append(f"{form} has no place for {', '.join(lost)}: not kept")
    try:
        return encoders.get(form, _pillow(form))(frame, notices), notices
    except (OSError, ValueError, struct.error, OverflowError, MemoryError, KeyError) as error:
        height, width = frame.samples.shape[:2]
        raise OutputError(f"{form} cannot hold this picture of {width} x {height} ({error}); choose .png or .tif") from None


def _image(frame: Frame) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(frame.samples), frame.layout)


def _exif(frame: Frame) -> dict[str, Any]:
    return {"exif": b"Exif\0\0" + frame.metadata.exif} if frame.metadata.exif else {}


def _jpeg(frame: Frame, notices: list[str]) -> bytes:
    meta, options = frame.metadata, _exif(frame)
    if len(options.get("exif", b"")) > JPEG_SEGMENT:
        del options["exif"]
        notices.append("the EXIF block is larger than a JPEG can hold: not kept")
    if meta.xmp and len(meta.xmp) < JPEG_SEGMENT - 29:
        options["xmp"] = meta.xmp
    elif meta.xmp:
        notices.append("the XMP packet is larger than a JPEG can hold: not kept")
    if meta.iptc and len(meta.iptc) < JPEG_SEGMENT - 40:
        options["extra"] = _photoshop(meta.iptc)
    if meta.dpi:
        options["dpi"] = tuple(round(v) for v in meta.dpi)
    if meta.comment:
        options["comment"] = meta.comment
    if frame.quality is not None or frame.coding.tables is None:
        options |= {"quality": frame.quality or 95, "subsampling": 0 if (frame.quality or 95) >= 90 else 2}
    else:
        options |= {"qtables": _divided(frame.coding.tables, frame.layout), "subsampling": frame.coding.subsampling}
    file = io.BytesIO()
    _image(frame).save(file, "JPEG", icc_profile=frame.icc, progressive=frame.coding.progressive, optimize=True, **options)
    return file.getvalue()


def _divided(tables: dict[int, list[int]], layout: Layout) -> list[list[int]]:
    """The source's tables, each step divided by the whole number that brings it nearest to quality 90.

    A coefficient that was a multiple of the old step is a multiple of the new one: untouched blocks come out as they
    were (84 to 99 % of the far pixels bit-exact on our photographs; 77 % at a plain quality 95), and the touched ones
    are not coarser than the source, however poor it was.
    """
    aims = [[max(1.0, value / 5) for value in table] for table in (_K1, _K2)]
    found = [tables[i] for i in sorted(tables)]
    pairs = [(table, aims[min(i, 1) if layout == "RGB" else 0]) for i, table in enumerate(found)]
    return [[_divisor(step, aim) for step, aim in zip(table, aim_table, strict=True)] for table, aim_table in pairs]


@cache
def _divisor(step: int, aim: float) -> int:
    return min((d for d in range(1, step + 1) if step % d == 0), key=lambda d: (abs(math.log(d / aim)), d))


def _photoshop(iptc: bytes) -> bytes:
    """An APP13 segment with one resource block: the IPTC records."""
    block = b"8BIM" + struct.pack(">HxxI", 0x0404, len(iptc)) + iptc + b"\0" * (len(iptc) % 2)
    body = b"Photoshop 3.0\0" + block
    return b"\xff\xed" + struct.pack(">H", len(body) + 2) + body


def _png(frame: Frame, notices: list[str]) -> bytes:
    meta = frame.metadata
    if frame.samples.dtype == np.uint16:
        return png.encode(frame.samples, _png_chunks(frame))
    info = PngImagePlugin.PngInfo()
    for key, value in meta.text.items():
        info.add_itxt(key, value)
    if meta.xmp:
        info.add_itxt("XML:com.adobe.xmp", meta.xmp.decode("utf-8", "replace"))
    file = io.BytesIO()
    dpi = {"dpi": meta.dpi} if meta.dpi else {}
    _image(frame).save(file, "PNG", icc_profile=frame.icc, pnginfo=info, **dpi, **_exif(frame))
    return file.getvalue()


def _png_chunks(frame: Frame) -> list[bytes]:
    meta, found = frame.metadata, []
    if frame.icc:
        found.append(png.chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(frame.icc)))
    if meta.dpi:
        x, y = (round(v / 0.0254) for v in meta.dpi)
        found.append(png.chunk(b"pHYs", struct.pack(">IIB", x, y, 1)))
    if meta.exif:
        found.append(png.chunk(b"eXIf", meta.exif))
    texts = {k: v.encode() for k, v in meta.text.items()} | ({"XML:com.adobe.xmp": meta.xmp} if meta.xmp else {})
    found += [png.chunk(b"iTXt", key.encode("latin-1", "replace")[:79] + b"\0\0\0\0\0" + value) for key, value in texts.items()]
    return found


def _tiff(frame: Frame, notices: list[str]) -> bytes:
    return tiff.write(frame.samples, frame.layout, frame.icc, frame.metadata)


def _pillow(form: str) -> Callable[[Frame, list[str]], bytes]:
    """The containers that Pillow or its plug-in writes with the same words."""

    def save(frame: Frame, notices: list[str]) -> bytes:
        meta, options = frame.metadata, {}
        if "exif" in _KEEPS[form]:
            options = _exif(frame) | ({"xmp": meta.xmp} if meta.xmp else {}) | ({"icc_profile": frame.icc} if frame.icc else {})
        if form == "WEBP":
            lossless = frame.coding.lossless and frame.quality is None
            options |= {"lossless": True, "exact": True} if lossless else {"quality": frame.quality or 95}
        elif form in ("AVIF", "HEIF"):
            options |= {"quality": frame.quality or 92}
        elif form == "JPEG2000" and frame.quality is None:
            options |= {"irreversible": False}
        elif form == "BMP" and meta.dpi:
            options |= {"dpi": meta.dpi}
        if form == "HEIF":
            return _heif(frame, options)
        if form == "AVIF" and not features.check("avif"):
            raise OSError("this installation of Pillow has no AVIF")
        file = io.BytesIO()
        _image(frame).save(file, form, **options)
        return file.getvalue()

    return save


def _heif(frame: Frame, options: dict[str, Any]) -> bytes:
    try:
        import pillow_heif
    except ImportError:
        raise OutputError("HEIC needs a plug-in: pip install restauro[heic]") from None
    samples = np.ascontiguousarray(frame.samples)
    mode = frame.layout + (";16" if samples.dtype == np.uint16 else "")
    picture = pillow_heif.from_bytes(mode, samples.shape[1::-1], samples.tobytes())
    file = io.BytesIO()
    picture.save(file, **options)
    return file.getvalue()
