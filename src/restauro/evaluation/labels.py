"""Reading labels: pictures whose values are classes, pictures whose colours are, arrays, and scores of a network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from restauro.core.errors import InputError
from restauro.evaluation.segmentation import nearest_class

SUFFIXES = {".png", ".bmp", ".tif", ".tiff", ".npy", ".jpg", ".jpeg", ".webp"}


def read_labels(path: Path, palette: np.ndarray | None = None) -> np.ndarray:
    """(H, W) integers of a file: a grey picture's levels, an indexed picture's indices, with a palette (n, 3) the class whose
    colour is nearest; or of a .npy file, (H, W) labels or (n, H, W) scores, of which the largest counts.

    Raises InputError for what is none of these.
    """
    try:
        if path.suffix.lower() == ".npy":
            array = np.load(path, allow_pickle=False)
        else:
            with Image.open(path) as image:
                array = np.asarray(image.convert("RGB") if palette is not None or image.mode in ("CMYK", "YCbCr") else image)
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
        raise InputError(f"{path}: cannot be read as labels", "corrupt") from None
    if path.suffix.lower() == ".npy":
        return _from_array(array, path)
    if palette is not None:
        return nearest_class(array, palette)
    if array.ndim == 3:
        colours = array[..., :3] if array.shape[2] > 2 else array[..., :1]
        if (colours != colours[..., :1]).any():
            raise InputError(f"{path}: is a picture in colour; name the colours of the classes with --palette FILE")
        array = colours[..., 0]
    return array.astype(np.int64)


def read_palette(path: Path) -> np.ndarray:
    """(n, 3) uint8: a line of three numbers 0..255 for each class; what follows them, and lines that begin with #, are words."""
    rows = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        raise InputError(f"{path}: cannot be read as a text file of colours", "missing") from None
    for number, line in enumerate(lines, 1):
        if (words := line.replace(",", " ").split()) and not line.lstrip().startswith("#"):
            try:
                row = [int(word) for word in words[:3]]
            except ValueError:
                row = []
            if len(row) != 3 or not all(0 <= value <= 255 for value in row):
                raise InputError(f"{path}, line {number}: expected three numbers 0..255, found {line.strip()!r:.40}")
            rows.append(row)
    if len(rows) < 2:
        raise InputError(f"{path}: expected a line R G B for each class")
    return np.array(rows, np.uint8)


def to_size(labels: np.ndarray, height: int, width: int) -> np.ndarray:
    """(H, W) labels to (height, width): the nearest label."""
    rows, columns = ((np.arange(n) + 0.5) * side // n for n, side in zip((height, width), labels.shape, strict=True))
    return np.asarray(labels[rows.astype(int)[:, None], columns.astype(int)])


def _from_array(array: np.ndarray, path: Path) -> np.ndarray:
    if array.ndim == 3:
        return np.argmax(array, 0)
    if array.ndim != 2 or array.dtype.kind not in "iub":
        raise InputError(f"{path}: an array of {array.dtype} {array.shape}; expected integers (H, W) or scores (classes, H, W)")
    return array.astype(np.int64)
