"""Faces between two faces, and from coarse to fine (Ho et al. 2020, figures 8 and 9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from restauro.core.device import choose_device
from restauro.core.errors import InputError
from restauro.core.events import Event, Listener, silent
from restauro.evaluation.sheets import to_image
from restauro.photo.faces.align import crop
from restauro.photo.faces.detect import detect
from restauro.photo.photo import Photo
from restauro.photo.read import Source, read
from restauro.systems._prior import trained
from restauro.systems.ddpm.draw import between
from restauro.systems.ddpm.recipe import make_drawing
from restauro.systems.pgdiff.faces import Frame, only_face, to_tensor
from restauro.weights.store import find


class Row(NamedTuple):
    """Pictures from the first to the second, both as the prior sees them at the ends, of which `depth` steps were forgotten."""

    depth: int
    pictures: list[Image.Image]


def interpolate(
    first: Source | Photo,
    second: Source | Photo,
    *,
    count: int = 7,
    depths: Sequence[int] | None = None,
    spherical: bool = True,
    aligned: bool = False,
    steps: int | None = 20,
    seed: int = 0,
    prior: str = "face-prior",
    sampler: str | None = None,
    sampler_knobs: Mapping[str, Any] | None = None,
    faithful: bool = False,
    device: str = "auto",
    listener: Listener = silent,
) -> list[Row]:
    """`count` pictures between the largest faces of two photographs, their reconstructions included, for each depth.

    depths: diffusion steps that both are sent through before they are mixed: 0 blends pixels, all of the schedule's draws
    other people; default: until noise and picture are equally strong, faithful: half of them. spherical: the noise keeps its
    strength; False as published. aligned: the pictures are what the prior wants, cut out already. faithful: linear,
    ancestral, every step.
    """
    knobs = dict(sampler_knobs) if sampler_knobs else None
    settings = {"prior": prior, "sampler": sampler, "sampler_knobs": knobs, "seed": seed}
    drawing = make_drawing(faithful=faithful, steps=None if faithful else steps, **settings)
    where, frame = choose_device(device), Frame.of(prior, aligned)
    ends = [_face(one if isinstance(one, Photo) else read(one), frame, aligned) for one in (first, second)]
    one, two = (to_tensor([end], where) for end in ends)
    shares, found = np.linspace(0, 1, count).tolist(), list[Row]()
    schedule = trained(find(prior)[0])
    usual = len(schedule) // 2 if faithful else round(float(schedule.t_of_sigma(1.0))) + 1
    wanted = [usual] if depths is None else list(depths)
    for place, depth in enumerate(wanted):

        def heard(event: Event, place: int = place) -> None:
            listener(Event(event.what, place * event.total + event.done, len(wanted) * event.total))

        pictures = between(drawing, one, two, shares, depth, spherical=spherical and not faithful, listener=heard)
        found.append(Row(depth, [to_image(end) for end in (one[0], *pictures, two[0])]))
    return found


def _face(photo: Photo, frame: Frame, aligned: bool) -> np.ndarray:
    """The largest face, as the prior wants it."""
    if aligned:
        return only_face(photo.pixels, None, frame).picture
    faces = detect(photo.pixels)
    if not faces:
        raise InputError(
            f"{photo.name}: no face was found; what is cut out for the prior already goes with --aligned", "unusable"
        )
    return crop(photo.pixels, max(faces, key=lambda face: face.eye_distance).points, *frame)[0]
