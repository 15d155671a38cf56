"""Writing a photograph back: in its own container, depth and colours; what was not touched is written as it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from restauro.core.errors import OutputError
from restauro.core.files import write_atomically
from restauro.photo.encode import BY_SUFFIX, DEEP, LAYOUTS, Frame, encode
from restauro.photo.icc import space
from restauro.photo.metadata import renewed
from restauro.photo.photo import Layout, Metadata, Photo
from restauro.photo.resize import resize

# beyond this change of colour nothing of the original's out-of-gamut rest belongs to the new colour
_SAME_COLOUR = 0.25


def write(
    path: str | Path,
    photo: Photo,
    pixels: np.ndarray | None = None,
    *,
    touched: np.ndarray | None = None,
    format: str | None = None,
    quality: int | None = None,
    metadata: bool = True,
    overwrite: bool = True,
    extra_xmp: str = "",
) -> list[str]:
    """Writes `pixels` ((H, W, 3) sRGB in [0, 1], any size) as the result for `photo`; returns notices.

    touched: (H, W) bool; where False the stored samples are written exactly (default: where `pixels` differ from the
    photo's). With nothing touched and the same container the file is copied byte for byte, without `extra_xmp`.
    format: "JPEG", "png", ...; else the suffix decides, else the source. quality: 1..100 for lossy containers; None: the
    source's own JPEG tables, made finer where it was poor; 95 where the source was no JPEG. metadata False: only the
    colour profile is kept. extra_xmp: a description made by `metadata.provenance`. A place or container that will not
    do is an `OutputError`.
    """
    path = Path(path)
    form = container(path, photo, format)
    if pixels is not None and touched is None and pixels.shape == photo.pixels.shape:
        touched = (pixels != photo.pixels).any(-1)
    idle = pixels is None or (touched is not None and not touched.any() and pixels.shape == photo.pixels.shape)
    if idle and photo.data and form == photo.format and metadata and quality is None:
        write_atomically(path, photo.data, overwrite=overwrite)
        return []
    samples, layout, icc = (photo.stored, photo.layout, photo.icc) if idle or pixels is None else _samples(photo, pixels, touched)
    samples, layout, icc, notices = _fit(samples, layout, icc, form)
    size = (samples.shape[1], samples.shape[0])
    blocks = renewed(photo.metadata if metadata else Metadata(), size, photo.size, extra_xmp)
    coding = photo.coding if photo.format == form else replace(photo.coding, tables=None)
    data, more = encode(form, Frame(samples, layout, icc, blocks, coding, quality))
    write_atomically(path, data, overwrite=overwrite)
    return notices + more


def container(path: Path, photo: Photo, format: str | None = None) -> str:
    """Pillow's name of the container to write."""
    wish = format or path.suffix
    form = BY_SUFFIX.get(f".{wish.lower().lstrip('.')}", wish.upper())
    if not wish:
        form = photo.format if photo.format in LAYOUTS else "PNG"
    if form not in LAYOUTS:
        known = ", ".join(sorted({suffix for suffix, known in BY_SUFFIX.items() if known != "PPM"}))
        raise OutputError(f"{path.name}: no picture is written as {format or path.suffix!r}; known suffixes: {known}")
    return form


def _samples(photo: Photo, pixels: np.ndarray, touched: np.ndarray | None) -> tuple[np.ndarray, Layout, bytes | None]:
    """The result as samples like the stored ones; in colour where a grey photo was coloured."""
    top = np.iinfo(photo.stored.dtype).max
    pixels = np.clip(np.asarray(pixels, np.float32), 0, 1)
    same = pixels.shape == photo.pixels.shape
    where = np.ones(pixels.shape[:2], bool) if touched is None or not same else touched
    coloured = photo.grey and bool((np.ptp(pixels[where], -1) > 0.5 / top).any())
    has_alpha = photo.alpha is not None
    out_space = space("rgb", None)[0] if coloured else photo.space
    if getattr(out_space, "reversible", True) is False:  # an input-only profile: the result is sRGB
        out_space, coloured = space("rgb", None)[0], True
    stored = photo.stored[..., None] if photo.stored.ndim == 2 else photo.stored
    stored = stored[..., :-1] if has_alpha else stored
    if coloured and not (photo.grey and photo.icc is None):
        stored = np.rint(photo.pixels * top).astype(photo.stored.dtype)
    elif coloured:
        stored = np.repeat(stored, 3, -1)
    if same:
        out = stored.copy()
        new, old = pixels[where], photo.pixels[where]
        own = out_space.from_srgb(new)
        if stored.shape[-1] != 4:  # what sRGB could not hold of the original stays, as far as the colour stays
            share = np.clip(1 - np.abs(new - old).max(-1, keepdims=True) / _SAME_COLOUR, 0, 1)
            own = own + share * (stored[where] / np.float32(top) - out_space.from_srgb(old))
        out[where] = np.rint(np.clip(own, 0, 1) * top)
    else:
        out = np.rint(np.clip(out_space.from_srgb(pixels), 0, 1) * top).astype(stored.dtype)
    layout: Layout = {1: "L", 3: "RGB", 4: "CMYK"}[out.shape[-1]]  # type: ignore[assignment]
    if photo.alpha is not None:
        alpha = photo.stored[..., -1] if same else np.rint(resize(photo.alpha, *pixels.shape[:2]) * top).astype(stored.dtype)
        out, layout = np.dstack((out, alpha)), "LA" if layout == "L" else "RGBA"
    return (out[..., 0] if layout == "L" else out), layout, None if coloured else photo.icc


def _fit(samples: np.ndarray, layout: Layout, icc: bytes | None, form: str) -> tuple[np.ndarray, Layout, bytes | None, list[str]]:
    """The same picture with the depth and channels that the container can hold, and what had to give."""
    notices = []
    if samples.dtype == np.uint16 and form not in DEEP:
        samples = ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)
        notices.append(f"{form} holds 8 bits: 16-bit samples were rounded")
    if layout in LAYOUTS[form]:
        return samples, layout, icc, notices
    top = np.iinfo(samples.dtype).max
    if layout == "CMYK":
        colour = space("cmyk", icc)[0].to_srgb(samples / np.float32(top))
        notices.append(f"{form} has no CMYK: written as sRGB")
        return np.rint(np.clip(colour, 0, 1) * top).astype(samples.dtype), "RGB", None, notices
    if layout in ("LA", "RGBA") and not any(name.endswith("A") for name in LAYOUTS[form]):
        cover = samples[..., -1:] / np.float32(top)
        samples = np.rint(samples[..., :-1] * cover + top * (1 - cover)).astype(samples.dtype)
        layout = "L" if layout == "LA" else "RGB"
        samples = samples[..., 0] if layout == "L" else samples
        notices.append(f"{form} has no transparency: laid on white")
    if layout in ("L", "LA") and layout not in LAYOUTS[form]:
        plain = samples if samples.ndim == 3 else samples[..., None]
        colour = space("grey", icc)[0].to_srgb(plain[..., :1] / np.float32(top))
        samples = np.dstack((np.rint(colour * top).astype(samples.dtype), *np.moveaxis(plain[..., 1:], -1, 0)))
        layout, icc = ("RGB" if layout == "L" else "RGBA"), None
    return samples, layout, icc, notices
