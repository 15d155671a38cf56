"""A file that may be cut into parts, where only small files can be carried; written whole or not at all.

Whole: `state.pt`. In parts: `state.pt.json`, which lists `state.pt.20.000`, `state.pt.20.001`, ... of checkpoint 20.
The list is replaced last and at once, so a kill at any moment leaves the older or the newer content.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

from restauro.core.errors import OutputError
from restauro.core.files import write_atomically

Writer = Callable[[BinaryIO], object]


class Parted:
    """The content that is known as `path`."""

    def __init__(self, path: Path):
        self.path = path
        self._list = path.with_name(f"{path.name}.json")

    def exists(self) -> bool:
        return self.path.exists() or self._list.exists()

    def read(self) -> io.BytesIO:
        """All of it. OSError where a part is missing, ValueError where the list is damaged or a part has another length."""
        if not self._list.exists():
            return io.BytesIO(self.path.read_bytes())
        parts = json.loads(self._list.read_text())
        joined = b"".join(self.path.with_name(name).read_bytes() for name in parts["files"])
        if len(joined) != parts["bytes"]:
            raise ValueError(f"its parts have {len(joined)} bytes instead of {parts['bytes']}")
        return io.BytesIO(joined)

    def write(self, writer: Writer, *, generation: int, limit: int = 0) -> None:
        """limit: bytes of the largest part; 0: one file. generation: a number that no earlier content had. OutputError."""
        if not limit:
            write_atomically(self.path, _synced(writer))
            self._list.unlink(missing_ok=True)
        else:
            file = _Parts(self.path, generation, limit)
            try:
                with file:
                    writer(cast(BinaryIO, file))
                told = {"bytes": file.size, "files": [path.name for path in file.paths]}
                write_atomically(self._list, _synced(json.dumps(told, indent=1).encode()))
            except BaseException as error:
                _remove(file.paths)
                if isinstance(error, OSError):
                    raise OutputError(f"{self.path}: cannot be written: {error.strerror or error}") from None
                raise
            self.path.unlink(missing_ok=True)
        self.clean()

    def clean(self) -> None:
        """Remove what a killed process left half-written, and parts that are listed no more."""
        listed = json.loads(self._list.read_text())["files"] if self._list.exists() else []
        _remove(path for path in self._parts() if path.name not in listed)
        _remove(self.path.parent.glob(".*.part"))

    def _parts(self) -> Iterator[Path]:
        for path in self.path.parent.glob(f"{self.path.name}.*.*"):
            if all(word.isdecimal() for word in path.name.removeprefix(f"{self.path.name}.").split(".")):
                yield path


class _Parts(io.RawIOBase):
    """Takes bytes and puts them into one file after the other."""

    def __init__(self, path: Path, generation: int, limit: int):
        self.paths: list[Path] = []
        self.size = 0
        self._stem, self._limit = f"{path}.{generation}", limit
        self._file: BinaryIO | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        rest = memoryview(cast(bytes, data)).cast("B")
        total = len(rest)
        while len(rest):
            room = self._limit - self.size % self._limit
            if self._file is None or room == self._limit:
                self._finish()
                self.paths.append(Path(f"{self._stem}.{len(self.paths):03}"))
                self._file = open(self.paths[-1], "wb")  # noqa: SIM115  # stays open until the next part begins
            self._file.write(rest[:room])
            self.size += len(rest[:room])
            rest = rest[room:]
        return total

    def close(self) -> None:
        self._finish()
        super().close()

    def _finish(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            with file:
                file.flush()
                os.fsync(file.fileno())


def _synced(content: bytes | Writer) -> Writer:
    """On the disk before the old file goes, even if the power fails."""

    def write(file: BinaryIO) -> None:
        if callable(content):
            content(file)
        else:
            file.write(content)
        file.flush()
        os.fsync(file.fileno())

    return write


def _remove(paths: Iterator[Path] | list[Path]) -> None:
    for path in list(paths):
        with suppress(OSError):
            path.unlink()
