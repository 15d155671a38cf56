"""What is wrong with a photograph; nothing is changed."""

from __future__ import annotations

import msgspec
import numpy as np

from restauro.core.device import choose_device
from restauro.core.recipe import Whole
from restauro.photo.damage import Damage, measure, needs_restoration
from restauro.photo.faces.align import crop
from restauro.photo.faces.detect import Face, detect
from restauro.photo.photo import Photo
from restauro.photo.read import Source, read
from restauro.systems._report import FaceReport
from restauro.systems.oldphotos.recipe import at_hand
from restauro.systems.oldphotos.scratches import as_mask, find_scratches
from restauro.systems.pgdiff.faces import OURS


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a photograph and where its faces are. faces: number, box, eye distance, what it needs and why."""

    name: str
    size: tuple[int, int]
    format: str
    depth: int
    damage: Damage
    faces: tuple[FaceReport, ...]
    notices: tuple[str, ...]
    scratched: float | None = None
    """Share of its area that is scratched; None: the detector's weights are not at hand."""


def inspect(source: Source | Photo, *, mask: np.ndarray | None = None) -> Inspection:
    """Look at a photograph; nothing is changed. mask: its scratches, where `scratches` has found them already."""
    photo = source if isinstance(source, Photo) else read(source)
    faces = tuple(_seen(photo, face) for face in detect(photo.pixels))
    if mask is None and at_hand(Whole().detector):
        mask = scratches(photo)
    return Inspection(
        name=photo.name,
        size=photo.size,
        format=photo.format,
        depth=photo.depth,
        damage=measure(photo.pixels),
        faces=faces,
        notices=photo.notices,
        scratched=None if mask is None else round(float((mask > 0).mean()), 6),
    )


def scratches(source: Source | Photo, *, how: Whole | None = None, device: str = "auto") -> np.ndarray:
    """(H, W) float32, 1 where a photograph is scratched: a mask for `old_photo` and `inpaint`. how: sensitivity, grow, detector.

    Raises WeightsError where the detector's weights are not at hand.
    """
    photo, how = source if isinstance(source, Photo) else read(source), how or Whole()
    found = find_scratches(photo.pixels, how.detector, choose_device(device))
    return as_mask(found, how.sensitivity, how.grow)


def _seen(photo: Photo, face: Face) -> FaceReport:
    picture, _ = crop(photo.pixels, face.points, 128, OURS)
    needed, why = needs_restoration(picture, face.eye_distance)
    return FaceReport(
        number=face.number,
        box=tuple(round(float(v), 1) for v in face.box),  # type: ignore[arg-type]
        eye_distance=round(face.eye_distance, 1),
        verdict="unclear" if face.doubt else "restored" if needed else "good",
        why=face.doubt or why,
    )
