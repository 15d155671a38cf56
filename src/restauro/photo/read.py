"""Reading a photograph: any common file, PIL picture or array, upright and in sRGB, or one line that says why not."""

from __future__ import annotations

import hashlib
import io
import struct
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image, JpegImagePlugin

from restauro.core.errors import InputError
from restauro.core.memory import free_main_memory
from restauro.photo import exif, png, tiff
from restauro.photo.icc import in_rows, space
from restauro.photo.metadata import gather, has_credentials
from restauro.photo.photo import Coding, Layout, Metadata, Photo
from restauro.photo.sniff import sniff

T = TypeVar("T")
Source = str | Path | bytes | Image.Image | np.ndarray

MAX_PIXELS = 250_000_000
MAX_BYTES = 2 << 30
_HOPE = "get another copy, or salvage what is left of it"
_FIRST = "the file holds {} pictures: the first was taken"
_HEIC = "HEIC needs a plug-in: pip install restauro[heic]"
# a damaged block is told by a notice of ours
warnings.filterwarnings("ignore", message="Corrupt EXIF data", module="PIL")
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, TypeError, KeyError, IndexError, OverflowError, AttributeError,
           RuntimeError, struct.error, zlib.error)  # fmt: skip


@dataclass
class Decoded:
    """What a decoder hands over: samples as stored (not yet upright where `orientation` is not 1)."""

    samples: np.ndarray
    layout: Layout
    mode: str
    depth: int = 8
    orientation: int = 1
    icc: bytes | None = None
    metadata: Metadata = field(default_factory=Metadata)
    coding: Coding = field(default_factory=Coding)
    notices: list[str] = field(default_factory=list)


def read(source: Source, *, salvage: bool = False, max_pixels: int = MAX_PIXELS) -> Photo:
    """The photograph in a path, the bytes of a file, a PIL picture or an array.

    Arrays: (H, W) or (H, W, 1..4: grey, grey+alpha, RGB, RGBA); bool, uint8, uint16, or float in [0, 1]; sRGB.
    salvage: open a damaged JPEG or PNG as far as it goes, with a notice. max_pixels: refused from the header beyond it.
    Every refusal is an `InputError` with its kind.
    """
    if isinstance(source, np.ndarray):
        return _photo(_from_array(source), "ARRAY", "array", b"")
    if isinstance(source, Image.Image):
        name = Path(getattr(source, "filename", "") or "picture").name
        _check_size(source.size, name, max_pixels)
        return _photo(_guarded(lambda: _from_pillow(source), b"", source.format or "", name), source.format or "PNG", name, b"")
    image, data, name = open_header(source, max_pixels=max_pixels, salvage=salvage)
    form = "JPEG" if image.format == "MPO" else image.format or ""
    notices = []
    if has_credentials(data[: 1 << 22]):
        notices.append("the file carries content credentials (C2PA): a changed copy no longer matches them")
    try:
        decoded = _guarded(lambda: _decode(image, data, name), data, form, name)
    except InputError as error:
        if not salvage or error.kind not in ("truncated", "corrupt"):
            raise
        decoded = _salvage(data, form, name, error)
    decoded.notices += notices
    return _photo(decoded, form, name, data)


def open_header(
    source: str | Path | bytes, *, max_pixels: int = MAX_PIXELS, salvage: bool = False
) -> tuple[Image.Image, bytes, str]:
    """The file opened by its content but not decoded, its bytes, and its name for messages; size and integrity checked."""
    name, data = _load(source)
    form = sniff(data, name)
    if form == "PNG":
        _check_png(data, name, max_pixels, salvage)
    image = _guarded(lambda: _open(form, data), data, form, name)
    _check_size(image.size, name, max_pixels)
    return image, data, name


def _load(source: str | Path | bytes) -> tuple[str, bytes]:
    if isinstance(source, bytes | bytearray | memoryview):
        return "picture", bytes(source)
    path = Path(source)
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a folder, not a picture", "unusable")
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path.name}: the file is larger than {MAX_BYTES >> 30} GB", "too-large")
        return path.name, path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}", "missing") from None
    except ValueError:  # a zero byte in the name
        raise InputError(f"{path!s:.80}: is not a file name", "missing") from None


