"""The way of an old photograph: the whole restored, then its faces by another system."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import msgspec
import numpy as np
import torch

from restauro.core.errors import RecipeError
from restauro.core.events import Listener, part, silent
from restauro.core.recipe import Recipe, Whole
from restauro.photo.colour import tone
from restauro.photo.photo import Photo
from restauro.photo.resize import resize
from restauro.systems._enlarge import enlarge
from restauro.systems._report import FaceReport, Outcome, Report
from restauro.systems._tasks import way
from restauro.systems.oldphotos.recipe import weights_of
from restauro.systems.oldphotos.stages import Base, as_published, ours
from restauro.weights.store import find

SHADING = "shadow or glare over large parts is beyond Old Photos: what is shaded stays so"
SAME = 1e-5
"""Half a level of 16 bits is 8e-6."""
LIGHT, EDGE = 1 / 12, 2.0
"""How broad light and shade are, in widths of a face; and how softly they end where a face was pasted, in pixels."""


class Faces(NamedTuple):
    """A picture with its faces restored, or none to restore; what became of them, what to say, and calls of the prior."""

    pixels: np.ndarray
    faces: tuple[FaceReport, ...]
    notices: tuple[str, ...]
    calls: int


def restore_variants(
    pixels: np.ndarray,
    recipe: Recipe,
    seeds: Sequence[int],
    device: torch.device,
    *,
    mask: np.ndarray | None = None,
    reference: Sequence[Photo] = (),
    listener: Listener = silent,
) -> Iterator[Outcome]:
    """One outcome a seed; the whole, which has no chance in it, is restored once.

    pixels: (H, W, 3) float sRGB in [0, 1]. mask: (H, W) in [0, 1], 1 = missing; None: scratches are looked for.
    """
    whole = recipe.whole or Whole()
    if reference and not whole.faces_by:
        raise RecipeError("a reference photograph is for faces, and here no faces are restored")
    began = time.monotonic()
    stages = 2 if whole.faces_by else 1
    base = (as_published if recipe.faithful else ours)(pixels, mask, recipe, whole, device, part(listener, 0, stages))
    said = (*_notices(pixels, base, recipe, whole), *_licences(whole))
    for done in _with_faces(base, recipe, whole, seeds, device, reference, part(listener, 1, stages)):
        yield _outcome(done, said, pixels, base, recipe, device, began)
        began = time.monotonic()


def _with_faces(
    base: Base,
    recipe: Recipe,
    whole: Whole,
    seeds: Sequence[int],
    device: torch.device,
    reference: Sequence[Photo],
    listener: Listener,
) -> Iterator[Faces]:
    if whole.faces_by:
        own = msgspec.structs.replace(recipe, task="restore", system=whole.faces_by)  # its age the whole has lost already
        for found in way(own)(base.pixels, own, seeds, device, reference=reference, listener=listener):
            pixels = in_the_light_of(base.pixels, found.pixels, found.report.faces)
            yield Faces(pixels, found.report.faces, found.report.notices, found.report.calls)
        return
    for seed in seeds:
        own = msgspec.structs.replace(recipe, seed=seed)
        enlarged = (
            enlarge(base.pixels, recipe.upscale, own, recipe.cleaning, device, listener) if recipe.upscale > 1 else base.pixels
        )
        yield Faces(enlarged, (), (), 0)


def in_the_light_of(base: np.ndarray, found: np.ndarray, faces: Sequence[FaceReport]) -> np.ndarray:
    """`found`, whose faces were restored in `base`, with the light and shade that `base` has across each face.

    What is broader than a tenth of a face was the whole photograph's to decide: a prior of faces that lights some parts of one
    again makes a mask of it. found may be larger than `base`, which the boxes of the faces are told in.
    """
    times, out = len(found) / len(base), found.copy()
    wanted = base if base.shape == found.shape else resize(base, *found.shape[:2])
    for face in faces:
        if face.verdict in ("restored", "unsure"):
            x, y, width, height = (times * value for value in face.box)
            rows, columns = (slice(max(0, round(low - side)), round(low + 2 * side)) for low, side in ((y, height), (x, width)))
            apart = wanted[rows, columns] - out[rows, columns]
            touched = (np.abs(apart).max(-1) > SAME).astype(np.float32)
            inside = cv2.GaussianBlur(touched, (0, 0), EDGE) * touched
            out[rows, columns] += inside[:, :, None] * cv2.GaussianBlur(apart, (0, 0), max(LIGHT * width, 1.0))
    return out.clip(0, 1)


def _outcome(
    done: Faces, said: tuple[str, ...], pixels: np.ndarray, base: Base, recipe: Recipe, device: torch.device, began: float
) -> Outcome:
    out, touched = done.pixels, np.ones(done.pixels.shape[:2], bool)
    if out.shape == pixels.shape:
        touched = np.abs(out - pixels).max(-1) > SAME
        out = np.where(touched[:, :, None], out, pixels)
    changed = round(float(touched.mean()), 6)
    report = Report(
        task=recipe.task,
        tone=tone(pixels),
        faces=done.faces,
        notices=tuple(dict.fromkeys((*said, *done.notices))),
        changed=changed,
        invented=changed,
        outside_exact=True,
        calls=done.calls,
        seconds=round(time.monotonic() - began, 3),
        device=str(device),
        scratched=round(float((base.mask > 0).mean()), 6),
    )
    return Outcome(out, touched, report)


def _notices(pixels: np.ndarray, base: Base, recipe: Recipe, whole: Whole) -> Iterator[str]:
    yield from base.notices
    toned = tone(pixels)
    if toned != "colour" and recipe.colour == "keep" and not recipe.faithful:
        stays = "stays so" if toned == "grey" else "stays in one tone, which may be another"
        yield f"the photograph is {toned} and {stays} (colour: keep)"
    holes = base.mask > 0
    if holes.any():
        yield f"{holes.mean():.1%} of the photograph were scratched or missing: what is there now is a guess of the network"
    if not whole.only_scratches and whole.strength:
        yield SHADING
        seen = resize(base.pixels, *pixels.shape[:2])  # as published, it has another size
        known = ~holes if holes.shape == pixels.shape[:2] else np.ones(pixels.shape[:2], bool)
        if known.any():
            moved = float(np.sqrt(np.square((seen - pixels)[known]).mean())) * 255
            yield f"outside scratches the whole moved by {moved:.1f} of 255; --strength and --only-scratches limit that"


def _licences(whole: Whole) -> Iterator[str]:
    for licence in dict.fromkeys(find(name)[0].licence for name in weights_of(whole)):
        if licence:
            yield f"the weights are {licence}"
