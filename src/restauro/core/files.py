"""Files are written beside their place and renamed: nothing half-written ever stands under its final name."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import BinaryIO

from restauro.core.errors import InputError, OutputError


def write_atomically(path: str | Path, writer: bytes | Callable[[BinaryIO], object], *, overwrite: bool = True) -> Path:
    """Writes `path` through a temporary file in the same folder; returns the path.

    writer: the content, or a function that is given the open binary file. Whatever it raises (Ctrl-C included) leaves
    no trace. A place that cannot be written is an `OutputError` of one line.
    """
    path = Path(path)
    place = Path(os.path.realpath(path))  # a link stays a link: its target is replaced
    if place.is_dir():
        raise OutputError(f"{path}: is a folder; name a file in it")
    if place.exists() and not overwrite:
        raise OutputError(f"{path}: exists already; choose another name or allow overwriting")
    part = place.with_name(f".{secrets.token_hex(6)}.part")  # short: the final name may already be as long as names get
    try:
        try:
            with open(part, "xb") as file:
                if callable(writer):
                    writer(file)
                else:
                    file.write(writer)
            if place.exists():
                shutil.copymode(place, part)
            os.replace(part, place)
        except OSError as error:
            reason = f"the folder {place.parent} does not exist" if not place.parent.exists() else error.strerror or str(error)
            raise OutputError(f"{path}: cannot be written: {reason}") from None
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    return path


def by_name(folder: str | Path, suffixes: Collection[str]) -> dict[str, Path]:
    """The files of a folder and its folders that end in one of `suffixes` (lower case), in order: path without ending -> file.

    Raises InputError where there is no such folder, or where two files differ in their ending alone.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder", "missing")
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in suffixes and path.is_file():
            name = path.relative_to(folder).with_suffix("").as_posix()
            if (other := found.setdefault(name, path)) is not path:
                raise InputError(f"{other} and {path.name} have one name; which of them is meant?")
    return found