def _open(form: str, data: bytes) -> Image.Image:
    """Pillow's plug-in for this format, called directly: `Image.open` would apply its own, lower, global size limit."""
    if form == "HEIF":
        return _open_heif(data)
    if form == "TIFF" and tiff.is_deep(data):  # some kinds Pillow cannot even open
        return _header_only(form, *tiff.header(data))
    Image.preinit()
    if form not in Image.OPEN:
        Image.init()
    if form not in Image.OPEN:
        raise InputError(f"this installation of Pillow cannot read {form}: pip install --upgrade pillow", "unsupported-format")
    factory, _ = Image.OPEN[form]
    image: Image.Image
    try:
        image = factory(io.BytesIO(data), b"")
    except ValueError:
        if form != "PNG":
            raise
        image = factory(io.BytesIO(png.without_text(data)), b"")  # compressed text that expands without end
        image.info["restauro:notice"] = "the text in the file is larger than 1 MB and was left out"
    return image


def _open_heif(data: bytes) -> Image.Image:
    try:
        import pillow_heif
    except ImportError:
        raise InputError(_HEIC, "unsupported-format") from None
    opened = pillow_heif.open_heif(data, convert_hdr_to_8bit=False)[0]
    image = _header_only("HEIF", opened.size, opened.info)
    image.heif = opened  # type: ignore[attr-defined]
    return image


def _header_only(form: str, size: tuple[int, int], info: dict[str, Any]) -> Image.Image:
    """What `open` gives for samples that Pillow cannot hold: size and metadata without samples."""
    image = Image.new("RGB", (1, 1))
    image.info.update(info)
    image._size, image.format = size, form
    return image


def _check_png(data: bytes, name: str, max_pixels: int, salvage: bool) -> None:
    try:
        head = png.header(data)
    except ValueError:
        raise InputError(f"{name}: the PNG header is damaged", "truncated" if len(data) < 33 else "corrupt") from None
    _check_size((head.width, head.height), name, max_pixels)
    damage = png.damage(data)
    if damage and not salvage:
        what = "is cut off" if damage == "truncated" else "is damaged (a checksum is wrong)"
        raise InputError(f"{name}: the file {what}; {_HOPE}", damage)


def _check_size(size: tuple[int, int], name: str, max_pixels: int) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise InputError(f"{name}: the header claims {width} x {height} pixels; the file is damaged", "corrupt")
    if width * height > max_pixels:
        raise InputError(
            f"{name}: {width} x {height} is {width * height / 1e6:.0f} megapixels; the limit is {max_pixels / 1e6:.0f}",
            "too-large",
        )
    need, there = width * height * 40, free_main_memory()  # stored samples, float sRGB, one working copy
    if need > 1 << 30 and need > there:
        raise InputError(f"{name}: needs about {need / 1e9:.1f} GB of memory; {there / 1e9:.1f} GB are free", "too-large")


def _guarded(decode: Callable[[], T], data: bytes, form: str, name: str) -> T:
    """Whatever an imaging library raises, as one line with its kind."""
    try:
        return decode()
    except InputError as error:
        message = str(error)
        raise InputError(message if message.startswith(name) else f"{name}: {message}", error.kind) from None
    except (MemoryError, Image.DecompressionBombError):
        raise InputError(f"{name}: the picture does not fit into memory", "too-large") from None
    except _BROKEN as error:
        if _cut_off(data, form, str(error)):
            raise InputError(f"{name}: the file is cut off; {_HOPE}", "truncated") from None
        raise InputError(f"{name}: the {form or 'picture'} data are damaged", "corrupt") from None


def _cut_off(data: bytes, form: str, message: str) -> bool:
    if form == "WEBP":
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    if form == "GIF":
        return not data.rstrip(b"\0").endswith(b";")
    if form == "BMP":
        return int.from_bytes(data[2:6], "little") > len(data)
    if form == "TIFF":
        return tiff.cut_off(data)
    if form == "JPEG" and b"\xff\xda" not in data:
        return b"\xff\xd9" not in data[-2:]
    return "truncated" in message or "incomplete" in message or "unexpected end" in message.lower()


