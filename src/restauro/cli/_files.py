"""Which photographs are meant, and where their results go."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from restauro.core.errors import InputError, OutputError, RecipeError

SUFFIXES = frozenset(".jpg .jpeg .jpe .jfif .png .tif .tiff .webp .avif .heic .heif .jp2 .bmp .gif .ppm .pgm .pnm .mpo".split())
"""A file of a folder with one of these, in any case, is meant as a photograph, even where it turns out to be none."""


class Job(NamedTuple):
    """A photograph and the place of its result."""

    source: Path
    output: Path


def photographs(words: Iterable[str], made: str = "") -> tuple[list[Path], int]:
    """The files that were named and those of the folders that were named, and how many files there are no photographs.

    Hidden files and folders inside folders are passed over, and so are earlier results: a name that ends in `made` and
    is otherwise another's. A file that is not there is kept: its own error says so.
    """
    found: list[Path] = []
    others = 0
    for word in words:
        path = Path(word)
        if path.is_dir():
            inside = [one for one in sorted(path.iterdir()) if one.is_file() and not one.name.startswith(".")]
            stems = {one.stem for one in inside}
            inside = [one for one in inside if not (made and _original(one.stem, made) in stems)]
            pictures = [one for one in inside if one.suffix.lower() in SUFFIXES or _looks_like_one(one)]
            if not pictures:
                raise InputError(f"{path}: there is no picture in this folder", "missing")
            others += len(inside) - len(pictures)
            found += pictures
        elif not path.exists() and any(sign in word for sign in "*?["):  # a shell that leaves patterns to us
            found += [Path(one) for one in sorted(glob.glob(word))] or [path]
        else:
            found.append(path)
    return list(dict.fromkeys(found)), others


def jobs(
    words: Sequence[str], sources: Sequence[Path], output: str | None, suffix: str | None, ending: str, made: str
) -> list[Job]:
    """Where each result goes: `output` is a file for one photograph, a folder for a folder or for several.

    suffix: added to the name; default: `made` ("-restored") beside the input, nothing in another folder.
    ending: "png", or "" for the input's own. A result never takes its input's place. Raises RecipeError, OutputError.
    """
    many = len(sources) > 1 or any(Path(word).is_dir() for word in words)
    folder = output is not None and (many or Path(output).is_dir() or output.endswith(("/", os.sep)))
    if output is not None and not folder:
        return [_safe(Job(sources[0], Path(output)))]
    if output is not None:
        _make(Path(output))
    planned: dict[Path, Path] = {}
    found = []
    for source in sources:
        place = Path(output) if output is not None else source.parent
        tail = suffix if suffix is not None else ("" if output is not None else made)
        if place.resolve() == source.parent.resolve():
            tail = tail or made
        job = Job(source, place / f"{source.stem}{tail}{f'.{ending}' if ending else _suffix(source)}")
        if other := planned.get(job.output):
            raise RecipeError(f"{other} and {source} would both be written to {job.output}; give --suffix or two runs")
        planned[job.output] = source
        found.append(_safe(job))
    return found


def check_free(output: Path, overwrite: bool) -> None:
    """Refuse before the work what could not be written after it."""
    if output.is_dir():
        raise OutputError(f"{output}: is a folder; name a file in it")
    if output.exists() and not overwrite:
        raise OutputError(f"{output}: exists already; --overwrite replaces it")
    if not output.parent.is_dir():
        raise OutputError(f"{output}: the folder {output.parent} does not exist")
    if not os.access(output.parent, os.W_OK):
        raise OutputError(f"{output}: the folder {output.parent} may not be written to")


def _original(stem: str, made: str) -> str:
    """The name that this would be a result of, with --variants or without."""
    found = re.fullmatch(rf"(.*){re.escape(made)}(-\d+|-variants|-spread)?", stem)
    return found[1] if found else ""


def _suffix(source: Path) -> str:
    """The photograph's own where it can be written; the content decides where there is none."""
    if source.suffix.lower() == ".mpo":
        return ".jpg"
    return source.suffix if source.suffix.lower() in SUFFIXES or not source.suffix else ".png"


def _safe(job: Job) -> Job:
    if job.output.exists() and job.source.exists() and job.output.samefile(job.source):
        raise OutputError(f"{job.output}: is the photograph itself; the original is never overwritten")
    return job


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made a folder: {error.strerror}") from None


def _looks_like_one(path: Path) -> bool:
    from restauro.photo.sniff import sniff

    try:
        with path.open("rb") as file:
            sniff(file.read(4096), path.name)
    except (InputError, OSError):
        return False
    return True
