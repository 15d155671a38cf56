"""Training on pairs: what the network is shown beside what it is asked for.

The contract: a batch of pairs is one tensor (N, 6, S, S) in [-1, 1], what is shown in the first three channels, what is asked
for in the last three. So cutting out, mirroring and splitting (data.py, batches.py) treat both sides alike without knowing.
An objective that learns from pairs is a `PairedPictures`: it brings the knobs and `read`, by which training reads its pictures;
`pair(pictures, rng)` gives (shown, asked), also where single pictures and a degradation make the pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from restauro.core.errors import InputError, RecipeError
from restauro.core.files import by_name
from restauro.core.knobs import Knob, Knobbed
from restauro.degradations.chains import chain, degrade
from restauro.photo.read import read as read_photo
from restauro.training.data import BROKEN, SUFFIXES, Pictures, Shelf, decoded, load, members

Layout = Literal["auto", "folders", "side-by-side"]
Direction = Literal["AtoB", "BtoA"]
Preprocess = Literal["square", "resize_and_crop", "crop", "scale_width_and_crop"]
Labels = Literal["none", "A", "B", "both"]
Sides = tuple[bytes, bytes] | tuple[bytes]
"""The files of a pair: two, or one that holds both."""


class PairedPictures(Knobbed, frozen=True, kw_only=True):
    """An objective whose training pictures are pairs, or single pictures that a degradation makes into pairs."""

    degradation: Annotated[str, Knob("chain that damages what is shown of single pictures; empty: the data are pairs")] = ""
    layout: Annotated[Layout, Knob("folders A and B with the same names, or A beside B in one picture")] = "auto"
    direction: Annotated[Direction, Knob("AtoB: A is shown and B asked for")] = "AtoB"
    preprocess: Annotated[Preprocess, Knob("how pairs get their size: the middle square, or a published way")] = "square"
    labels: Annotated[Labels, Knob("side whose colours are labels: resized to the nearest pixel")] = "none"

    def __post_init__(self) -> None:
        super().__post_init__()
        of_pairs = (self.layout, self.direction, self.preprocess, self.labels)
        if self.degradation and of_pairs != ("auto", "AtoB", "square", "none"):
            raise RecipeError("with degradation=... the data are single pictures: layout, direction, preprocess and labels say "
                              "nothing of them")  # fmt: skip
        if self.degradation:
            chain(self.degradation)

    def read(self, source: str | Path, size: int, *, pattern: str = "*.tar", stored: int = 0) -> Pictures:
        """The training pictures: of six channels where they are pairs, of three with a degradation."""
        if self.degradation:
            return load(source, size, pattern=pattern, stored=stored)
        how = {"layout": self.layout, "direction": self.direction, "preprocess": self.preprocess, "labels": self.labels}
        return load_pairs(source, size, pattern=pattern, stored=stored, **how)  # type: ignore[arg-type]

    def pair(self, pictures: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """(shown, asked), each (N, 3, S, S) in [-1, 1]: the halves of pairs, or single pictures damaged and as they were."""
        return damaged(pictures, self.degradation, rng) if self.degradation else halves(pictures)


def halves(pairs: Tensor) -> tuple[Tensor, Tensor]:
    """(N, 6, H, W) to what is shown and what is asked for, (N, 3, H, W) each."""
    shown, asked = pairs.split(3, 1)
    return shown, asked


def damaged(pictures: Tensor, name: str, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """(N, 3, H, W) damaged by a chain of that name, drawn anew for each, and what a restorer is asked for."""
    found = [degrade(one[None], chain(name), rng) for one in pictures]
    return torch.cat([one.picture for one in found]), torch.cat([one.target for one in found])


@dataclass(frozen=True)
class Uneven(Pictures):
    """Pictures of different sizes, in memory, of which only squares of `cut` are seen. pixels: a list of (C, H, W) uint8."""

    pixels: Any

    def batch(self, index: np.ndarray, rng: np.random.Generator | None = None) -> Tensor:
        squares = []
        for one in (self.pixels[i] for i in index):
            room = [side - self.cut for side in one.shape[-2:]]
            y, x = (r // 2 if rng is None else int(rng.integers(r + 1)) for r in room)
            squares.append(one[:, y : y + self.cut, x : x + self.cut])
        return torch.stack(squares).float() / 127.5 - 1

    def _take(self, index: np.ndarray) -> Pictures:
        return Uneven([self.pixels[i] for i in index], [self.records[i] for i in index], cut=self.cut)


def load_pairs(
    source: str | Path,
    size: int,
    *,
    pattern: str = "*.tar",
    stored: int = 0,
    layout: Layout = "auto",
    direction: Direction = "AtoB",
    preprocess: Preprocess = "square",
    labels: Labels = "none",
) -> Pictures:
    """All pairs of a folder with the folders A and B, or of side-by-side pictures in a folder or in tars; six channels.

    size: side of the squares that are trained on. stored: side from which they are cut at random (published: 286 for 256).
    preprocess: "square" cuts the middle and resizes it to `stored`; "resize_and_crop" ignores the aspect; "crop" takes squares
    out of the picture's own pixels; "scale_width_and_crop" out of it at `stored` wide. Pillow's bicubic, labels nearest.
    Pictures are read as photographs are: 16 bits and profiles honoured, what is transparent laid on white.

    What cannot be read or is no pair is counted in `broken`, with the reason. Raises InputError when nothing is left.
    """
    if stored and stored < size:
        raise InputError(f"pictures stored at {stored} px cannot be cut to {size} px")
    source, side = Path(source), stored or size
    swap = direction == "BtoA"
    folders = layout == "folders" or (layout == "auto" and (source / "A").is_dir() and (source / "B").is_dir())
    nearest = (labels in ("A", "both"), labels in ("B", "both"))
    found: list[Tensor] = []
    shelf, records = Shelf((6, side, side)), []
    broken: list[str] = []
    even = preprocess in ("square", "resize_and_crop")

    def pair(files: Sides) -> np.ndarray:
        a, b = map(_levels, files) if len(files) == 2 else split(_levels(files[0]), sure=layout == "side-by-side")
        fitted = _fitted(a, b, preprocess, size, side, nearest)
        return np.concatenate([one.transpose(2, 0, 1) for one in (reversed(fitted) if swap else fitted)])

    for name, record, done in decoded(_two(source, broken) if folders else _one(source, pattern), pair):
        try:
            picture = np.ascontiguousarray(done.result())
        except InputError as error:
            broken.append(f"{name} ({error})" if error.kind == "unusable" else name)
        except BROKEN:
            broken.append(name)
        else:
            shelf.append(picture) if even else found.append(torch.from_numpy(picture))
            records.append(record)
    if not records:
        raise InputError(
            f"{source}: no pairs of pictures; {broken[0] if broken else 'expected A/ and B/, or A beside B'}", "missing"
        )
    if not even:
        return Uneven(found, records, broken, size)
    return Pictures(shelf.tensor(), records, broken, size if side > size else 0)


def split(both: np.ndarray, *, sure: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The halves of a side-by-side picture (H, W, C), equally wide: the middle column of an odd width belongs to none.

    A picture that is not twice as wide as high is taken for a single one and refused, unless the caller is `sure`: InputError.
    """
    height, width = both.shape[:2]
    if width < 2 or (not sure and width // 2 != height):
        raise InputError(
            f"{width} x {height} is not two squares side by side; if it is a pair, say layout=side-by-side", "unusable"
        )
    half = width // 2
    return both[:, :half], both[:, width - half :]


def _one(source: Path, pattern: str) -> Iterator[tuple[str, Sides, dict[str, Any]]]:
    for name, data, record in members(source, pattern):
        yield name, (data,), record


def _two(source: Path, broken: list[str]) -> Iterator[tuple[str, Sides, dict[str, Any]]]:
    """The files of A and of B that have the same name up to the ending; the others go to `broken`."""
    a, b = (by_name(source / side, SUFFIXES) for side in "AB")
    broken += [f"{(a.get(key) or b[key])} (has no partner)" for key in sorted(a.keys() ^ b.keys())]
    for key in sorted(a.keys() & b.keys()):
        yield key, (a[key].read_bytes(), b[key].read_bytes()), {}


def _levels(data: bytes) -> np.ndarray:
    photo = read_photo(data)
    pixels = photo.pixels if photo.alpha is None else 1 + (photo.pixels - 1) * photo.alpha[..., None]
    return np.asarray(np.rint(pixels * 255), np.uint8)


def _fitted(
    a: np.ndarray, b: np.ndarray, preprocess: Preprocess, size: int, side: int, nearest: tuple[bool, bool]
) -> tuple[np.ndarray, np.ndarray]:
    """Both at one size; where their own sizes differ, the larger one's counts."""
    (h, w), (other_h, other_w) = sorted((a.shape[:2], b.shape[:2]), reverse=True)
    if abs(h * other_w - w * other_h) > 0.01 * h * other_w:
        raise InputError(f"{w} x {h} and {other_w} x {other_h} have different shapes")
    if preprocess == "scale_width_and_crop":
        w, h = side, max(int(side * h / w), size)
    elif preprocess == "crop":
        larger = max(1.0, size / min(w, h))  # a picture that is too small is enlarged, never an error
        w, h = round(w * larger), round(h * larger)
    else:
        w = h = side
    squared = preprocess == "square"
    return _resized(a, w, h, nearest[0], squared), _resized(b, w, h, nearest[1], squared)


def _resized(levels: np.ndarray, width: int, height: int, nearest: bool, squared: bool) -> np.ndarray:
    box = None
    if squared:
        short = min(levels.shape[:2])
        top, left = ((length - short) // 2 for length in levels.shape[:2])
        box = (left, top, left + short, top + short)
    kernel = Image.Resampling.NEAREST if nearest else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(np.ascontiguousarray(levels)).resize((width, height), kernel, box))
