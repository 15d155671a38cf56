"""What a result of ours says of itself: its recipe, and the facts written beside it."""

from __future__ import annotations

from pathlib import Path

from restauro.photo.metadata import xmp_of
from restauro.photo.read import open_header
from restauro.photo.xmp import find


def read_recipe(path: str | Path) -> str | None:
    """The recipe (JSON) in a result of ours, or None. The pixels are not decoded. `InputError` where there is no picture."""
    return read_fact(path, "recipe")


def read_fact(path: str | Path, name: str) -> str | None:
    """One fact of our provenance: "recipe", "source", "sourceSHA256", "tool", "date"."""
    image, _, _ = open_header(path)
    with image:
        return find(xmp_of(image), name)
