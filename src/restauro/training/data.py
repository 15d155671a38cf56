"""Training pictures from tar shards (WebDataset layout: KEY.jpg beside KEY.json), a bigfile of Old Photos, or a folder.

Everything is decoded once, on all cores, into uint8: 10,000 pictures of 128 px are half a gigabyte. What would fill more than
half of the memory lies in a file without a name in the temporary folder ($TMPDIR), from which the system reads what it needs.
"""

from __future__ import annotations

import io
import json
import os
import struct
import tarfile
import tempfile
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from restauro.core.errors import InputError
from restauro.training.bigfile import read_bigfile

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"}
T = TypeVar("T")
BROKEN = (OSError, ValueError, SyntaxError, EOFError, zlib.error, struct.error, Image.DecompressionBombError)


@dataclass(frozen=True)
class Pictures:
    """pixels (n, 3, S, S) uint8, records (one dict a picture, empty for folders), broken: names that could not be read.

    cut: side of the squares that `batch` cuts out of them; 0: all of it.
    """

    pixels: Tensor
    records: list[dict[str, Any]]
    broken: list[str] = field(default_factory=list)
    cut: int = 0

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def size(self) -> int:
        """Side of the pictures that `batch` gives."""
        return self.cut or int(self.pixels.shape[-1])

    def batch(self, index: np.ndarray, rng: np.random.Generator | None = None) -> Tensor:
        """(N, 3, size, size) float32 in [-1, 1]; cut out at random places, without `rng` in the middle."""
        found = self.pixels[torch.from_numpy(index)]
        if self.cut:
            room = self.pixels.shape[-1] - self.cut
            corners = np.full((len(index), 2), room // 2) if rng is None else rng.integers(0, room + 1, (len(index), 2))
            found = torch.stack(
                [one[:, y : y + self.cut, x : x + self.cut] for one, (y, x) in zip(found, corners.tolist(), strict=True)]
            )
        return found.float() / 127.5 - 1

    def split(self, share: float = 0.05) -> tuple[Pictures, Pictures]:
        """Training and validation part; a picture's part is decided by its pixels, so it never changes sides."""
        held = np.array([zlib.crc32(one.numpy().tobytes()) % 10_000 < share * 10_000 for one in self.pixels])
        if len(self) < 2:
            return self, self
        held[0] = not held[1:].any() or (held[0] and not held.all())
        return self._take(np.flatnonzero(~held)), self._take(np.flatnonzero(held))

    def _take(self, index: np.ndarray) -> Pictures:
        shelf = Shelf(tuple(self.pixels.shape[1:]))
        for i in index:
            shelf.append(self.pixels[i].numpy())
        return Pictures(shelf.tensor(), [self.records[i] for i in index], cut=self.cut)


class Shelf:
    """Pictures of one shape, one after the other: in memory, beyond `limit` bytes in a file without a name."""

    def __init__(self, shape: tuple[int, ...], limit: int | None = None):
        self._shape, self._limit = shape, _half_of_memory() if limit is None else limit
        self._memory, self._count = bytearray(), 0
        self._file: IO[bytes] | None = None

    def append(self, picture: np.ndarray) -> None:
        self._count += 1
        if self._file is not None:
            self._file.write(picture.tobytes())
            return
        self._memory += picture.tobytes()
        if len(self._memory) > self._limit:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the pictures
            self._file.write(self._memory)
            self._memory = bytearray()

    def tensor(self) -> Tensor:
        """(n, ...) uint8; nothing can be appended afterwards."""
        shape = (self._count, *self._shape)
        if self._file is None:
            return torch.from_numpy(np.frombuffer(self._memory, np.uint8).reshape(shape))
        with self._file as file:  # the system keeps what is mapped until the tensor goes
            file.flush()
            return torch.from_numpy(np.memmap(file, np.uint8, "r+", shape=shape))


def load(source: str | Path, size: int, *, pattern: str = "*.tar", stored: int = 0) -> Pictures:
    """All pictures of a folder of pictures, of a tar or .bigfile, or of those of a folder that match `pattern`.

    size: side in pixels; other pictures are cropped centrally to a square and resized. stored: the same, larger, from which
    squares of `size` are cut at random in training. Unreadable pictures are counted.
    Raises InputError when nothing readable is found, or when `stored` is smaller than `size`.
    """
    source = Path(source)
    if stored and stored < size:
        raise InputError(f"pictures stored at {stored} px cannot be cut to {size} px")
    side = stored or size
    shelf, records, broken = Shelf((3, side, side)), [], []
    for name, record, picture in decoded(members(source, pattern), lambda data: _decode(data, side)):
        try:
            shelf.append(picture.result())
            records.append(record)
        except BROKEN:
            broken.append(name)
    if not records:
        raise InputError(
            f"{source}: no readable pictures ({len(broken)} broken); expected pictures or WebDataset tars", "missing"
        )
    return Pictures(shelf.tensor(), records, broken, size if side > size else 0)


def decoded(
    found: Iterable[tuple[str, T, dict[str, Any]]], decode: Callable[[T], np.ndarray]
) -> Iterator[tuple[str, dict[str, Any], Future[np.ndarray]]]:
    """In their order, decoded by as many threads as there are cores; a few dozen are under way at once."""
    workers = min(16, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[tuple[str, dict[str, Any], Future[np.ndarray]]] = deque()
        for name, data, record in found:
            waiting.append((name, record, pool.submit(decode, data)))
            if len(waiting) > 4 * workers:
                yield waiting.popleft()
        yield from waiting


def _half_of_memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, ValueError, OSError):  # not every system tells
        return 4 << 30


def members(source: Path, pattern: str) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    """Name, bytes and record of every picture of a folder, of a tar, or of the tars of a folder that match `pattern`."""
    if source.is_file():
        yield from _archive(source)
        return
    if not source.is_dir():
        raise InputError(f"{source}: no such folder or tar", "missing")
    tars = sorted(source.glob(pattern))
    for tar in tars:
        yield from _archive(tar)
    if not tars:
        for path in sorted(source.rglob("*")):
            if path.suffix.lower() in SUFFIXES and path.is_file():
                yield str(path), path.read_bytes(), {}


def _archive(path: Path) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    if path.suffix != ".bigfile":
        yield from _tar(path)
        return
    for name, data in read_bigfile(path):
        yield f"{path}:{name}", data, {}


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
