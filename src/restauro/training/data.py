"""Training pictures from tar shards (WebDataset layout: KEY.jpg beside KEY.json) or from a folder.

Everything is decoded once into one uint8 array: 10,000 pictures of 128 px are half a gigabyte.
"""

from __future__ import annotations

import io
import json
import struct
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from restauro.core.errors import InputError

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"}


@dataclass(frozen=True)
class Pictures:
    """pixels (n, 3, S, S) uint8, records (one dict a picture, empty for folders), broken: names that could not be read."""

    pixels: Tensor
    records: list[dict[str, Any]]
    broken: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.pixels)

    def batch(self, index: np.ndarray) -> Tensor:
        """(N, 3, S, S) float32 in [-1, 1]."""
        return self.pixels[torch.from_numpy(index)].float() / 127.5 - 1

    def split(self, share: float = 0.05) -> tuple[Pictures, Pictures]:
        """Training and validation part; a picture's part is decided by its pixels, so it never changes sides."""
        held = np.array([zlib.crc32(one.numpy().tobytes()) % 10_000 < share * 10_000 for one in self.pixels])
        if len(self) < 2:
            return self, self
        held[0] = not held[1:].any() or (held[0] and not held.all())
        return self._take(np.flatnonzero(~held)), self._take(np.flatnonzero(held))

    def _take(self, index: np.ndarray) -> Pictures:
        return Pictures(self.pixels[torch.from_numpy(index)], [self.records[i] for i in index])


def load(source: str | Path, size: int, *, pattern: str = "*.tar") -> Pictures:
    """All pictures of a folder of pictures, of a tar, or of the tars of a folder that match `pattern`.

    size: side in pixels; other pictures are cropped centrally to a square and resized. Unreadable ones are counted.
    Raises InputError when nothing readable is found.
    """
    source = Path(source)
    pixels, records, broken = [], [], []
    for name, data, record in _members(source, pattern):
        try:
            pixels.append(_decode(data, size))
            records.append(record)
        except (OSError, ValueError, SyntaxError, EOFError, zlib.error, struct.error, Image.DecompressionBombError):
            broken.append(name)
    if not pixels:
        raise InputError(
            f"{source}: no readable pictures ({len(broken)} broken); expected pictures or WebDataset tars", "missing"
        )
    return Pictures(torch.from_numpy(np.stack(pixels)), records, broken)


def _members(source: Path, pattern: str) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    if source.is_file():
        yield from _tar(source)
        return
    if not source.is_dir():
        raise InputError(f"{source}: no such folder or tar", "missing")
    tars = sorted(source.glob(pattern))
    for tar in tars:
        yield from _tar(tar)
    if not tars:
        for path in sorted(source.rglob("*")):
            if path.suffix.lower() in SUFFIXES and path.is_file():
                yield str(path), path.read_bytes(), {}


def _tar(path: Path) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    """The pictures of a tar. Files of one picture have one name up to the suffix and lie side by side, in any order."""
    key, picture, record = "", None, b""
    try:
        with tarfile.open(path) as tar:
            for member in tar:
                file = tar.extractfile(member)
                if file is None:
                    continue
                stem, _, suffix = member.name.rpartition(".")
                if stem != key and picture is not None:
                    yield f"{path}:{key}", picture, _record(record)
                if stem != key:
                    key, picture, record = stem, None, b""
                if f".{suffix.lower()}" in SUFFIXES:
                    picture = file.read()
                elif suffix == "json":
                    record = file.read()
    except tarfile.TarError:
        if not key:
            raise InputError(f"{path}: is no tar of pictures", "not-an-image") from None
        yield f"{path}: cut off after {key}", b"", {}
        return
    if picture is not None:
        yield f"{path}:{key}", picture, _record(record)


def _record(data: bytes) -> dict[str, Any]:
    """A picture's JSON; empty where there is none or it cannot be read, for the picture is good without."""
    try:
        found = json.loads(data or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _decode(data: bytes, size: int) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        picture = ImageOps.exif_transpose(image).convert("RGB")
    if picture.size != (size, size):
        side = min(picture.size)
        left, top = (picture.width - side) // 2, (picture.height - side) // 2
        picture = picture.resize((size, size), Image.Resampling.BICUBIC, (left, top, left + side, top + side))
    return np.ascontiguousarray(np.asarray(picture).transpose(2, 0, 1))
