"""Old Photos' container of training pictures ("bigfile"): their encoded files one after the other, nothing else."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from restauro.core.errors import InputError
from restauro.core.files import write_atomically

COUNT = struct.Struct("<i")


def read_bigfile(path: str | Path) -> Iterator[tuple[str, bytes]]:
    """(name, encoded picture) each. The file: a count, then for each its name's length, name, length, and data.

    Numbers are int32, little-endian; names UTF-8. Raises InputError where the file ends too soon or is none of these.
    """
    with Path(path).open("rb") as file:
        room = Path(path).stat().st_size
        for _ in range(_number(file, room)):
            name = _part(file, room).decode("utf-8", "replace")
            yield name, _part(file, room)


def write_bigfile(path: str | Path, pictures: Iterable[tuple[str, bytes]]) -> None:
    """Write (name, encoded picture) each into a new container."""
    parts = [(name.encode(), data) for name, data in pictures]
    code = b"".join(COUNT.pack(len(part)) + part for pair in parts for part in pair)
    write_atomically(path, COUNT.pack(len(parts)) + code)


def _part(file: BinaryIO, room: int) -> bytes:
    length = _number(file, room)
    data = file.read(length)
    if len(data) < length:
        raise InputError(f"{file.name}: ends in the middle of a picture", "not-an-image")
    return data


def _number(file: BinaryIO, room: int) -> int:
    data = file.read(COUNT.size)
    if len(data) < COUNT.size:
        raise InputError(f"{file.name}: ends before its last picture", "not-an-image")
    number: int = COUNT.unpack(data)[0]
    if not 0 <= number <= room:
        raise InputError(f"{file.name}: is no bigfile of pictures", "not-an-image")
    return number
