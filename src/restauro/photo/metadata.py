"""The metadata of a file: gathered when it is read and renewed when the result is written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PIL import Image

from restauro.photo import exif as exif_block
from restauro.photo import xmp as xmp_packet
from restauro.photo.photo import Metadata

MOST_TEXT = 1 << 20  # characters of PNG text that are carried along
IPTC_RESOURCE = 0x0404


def gather(image: Image.Image, tiff: bytes | None = None) -> tuple[Metadata, list[str]]:
    """The blocks Pillow found on opening, and notices of what had to be left out. tiff: the whole file, where it is a TIFF."""
    info, notices = image.info, []
    if "restauro:notice" in info:
        notices.append(str(info["restauro:notice"]))
    exif = exif_block.from_tiff(tiff) if tiff else _bytes(info.get("exif"))
    if exif:
        exif = exif.removeprefix(b"Exif\0\0")
        try:
            exif_block.parse(exif)
        except ValueError:
            exif = None
            notices.append("the EXIF block is damaged and was left out")
    tags: Any = getattr(image, "tag_v2", {}) if tiff else {}
    resources = info.get("photoshop") or {}
    iptc = (
        _bytes(info.get("iptc") or tags.get(33723))
        if tiff
        else _bytes(resources.get(IPTC_RESOURCE) if isinstance(resources, dict) else None)
    )
    text = {str(k): str(v) for k, v in getattr(image, "text", {}).items() if k != "XML:com.adobe.xmp"}
    if sum(map(len, text.values())) > MOST_TEXT:
        text = {}
        notices.append("the text in the file is longer than 1 MB and was left out")
    comment = _bytes(info.get("comment"))
    return Metadata(exif, xmp_of(image), iptc, _dpi(info.get("dpi")), text, comment), notices


def xmp_of(image: Image.Image) -> bytes | None:
    """The XMP packet Pillow found on opening."""
    tags: Any = getattr(image, "tag_v2", {})
    return _bytes(image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or tags.get(700))


def renewed(metadata: Metadata, size: tuple[int, int], was: tuple[int, int], description: str = "") -> Metadata:
    """For a result of this (width, height): upright, no old thumbnail, the print as large as it was, our XMP merged in."""
    dpi = metadata.dpi
    if dpi and size != was:
        dpi = (dpi[0] * size[0] / was[0], dpi[1] * size[1] / was[1])
    block = metadata.exif
    if block:
        try:
            block = exif_block.renewed(block, size, dpi)
        except ValueError:
            block = None
    return replace(metadata, exif=block, dpi=dpi, xmp=xmp_packet.merge(metadata.xmp, description))


def has_credentials(data: bytes) -> bool:
    """Whether the file carries C2PA content credentials (a JUMBF box); a change makes them read as tampered."""
    return b"c2pa" in data and (b"jumb" in data or b"caBX" in data)


def _bytes(value: Any) -> bytes | None:
    if isinstance(value, tuple):  # a TIFF tag of type BYTE
        value = bytes(v for v in value if isinstance(v, int) and 0 <= v < 256)
    if isinstance(value, str):
        value = value.encode()
    return value or None if isinstance(value, bytes) else None


def _dpi(value: Any) -> tuple[float, float] | None:
    try:
        x, y = float(value[0]), float(value[1])
    except (TypeError, ValueError, IndexError, ZeroDivisionError):
        return None
    return (x, y) if 1 < x < 1e5 and 1 < y < 1e5 else None