def _decode(image: Image.Image, data: bytes, name: str) -> Decoded:
    if image.format == "HEIF":
        return _from_heif(image)
    if image.format == "PNG" and png.header(data).depth == 16:
        return _from_png16(image, data)
    if image.format == "TIFF" and "pages" in image.info:
        samples, layout, mode, depth, orientation, notices = tiff.read(data)
        metadata, more = gather(image, data)
        notices += more
        if image.info["pages"] > 1:
            notices.append(_FIRST.format(image.info["pages"]))
        return Decoded(samples, layout, mode, depth, orientation, image.info.get("icc_profile"), metadata, notices=notices)
    return _from_pillow(image, data)


def _from_pillow(image: Image.Image, data: bytes = b"") -> Decoded:
    is_tiff = image.format == "TIFF"
    coding, notices = _coding(image, data), _pages(image)
    if image.mode in ("I", "F", "LAB", "HSV"):
        if image.mode == "I" or image.mode == "F":
            return _from_numbers(image)
        raise InputError(f"pixels of kind {image.mode} are not supported; export the picture as RGB", "unsupported-pixel-format")
    metadata, more = gather(image, data if is_tiff and data else None)
    mode, icc = image.mode, image.info.get("icc_profile")
    image.load()
    metadata = metadata if metadata.text or not getattr(image, "text", None) else gather(image)[0]  # text behind the data
    if mode.startswith("I;16"):
        samples, turn = np.asarray(image).astype(np.uint16), exif.orientation(metadata.exif)
        return Decoded(samples, "L", mode, 16, turn, icc, metadata, coding, notices + more)
    see_through = "transparency" in image.info or mode in ("LA", "RGBA", "PA", "La", "RGBa")
    if mode in ("1", "L", "LA", "La"):
        layout: Layout = "LA" if see_through else "L"
    else:
        layout = "CMYK" if mode == "CMYK" else "RGBA" if see_through else "RGB"
    samples = np.asarray(image if mode == layout and "transparency" not in image.info else image.convert(layout))
    # Pillow has turned a TIFF upright while loading; every other format keeps tag and samples as they are
    turn = 1 if is_tiff else exif.orientation(metadata.exif)
    return Decoded(samples, layout, mode, 8, turn, icc, metadata, coding, notices + more)


def _from_numbers(image: Image.Image) -> Decoded:
    """A PIL picture of 32-bit numbers: floats in 0..1, integers in 0..65535."""
    metadata, notices = gather(image)
    values = np.asarray(image)
    samples, notice = tiff.to_16_bits(values if image.mode == "F" else values / 65535)
    return Decoded(samples, "L", image.mode, 16, 1, image.info.get("icc_profile"), metadata, notices=[*notices, notice])


def _from_png16(image: Image.Image, data: bytes) -> Decoded:
    """Pillow reads 16-bit colour as 8 bits without a word: OpenCV keeps them."""
    import cv2

    colour = png.header(data).colour
    metadata, notices = gather(image)
    samples = cv2.imdecode(np.frombuffer(png.without_text(data), np.uint8), cv2.IMREAD_UNCHANGED)
    if samples is None or samples.dtype != np.uint16:
        raise ValueError("not decoded")
    grey = colour in (0, 4)
    alpha = samples[..., 3] if samples.ndim == 3 and samples.shape[2] == 4 else None
    base = samples if samples.ndim == 2 else samples[..., 0] if grey else samples[..., 2::-1]
    layout: Layout = ("LA" if grey else "RGBA") if alpha is not None else ("L" if grey else "RGB")
    samples = base if alpha is None else np.dstack((base, alpha))
    mode, turn = "I;16" if layout == "L" else layout, exif.orientation(metadata.exif)
    return Decoded(samples, layout, mode, 16, turn, image.info.get("icc_profile"), metadata, notices=notices)


def _from_heif(image: Image.Image) -> Decoded:
    """pillow-heif has applied the orientation; more than 8 bits arrive scaled to 16."""
    opened: Any = image.heif  # type: ignore[attr-defined]
    samples = np.asarray(opened)
    layout: Layout = {"L": "L", "LA": "LA", "RGBA": "RGBA"}.get(opened.mode.split(";")[0], "RGB")  # type: ignore[assignment]
    metadata, notices = gather(image)
    depth = 16 if samples.dtype == np.uint16 else 8
    return Decoded(samples, layout, layout, depth, 1, image.info.get("icc_profile"), metadata, Coding(lossless=False), notices)


