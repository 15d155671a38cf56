"""A palette from any picture, or from a folder of them, as the plain numbers that travel in a recipe."""

from __future__ import annotations

from pathlib import Path

import msgspec
import torch
from torch import Tensor

from restauro.core.errors import InputError, RecipeError
from restauro.core.recipe import Want
from restauro.photo.faces.align import crop
from restauro.photo.faces.detect import detect
from restauro.photo.read import read
from restauro.properties._skin import skin
from restauro.properties.colour_statistics import Statistics, statistics
from restauro.systems.pgdiff.faces import OURS, to_tensor


def explicit(want: Want) -> Want:
    """The wish with its `palette=PATH` measured and written down as mean and std; other wishes as they are.

    Raises InputError where nothing can be read there, RecipeError where a palette is named twice.
    """
    if want.property != "colour-statistics" or "palette" not in want.knobs:
        return want
    knobs = dict(want.knobs)
    place = Path(knobs.pop("palette"))
    if twice := {"style", "mean", "std"} & knobs.keys():
        raise RecipeError(f"colour-statistics: palette={place} and {min(twice)} name two palettes; say one")
    mean, std = palette(place, faces=knobs.get("region") == "skin")
    return msgspec.structs.replace(want, knobs=knobs | {"mean": _plain(mean), "std": _plain(std)})


def palette(place: Path, *, faces: bool = False) -> Statistics:
    """Mean and standard deviation (n below) of R, G, B in [-1, 1], each (3,), averaged over the readable pictures of a folder.

    faces: of the skin of each picture's largest face; pictures without one are passed over.
    """
    files = sorted(one for one in place.iterdir() if not one.name.startswith(".")) if place.is_dir() else [place]
    found = []
    for file in files:
        try:
            found.append(_measure(file, faces))
        except (InputError, IsADirectoryError):
            if files == [place]:
                raise
    if not found:
        what = "picture with a face" if faces else "readable picture"
        raise InputError(f"{place}: holds no {what} to take a palette from", "missing")
    means, stds = zip(*found, strict=True)
    return torch.cat(means).mean(0).flatten(), torch.cat(stds).mean(0).flatten()


def _measure(file: Path, faces: bool) -> Statistics:
    pixels = read(file).pixels
    if not faces:
        return statistics(to_tensor([pixels], torch.device("cpu")), unbiased=False)
    seen = max(detect(pixels), key=lambda face: face.eye_distance, default=None)
    if seen is None:
        raise InputError(f"{file}: there is no face whose skin could be measured")
    picture = to_tensor([crop(pixels, seen.points, 128, OURS)[0]], torch.device("cpu"))
    return statistics(picture, skin(picture, None, OURS), unbiased=False)


def _plain(values: Tensor) -> list[float]:
    return [round(float(value), 6) for value in values]
