"""The way of a photograph with DiffBIR: its faces by a prior that knows faces only, all of it by one that knows anything."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import msgspec
import numpy as np
import torch
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.events import Listener, part, silent
from restauro.core.recipe import Latent, Recipe
from restauro.diffusion.contract import Observation
from restauro.photo.colour import keep_tone, tone
from restauro.photo.faces.detect import Face
from restauro.photo.holes import check_mask, fill
from restauro.photo.photo import Photo
from restauro.photo.resize import resize
from restauro.photo.tones import keep_colours, keep_light
from restauro.photo.wavelets import low
from restauro.systems._report import FaceReport, Outcome, Report
from restauro.systems._tasks import way_of_faces
from restauro.systems.diffbir import engine
from restauro.systems.diffbir.cleaning import cleaned
from restauro.systems.diffbir.parts import checked
from restauro.systems.diffbir.published import larger
from restauro.systems.diffbir.published_faces import Around, around, run
from restauro.systems.diffbir.recipe import RESTORING
from restauro.weights.store import find

AROUND = "around the faces the photograph is as the first stage cleaned it: this prior knows faces only, and paints nothing else"


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
    """One outcome a seed. pixels: (H, W, 3) float sRGB in [0, 1]. mask: (H, W) in [0, 1], 1 = missing."""
    about, latent = checked(recipe), recipe.latent or Latent()
    ground = around(recipe) if recipe.faithful else None
    if ground or not (about.face_template or recipe.aligned):
        yield from _whole(pixels, recipe, seeds, device, mask, reference, ground, listener)
        return
    clean = recipe.task in RESTORING and latent.background == "clean" and not recipe.aligned
    cleaner = _cleaner(pixels, mask, recipe, device) if clean else None
    said = (*([AROUND] if clean else ()), *_licences(recipe))
    known = {"mask": mask, "reference": reference, "ground": cleaner, "listener": listener}
    for found in way_of_faces()(pixels, recipe, seeds, device, **known):
        faces = _share(found, pixels) if clean else found.report.invented
        report = msgspec.structs.replace(
            found.report, notices=tuple(dict.fromkeys((*found.report.notices, *said))), invented=faces
        )
        yield replace(found, report=report)


def _cleaner(pixels: np.ndarray, mask: np.ndarray | None, recipe: Recipe, device: torch.device) -> np.ndarray:
    """The photograph by the first stage, in its own light and colours: one that was trained on faces lights and colours whatever
    it sees as it would a face."""
    holes = None if mask is None else _tensor(mask, device)
    found = _array(cleaned(recipe.restorer, _tensor(pixels, device), holes))
    known = np.ones(pixels.shape[:2], bool) if mask is None else mask == 0
    found = keep_light(pixels, found, known)
    if tone(pixels) == "colour":
        return keep_colours(pixels, found, known)
    return keep_tone(pixels, found) if recipe.colour == "keep" else found


def _share(found: Outcome, pixels: np.ndarray) -> float:
    """Of the area, what lies in the boxes of faces that were restored: the rest is the first stage's, which invents nothing."""
    inside = np.zeros(pixels.shape[:2], bool)
    for face in found.report.faces:
        if face.verdict in ("restored", "unsure"):
            x, y, width, height = (max(0, round(value)) for value in face.box)
            inside[y : y + height, x : x + width] = True
    return round(float(inside.mean()), 6)


