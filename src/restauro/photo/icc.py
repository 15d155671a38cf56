"""Colour spaces of files: from the stored samples to sRGB and back.

The profiles photographs carry (Display P3, Adobe RGB, ProPhoto, grey gamma) are a matrix and tone curves: those are
computed here in floating point, because ImageCms works on 8 bits only. Profiles made of tables (scanners, CMYK inks)
go through ImageCms. Specification: ICC.1:2022, sections 10.6 (curveType) and 10.18 (parametricCurveType).
"""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Callable
from typing import Literal, Protocol

import numpy as np
from PIL import Image, ImageCms

from restauro.photo.colour import linear_to_srgb, srgb_to_linear

Ink = Literal["grey", "rgb", "cmyk"]

# linear sRGB to the profile connection space (XYZ relative to D50), as in the sRGB profile
_SRGB_D50 = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
_LUMA = _SRGB_D50[1] / _SRGB_D50[1].sum()
_STEPS = 65535
_ROWS = 1 << 20


class Space(Protocol):
    """(..., channels) own values in [0, 1] to (..., 3) sRGB in [0, 1], and back."""

    def to_srgb(self, own: np.ndarray) -> np.ndarray: ...
    def from_srgb(self, srgb: np.ndarray) -> np.ndarray: ...


class Plain:
    """sRGB samples, or grey ones with sRGB's curve."""

    def __init__(self, channels: int):
        self.channels = channels

    def to_srgb(self, own: np.ndarray) -> np.ndarray:
        return np.repeat(own, 3, -1) if self.channels == 1 else own

    def from_srgb(self, srgb: np.ndarray) -> np.ndarray:
        if self.channels == 3:
            return srgb
        grey = linear_to_srgb(srgb_to_linear(srgb) @ _LUMA.astype(np.float32))[..., None]
        return np.where(np.ptp(srgb, -1)[..., None] < 1e-6, srgb[..., :1], grey)


class Ink4:
    """CMYK without a profile, as every viewer shows it: red = (1 - cyan)(1 - black)."""

    def to_srgb(self, own: np.ndarray) -> np.ndarray:
        return np.asarray((1 - own[..., :3]) * (1 - own[..., 3:]))

    def from_srgb(self, srgb: np.ndarray) -> np.ndarray:
        light = srgb.max(-1, keepdims=True)
        return np.concatenate((1 - srgb / np.maximum(light, 1e-6), 1 - light), -1) * np.where(light > 1e-6, 1, [0, 0, 0, 1])


class Curves:
    """Matrix and tone curves (or one curve for grey), exact in floating point."""

    def __init__(self, curves: list[np.ndarray], matrix: np.ndarray | None):
        self.curves = curves
        self.matrix = None if matrix is None else np.linalg.inv(_SRGB_D50) @ matrix

    def to_srgb(self, own: np.ndarray) -> np.ndarray:
        index = np.rint(np.clip(own, 0, 1) * _STEPS).astype(np.uint16)
        linear = np.stack([curve.astype(np.float32)[index[..., i]] for i, curve in enumerate(self.curves)], -1)
        if self.matrix is None:
            return np.repeat(linear_to_srgb(linear), 3, -1)
        return linear_to_srgb(np.clip(linear @ self.matrix.T.astype(np.float32), 0, 1))

    def from_srgb(self, srgb: np.ndarray) -> np.ndarray:
        linear = srgb_to_linear(srgb).astype(np.float64)
        linear = (linear @ _LUMA)[..., None] if self.matrix is None else np.clip(linear @ np.linalg.inv(self.matrix).T, 0, 1)
        steps = np.linspace(0, 1, _STEPS + 1)
        own = [np.interp(linear[..., i], curve, steps) for i, curve in enumerate(self.curves)]
        return np.stack(own, -1).astype(np.float32)


class Tables:
    """Any other profile, through ImageCms at 8 bits (relative colorimetric)."""

    def __init__(self, icc: bytes, ink: Ink):
        self.mode = {"grey": "L", "rgb": "RGB", "cmyk": "CMYK"}[ink]
        own, srgb = ImageCms.ImageCmsProfile(io.BytesIO(icc)), ImageCms.createProfile("sRGB")
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        self._to = ImageCms.buildTransform(own, srgb, self.mode, "RGB", intent)
        self._from: ImageCms.ImageCmsTransform | None = None
        with contextlib.suppress(ImageCms.PyCMSError):  # an input-only profile (camera, scanner) has no way back
            self._from = ImageCms.buildTransform(srgb, own, "RGB", self.mode, intent)

    @property
    def reversible(self) -> bool:
        return self._from is not None

    def to_srgb(self, own: np.ndarray) -> np.ndarray:
        return self._run(self._to, own, self.mode)

    def from_srgb(self, srgb: np.ndarray) -> np.ndarray:
        return self._run(self._from, srgb, "RGB")

    @staticmethod
    def _run(transform: ImageCms.ImageCmsTransform | None, values: np.ndarray, mode: str) -> np.ndarray:
        assert transform is not None
        flat = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8).reshape(1, -1, values.shape[-1])
        picture = Image.fromarray(flat[..., 0] if mode == "L" else flat, mode)
        done = np.asarray(ImageCms.applyTransform(picture, transform))
        return (done.reshape(*values.shape[:-1], -1) / np.float32(255)).astype(np.float32)


