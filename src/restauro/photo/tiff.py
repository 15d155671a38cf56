"""TIFF of 16 bits and floats, which Pillow cannot hold, and all TIFF writing. Specification: TIFF 6.0."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import tifffile

from restauro.core.errors import InputError
from restauro.photo import exif
from restauro.photo.photo import Layout, Metadata

_LAYOUTS: dict[tuple[str, int], Layout] = {
    ("grey", 1): "L", ("grey", 2): "LA", ("rgb", 3): "RGB", ("rgb", 4): "RGBA", ("cmyk", 4): "CMYK"
}  # fmt: skip


_BLOCKS = {"icc_profile": 34675, "xmp": 700, "iptc": 33723}


def _page(data: bytes) -> Any:
    return tifffile.TiffFile(io.BytesIO(data)).pages[0]


def is_deep(data: bytes) -> bool:
    """Whether the first page has more than 8 bits a sample: then it is not for Pillow."""
    return bool(_page(data).bitspersample > 8)


def header(data: bytes) -> tuple[tuple[int, int], dict[str, Any]]:
    """(width, height) of the first page as stored, and its blocks under Pillow's names."""
    file = tifffile.TiffFile(io.BytesIO(data))
    page: Any = file.pages[0]
    tags = {name: page.tags[code].value for name, code in _BLOCKS.items() if code in page.tags}
    info: dict[str, Any] = {name: value for name, value in tags.items() if isinstance(value, bytes)}
    info["pages"] = len(file.pages)
    with contextlib.suppress(KeyError, TypeError, ZeroDivisionError):
        unit = {2: 1.0, 3: 2.54}[int(page.tags[exif.RESOLUTION_UNIT].value)]
        x, y = (page.tags[tag].value for tag in (exif.X_RESOLUTION, exif.Y_RESOLUTION))
        info["dpi"] = (x[0] / x[1] * unit, y[0] / y[1] * unit)
    return (page.imagewidth, page.imagelength), info


def cut_off(data: bytes) -> bool:
    """Whether the first page points behind the end of the file."""
    try:
        page = _page(data)
        return any(at + count > len(data) for at, count in zip(page.dataoffsets, page.databytecounts, strict=True))
    except Exception:  # the directory itself is not there
        return True


def read(data: bytes) -> tuple[np.ndarray, Layout, str, int, int, list[str]]:
    """Samples (uint16), layout, mode, depth, orientation, notices of the first page."""
    page = _page(data)
    if cut_off(data):
        raise ValueError("truncated")
    photometric = int(page.photometric)
    ink = {0: "grey", 1: "grey", 2: "rgb", 5: "cmyk"}.get(photometric, "")
    layout = _LAYOUTS.get((ink, page.samplesperpixel))
    kind = page.dtype.kind if page.dtype is not None else ""
    if layout is None or not (kind == "f" or (kind == "u" and page.bitspersample == 16)):
        what = f"{page.bitspersample} bits, {page.samplesperpixel} samples, photometric {photometric}"
        raise InputError(f"TIFF pixels of {what} are not supported; export 8 or 16 bits RGB or grey", "unsupported-pixel-format")
    samples, notices = _samples(data, page), []
    mode = "F" if kind == "f" else "I;16" if layout == "L" else layout
    if kind == "f":
        samples, notice = to_16_bits(samples)
        notices.append(notice)
    if photometric == 0:
        samples = 65535 - samples
    tag = page.tags.get(exif.ORIENTATION)
    turn = int(tag.value) if tag is not None and tag.value in range(1, 9) else 1
    return samples, layout, mode, 16, turn, notices


def _samples(data: bytes, page: Any) -> np.ndarray:
    try:
        samples = page.asarray()
        if page.planarconfig == 2 and page.samplesperpixel > 1:
            samples = np.moveaxis(samples, 0, -1)
    except (ValueError, KeyError, ImportError):  # LZW and JPEG need a package of 28 MB; OpenCV's libtiff has them
        import cv2

        samples = cv2.imdecode(np.frombuffer(_upright_tag(data, page), np.uint8), cv2.IMREAD_UNCHANGED)
        if samples is None or samples.dtype.itemsize != page.dtype.itemsize:
            raise ValueError("not decoded") from None
        if samples.ndim == 3:
            samples = samples[..., [2, 1, 0, 3][: samples.shape[2]]]
    if page.samplesperpixel == 1:
        samples = samples.reshape(page.imagelength, page.imagewidth)
    return np.asarray(samples)


def _upright_tag(data: bytes, page: Any) -> bytes:
    """The file with orientation 1, so that OpenCV does not turn what we turn."""
    tag = page.tags.get(exif.ORIENTATION)
    if tag is None:
        return data
    value = (1).to_bytes(2, "little" if data[:2] == b"II" else "big")
    return data[: tag.valueoffset] + value + data[tag.valueoffset + 2 :]


def to_16_bits(values: np.ndarray) -> tuple[np.ndarray, str]:
    """Floats in 0..1 as uint16, and the notice to give. Other ranges are refused: their white is unknown."""
    if not np.isfinite(values).all() or values.min() < -0.05 or values.max() > 1.05:
        raise InputError("float pixels outside 0..1 are not supported; export 16 bits", "unsupported-pixel-format")
    return np.rint(np.clip(values, 0, 1) * 65535).astype(np.uint16), "32-bit samples were rounded to 16 bits"


def write(samples: np.ndarray, layout: Layout, icc: bytes | None, metadata: Metadata, *, compress: bool = True) -> bytes:
    """A TIFF of these samples with EXIF, GPS, XMP, IPTC, resolution and profile."""
    tree = exif.parse(metadata.exif) if metadata.exif else None
    order = tree.order if tree else "little"
    tags: list[Any] = []
    if metadata.xmp:
        tags.append((700, 1, len(metadata.xmp), metadata.xmp, True))
    if metadata.iptc:
        tags.append((33723, 7, len(metadata.iptc), metadata.iptc, True))
    file = io.BytesIO()
    with tifffile.TiffWriter(file, byteorder="<" if order == "little" else ">") as writer:
        writer.write(
            samples,
            photometric={"L": "minisblack", "LA": "minisblack", "CMYK": "separated"}.get(layout, "rgb"),
            extrasamples=["unassalpha"] if layout in ("LA", "RGBA") else None,
            planarconfig="contig" if samples.ndim == 3 else None,
            compression="zlib" if compress else None,
            resolution=metadata.dpi,
            resolutionunit="inch" if metadata.dpi else None,
            iccprofile=icc,
            extratags=tags,
            metadata=None,
            software=False,
        )
    return _with_directories(file.getvalue(), tree) if tree else file.getvalue()


def _with_directories(data: bytes, tree: exif.Tree) -> bytes:
    """The file with a new main directory behind it that also has the descriptive tags, EXIF and GPS: tifffile writes none."""
    data += b"\0" * (len(data) % 2)
    own = (exif.X_RESOLUTION, exif.Y_RESOLUTION, exif.RESOLUTION_UNIT)
    more = {tag: entry for tag, entry in tree.ifds["0"].items() if tag in exif.DESCRIPTIVE and tag not in own}
    body, places = exif.sub_directories(tree, len(data))
    at = len(data) + len(body)
    directory = exif.emit(exif.parse(data).ifds["0"] | more, at, tree.order, places)
    return data[:4] + at.to_bytes(4, tree.order) + data[8:] + body + directory
