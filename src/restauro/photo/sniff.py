"""What a file is, told from its first bytes and never from its name."""

from __future__ import annotations

from typing import Literal

from restauro.core.errors import InputError

READABLE = "JPEG, PNG, TIFF, WebP, HEIC, AVIF, JPEG 2000, GIF, BMP, PNM"

_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
)
_OTHER = (
    (b"%PDF", "a PDF document"),
    (b"8BPS", "a Photoshop file"),
    (b"PK\x03\x04", "a ZIP archive or office document"),
    (b"%!PS", "a PostScript file"),
    (b"FUJIFILMCCD-RAW", "a raw camera file"),
    (b"IIRO", "a raw camera file"),
    (b"IIU\0", "a raw camera file"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"\0\0\x01\0", "an icon"),
    (b"SIMPLE  =", "a FITS file"),
    (b"\x0a\x05\x01", "a PCX file"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"v/1\x01", "an OpenEXR picture"),
)
_HEIF = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")


def sniff(data: bytes, name: str) -> str:
    """Pillow's name of the format (HEIF for HEIC), or an `InputError`: empty, unsupported-format, not-an-image."""
    if not data:
        raise InputError(f"{name}: the file is empty (0 bytes)", "empty")
    for magic, kind in _MAGIC:
        if data.startswith(magic):
            return _refuse_raw(data, name) if kind == "TIFF" else kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[:1] == b"P" and data[1:2] in b"123456" and data[2:3].isspace():
        return "PPM"
    if data[4:8] == b"ftyp":
        return _isobmff(data, name)
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    other = "a vector drawing (SVG)" if b"<svg" in head else next((what for magic, what in _OTHER if data.startswith(magic)), "")
    if other:
        raise InputError(f"{name}: this is {other}, which is not supported; export it as PNG, TIFF or JPEG", "unsupported-format")
    raise InputError(f"{name}: this is not a picture; supported are {READABLE}", "not-an-image")


def _isobmff(data: bytes, name: str) -> str:
    brands = {data[at : at + 4] for at in range(8, min(int.from_bytes(data[:4], "big"), 256), 4)}
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    if brands & set(_HEIF):
        return "HEIF"
    what = "a raw camera file" if b"crx " in brands else "a video"
    raise InputError(f"{name}: this is {what}, which is not supported; export a PNG, TIFF or JPEG", "unsupported-format")


def _refuse_raw(data: bytes, name: str) -> str:
    """Many raw camera files are TIFF outside: a TIFF reader would hand out their thumbnail."""
    order: Literal["little", "big"] = "little" if data[:2] == b"II" else "big"
    at = int.from_bytes(data[4:8], order)
    count = int.from_bytes(data[at : at + 2], order)
    tags = {int.from_bytes(data[p : p + 2], order): p for p in range(at + 2, at + 2 + 12 * min(count, 512), 12)}
    reduced = 254 in tags and data[tags[254] + 8 : tags[254] + 12] in (b"\1\0\0\0", b"\0\0\0\1") and 330 in tags
    if data[8:10] == b"CR" or 50706 in tags or reduced:
        raise InputError(f"{name}: this is a raw camera file; develop it to TIFF or JPEG first", "unsupported-format")
    return "TIFF"