def _whole(
    pixels: np.ndarray,
    recipe: Recipe,
    seeds: Sequence[int],
    device: torch.device,
    mask: np.ndarray | None,
    reference: Sequence[Photo],
    ground: Around | None,
    listener: Listener,
) -> Iterator[Outcome]:
    """ground: what restores all that is around the faces, where these are restored on their own."""
    if reference:
        raise RecipeError(f"a reference photograph is for faces, and {recipe.prior!r} restores whole photographs")
    if recipe.task == "inpaint" and mask is None:
        raise RecipeError("inpaint needs a mask: --mask FILE, white where the picture is missing")
    base = pixels
    if mask is not None:
        check_mask(pixels, mask)
        base = pixels if recipe.faithful else fill(pixels, mask)
    height, width = (side * recipe.upscale for side in pixels.shape[:2])
    large, holes = resize(base, height, width), None if mask is None else resize(mask, height, width).clip(0, 1)
    shown = base if recipe.faithful and larger(recipe) > 1 else large
    seen = Observation(_tensor(shown, device), mask=None if holes is None else _tensor(holes, device))
    for done, seed in enumerate(seeds):
        began = time.monotonic()
        own = msgspec.structs.replace(recipe, seed=seed)
        heard, faces = part(listener, done, len(seeds)), list[Face]()
        if ground is None:
            found = engine.run(own, seen, listener=heard)
        else:
            found, faces = run(own, seen, ground, listener=heard)
        outcome = _outcome(_array(found), large, holes, own, device, began)
        yield outcome if ground is None else _with_faces(outcome, faces, recipe)


def _with_faces(outcome: Outcome, faces: Sequence[Face], recipe: Recipe) -> Outcome:
    reports = tuple(
        FaceReport(
            number=face.number,
            box=tuple(round(side / recipe.upscale, 1) for side in face.box),  # type: ignore[arg-type]
            eye_distance=round(face.eye_distance / recipe.upscale, 1),
            verdict="restored",
            why="",
        )
        for face in faces
    )
    notices = (*outcome.report.notices, *(() if faces else ("no face was found",)))
    return replace(outcome, report=msgspec.structs.replace(outcome.report, faces=reports, notices=notices))


def _outcome(
    found: np.ndarray, large: np.ndarray, holes: np.ndarray | None, recipe: Recipe, device: torch.device, began: float
) -> Outcome:
    toned, touched = tone(large), np.ones(large.shape[:2], bool)
    if toned != "colour" and recipe.colour == "keep" and recipe.task != "colorize":
        found = keep_tone(large, found)
    if recipe.task == "inpaint" and holes is not None:
        touched = holes > 0
        found = np.where(touched[:, :, None], large + holes[:, :, None] * (found - large), large)
    moved = float(np.sqrt(np.square(low(found) - low(large)).mean())) * 255
    report = Report(
        task=recipe.task,
        tone=toned,
        faces=(),
        notices=(
            "fine detail is a guess of the network, which the photograph does not show: mind small faces and writing",
            f"its broad shapes and tones moved by {moved:.1f} of 255; a higher fidelity keeps more",
            *_licences(recipe),
        ),
        changed=round(float(touched.mean()), 6),
        invented=round(float(touched.mean()), 6),
        outside_exact=True,
        calls=engine.calls(recipe),
        seconds=round(time.monotonic() - began, 3),
        device=str(device),
    )
    return Outcome(found.astype(np.float32), touched, report)


def _licences(recipe: Recipe) -> list[str]:
    latent = recipe.latent or Latent()
    found = (find(name)[0].licence for name in (recipe.prior, latent.control, latent.autoencoder, recipe.restorer))
    return [f"the weights are {licence}" for licence in dict.fromkeys(found) if licence]


def _tensor(picture: np.ndarray, device: torch.device) -> Tensor:
    """(H, W, 3) in [0, 1] to (1, 3, H, W) in [-1, 1]; a mask (H, W) to (1, 1, H, W), as it is."""
    found = torch.from_numpy(np.ascontiguousarray(picture, np.float32)).to(device)
    return found[None, None] if found.ndim == 2 else found.permute(2, 0, 1)[None] * 2 - 1


def _array(picture: Tensor) -> np.ndarray:
    """(1, 3, H, W) in [-1, 1] to (H, W, 3) float32 in [0, 1]."""
    return np.ascontiguousarray(((picture[0].clamp(-1, 1) + 1) / 2).permute(1, 2, 0).float().cpu().numpy())