def _from_array(array: np.ndarray) -> Decoded:
    if array.ndim not in (2, 3) or 0 in array.shape or (array.ndim == 3 and array.shape[2] > 4):
        raise InputError(f"array of shape {array.shape}: expected (H, W) or (H, W, 1..4)", "unsupported-pixel-format")
    if array.dtype == bool:
        array = array * np.uint8(255)
    elif array.dtype.kind == "f":
        if not np.isfinite(array).all() or array.min() < -1e-3 or array.max() > 1 + 1e-3:
            raise InputError("array of floats: values must lie in [0, 1]", "unsupported-pixel-format")
        array = np.clip(array, 0, 1).astype(np.float32)
    elif array.dtype not in (np.uint8, np.uint16):
        raise InputError(f"array of {array.dtype}: expected bool, uint8, uint16, or float in [0, 1]", "unsupported-pixel-format")
    layouts: tuple[Layout, ...] = ("L", "LA", "RGB", "RGBA")
    layout = layouts[0 if array.ndim == 2 else array.shape[2] - 1]
    array = array[..., 0] if layout == "L" and array.ndim == 3 else array
    return Decoded(array, layout, layout, 16 if array.dtype == np.uint16 else 8)


def _salvage(data: bytes, form: str, name: str, error: InputError) -> Decoded:
    """As much of the picture as is left; the original error where nothing can be done."""
    try:
        if form == "PNG":
            whole, share = png.salvaged(data)
            decoded = _decode(_open(form, whole), whole, name)
            notice = f"salvaged: {share:.0%} of the rows could be read"
        elif form == "JPEG":
            whole = data + b"\xff\xd9"  # told that the picture ends here, libjpeg fills the rest with grey
            decoded, notice = _from_pillow(_open(form, whole), whole), "salvaged: the file is cut off, the missing part is grey"
        else:
            raise error
    except _BROKEN:
        raise error from None
    decoded.notices.append(notice)
    return decoded


def _coding(image: Image.Image, data: bytes) -> Coding:
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        sampling = JpegImagePlugin.get_sampling(image)
        tables = {i: list(table) for i, table in image.quantization.items()}
        return Coding(tables, max(sampling, 0), bool(image.info.get("progressive")), False)
    if image.format == "WEBP":
        return Coding(lossless=b"VP8L" in data[12 : 1 << 16] and b"VP8 " not in data[12:64])
    return Coding(lossless=image.format not in ("AVIF", "JPEG2000"))


def _pages(image: Image.Image) -> list[str]:
    try:
        frames = getattr(image, "n_frames", 1)
    except _BROKEN:
        frames = 1
    return [_FIRST.format(frames)] if frames > 1 else []


def _photo(decoded: Decoded, form: str, name: str, data: bytes) -> Photo:
    stored = exif.upright(decoded.samples, decoded.orientation)
    top = {"u1": 255, "u2": 65535}.get(stored.dtype.str[1:], 1)
    colour = stored[..., None] if stored.ndim == 2 else stored
    alpha = colour[..., -1] / np.float32(top) if decoded.layout in ("LA", "RGBA") else None
    colour = colour[..., :-1] if alpha is not None else colour
    ink = "cmyk" if decoded.layout == "CMYK" else "grey" if decoded.layout in ("L", "LA") else "rgb"
    own, usable = space(ink, decoded.icc)  # type: ignore[arg-type]
    pixels = in_rows(lambda rows: own.to_srgb(rows / np.float32(top)), colour, 3)
    if stored.dtype == np.float32:
        stored = np.rint(stored * 255).astype(np.uint8)
    notices = list(dict.fromkeys(decoded.notices + ([] if usable else ["the colour profile is damaged: sRGB was assumed"])))
    return Photo(
        pixels, alpha, stored, decoded.layout, decoded.mode, decoded.depth, form, name,
        hashlib.sha256(data or stored.tobytes()).hexdigest(), data, decoded.icc, decoded.metadata, decoded.coding, tuple(notices),
    )  # fmt: skip
