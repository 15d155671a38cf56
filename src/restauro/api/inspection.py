"""What is wrong with a photograph; nothing is changed."""

from __future__ import annotations

import msgspec

from restauro.photo.damage import Damage, measure, needs_restoration
from restauro.photo.faces.align import crop
from restauro.photo.faces.detect import Face, detect
from restauro.photo.photo import Photo
from restauro.photo.read import Source, read
from restauro.systems._report import FaceReport
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


def inspect(source: Source | Photo) -> Inspection:
    """Look at a photograph; nothing is changed."""
    photo = source if isinstance(source, Photo) else read(source)
    faces = tuple(_seen(photo, face) for face in detect(photo.pixels))
    return Inspection(
        name=photo.name,
        size=photo.size,
        format=photo.format,
        depth=photo.depth,
        damage=measure(photo.pixels),
        faces=faces,
        notices=photo.notices,
    )


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