def space(ink: Ink, icc: bytes | None) -> tuple[Space, bool]:
    """The colour space of samples of this kind, and whether the profile was usable (True without one)."""
    plain: Space = Ink4() if ink == "cmyk" else Plain(1 if ink == "grey" else 3)
    if not icc:
        return plain, True
    try:
        exact = _curves(icc, ink)
        if exact is not None:
            return (plain if _is_srgb(exact, ink) else exact), True
        return Tables(icc, ink), True
    except (ValueError, struct.error, OSError, ImageCms.PyCMSError):
        return plain, False


def in_rows(function: Callable[[np.ndarray], np.ndarray], values: np.ndarray, channels: int) -> np.ndarray:
    """`function` over the rows of an (H, W, C) array in stripes, so that its temporaries stay small."""
    out = np.empty((*values.shape[:2], channels), np.float32)
    step = max(1, _ROWS // max(1, values.shape[1]))
    for top in range(0, len(values), step):
        out[top : top + step] = function(values[top : top + step])
    return out


def _is_srgb(space: Curves, ink: Ink) -> bool:
    grid = np.linspace(0, 1, 9, dtype=np.float32)
    probes = grid[:, None] if ink == "grey" else np.stack(np.meshgrid(grid, grid, grid), -1).reshape(-1, 3)
    return bool(np.abs(space.to_srgb(probes) - Plain(probes.shape[1]).to_srgb(probes)).max() < 1.5 / 255)


def _curves(icc: bytes, ink: Ink) -> Curves | None:
    """None: the profile is made of tables. ValueError: it is damaged, or for another kind of samples."""
    if len(icc) < 132 or icc[36:40] != b"acsp" or icc[16:20] != {"grey": b"GRAY", "rgb": b"RGB ", "cmyk": b"CMYK"}[ink]:
        raise ValueError("not a profile for these samples")
    (count,) = struct.unpack_from(">I", icc, 128)
    tags = {}
    for i in range(min(count, 200)):
        name, at, length = struct.unpack_from(">4sII", icc, 132 + 12 * i)
        tags[name] = icc[at : at + length]
    if ink == "grey":
        return Curves([_curve(tags[b"kTRC"])], None) if b"kTRC" in tags and icc[20:24] == b"XYZ " else None
    names = (b"r", b"g", b"b")
    if ink == "cmyk" or b"A2B0" in tags or any(n + b"XYZ" not in tags or n + b"TRC" not in tags for n in names):
        return None
    columns = [np.array(struct.unpack_from(">3i", tags[n + b"XYZ"], 8)) / 65536 for n in names]
    matrix = np.stack(columns, 1)
    if abs(np.linalg.det(matrix)) < 1e-4:
        raise ValueError("the primaries of the profile are not independent")
    return Curves([_curve(tags[n + b"TRC"]) for n in names], matrix)


def _curve(tag: bytes) -> np.ndarray:
    """A tone curve at 65536 points, rising."""
    x = np.linspace(0, 1, _STEPS + 1)
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count == 0:
            return x
        if count == 1:
            return np.asarray(x ** (struct.unpack_from(">H", tag, 12)[0] / 256))
        table = np.frombuffer(tag, ">u2", count, 12) / 65535
        return np.maximum.accumulate(np.interp(x, np.linspace(0, 1, count), table))
    if tag[:4] != b"para":
        raise ValueError("unknown kind of tone curve")
    kind = struct.unpack_from(">H", tag, 8)[0]
    g, a, b, c, d, e, f = (*(v / 65536 for v in struct.unpack_from(f">{(1, 3, 4, 5, 7)[kind]}i", tag, 12)), *[0.0] * 7)[:7]
    if kind == 0:
        return np.asarray(x**g)
    low = {1: 0 * x, 2: 0 * x + c, 3: c * x, 4: c * x + f}[kind]
    limit, lift = (-b / a, c if kind == 2 else 0.0) if kind < 3 else (d, e if kind == 4 else 0.0)
    return np.maximum.accumulate(np.clip(np.where(x >= limit, np.maximum(a * x + b, 0) ** g + lift, low), 0, 1))
