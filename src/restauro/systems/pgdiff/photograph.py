"""The way of a photograph: faces found, aligned, restored in batches, judged, pasted back; nothing else is touched."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import cv2
import msgspec
import numpy as np
import torch

from restauro.core.errors import InputError, RecipeError
from restauro.core.events import Listener, part, silent
from restauro.core.recipe import Recipe
from restauro.photo.colour import LUMA, into_range, keep_tone, tone
from restauro.photo.faces.align import resample, scale_of
from restauro.photo.faces.paste import Patch, paste
from restauro.photo.holes import check_mask, fill
from restauro.photo.photo import Photo
from restauro.photo.resize import resize
from restauro.restorers.colour import colorizer
from restauro.systems._enlarge import enlarge
from restauro.systems._report import FaceReport, Outcome, Report
from restauro.systems._tasks import engine_of
from restauro.systems.pgdiff import engine
from restauro.systems.pgdiff.faces import Frame, Job, all_faces, observed, only_face, to_array, to_tensor
from restauro.systems.pgdiff.likeness import UNSURE, judge_guides, judge_is_here, likeness
from restauro.systems.pgdiff.references import Group, grouped
from restauro.systems.pgdiff.report import notices
from restauro.weights.store import find

BATCH = 16 * 128**2
"""Pixels of faces at once, sixteen of 128 x 128: bounds the memory of a school photograph."""
WORTH = 1.4
"""How much larger a face must stand in the photograph than the prior works, for its restored picture to be enlarged."""
FINE = 2.0
"""Pixels of a crop: what a Gaussian of this width takes away is fine detail."""


class Plan(NamedTuple):
    """All that is done before the first random number. enlarged, base, ground: the photograph, with its holes closed, and what
    faces are put into, the same or in colour, (H, W, 3)."""

    recipe: Recipe
    enlarged: np.ndarray
    base: np.ndarray
    ground: np.ndarray
    mask: np.ndarray | None
    tone: str
    frame: Frame
    jobs: list[Job]
    groups: list[Group]
    notices: list[str]


def restore_variants(
    pixels: np.ndarray,
    recipe: Recipe,
    seeds: Sequence[int],
    device: torch.device,
    *,
    mask: np.ndarray | None = None,
    reference: Sequence[Photo] = (),
    ground: np.ndarray | None = None,
    listener: Listener = silent,
) -> Iterator[Outcome]:
    """One outcome a seed, made when it is asked for: memory does not grow with their number.

    pixels: (H, W, 3) float sRGB in [0, 1]. mask: (H, W) in [0, 1], 1 = missing. reference: photographs of the people. ground:
    like pixels, what their faces are put into instead.
    Raises InputError where mask or reference will not do, RecipeError for combinations that cannot work.

    Each is, to the byte, what its seed gives alone. That is why seeds do not share a batch: the last bits of a network's
    answer depend on how many pictures it is asked about at once.
    """
    if recipe.upscale > 1 and list(seeds) != [recipe.seed]:  # enlarging draws, too
        for done, seed in enumerate(seeds):
            own, heard = msgspec.structs.replace(recipe, seed=seed), part(listener, done, len(seeds))
            yield from restore_variants(
                pixels, own, [seed], device, mask=mask, reference=reference, ground=ground, listener=heard
            )
        return
    began = time.monotonic()
    plan = _plan(pixels, recipe, device, mask, reference, listener)
    if ground is not None:
        plan = plan._replace(ground=_enlarge(ground, None, recipe, device, listener)[0])
    at_once = max(1, BATCH // plan.frame.size**2)
    for done, seed in enumerate(seeds):
        heard = part(listener, done, len(seeds))
        for group in plan.groups:
            for first in range(0, len(group.jobs), at_once):
                some = group._replace(jobs=group.jobs[first : first + at_once])
                _restore(some, msgspec.structs.replace(group.recipe, seed=seed), plan, device, heard)
        yield _outcome(plan, device, began)
        began = time.monotonic()


def _plan(
    pixels: np.ndarray,
    recipe: Recipe,
    device: torch.device,
    mask: np.ndarray | None,
    reference: Sequence[Photo],
    listener: Listener,
) -> Plan:
    _check_mask(pixels, mask, recipe)
    said: list[str] = []
    enlarged, big_mask = _enlarge(pixels, mask, recipe, device, listener)
    # the published algorithm is shown scratches and holes as they are
    base = enlarged if big_mask is None or recipe.faithful else fill(enlarged, big_mask)
    frame = Frame.of(_made_for_faces(recipe), recipe.aligned and not reference)
    jobs = [only_face(base, big_mask, frame)] if recipe.aligned else all_faces(base, big_mask, recipe, frame, said, listener)
    groups = grouped(jobs, reference, recipe, frame, device, said)
    if any(judge_guides(group.recipe) for group in groups):
        said.append("likeness is not judged: the embedder that would judge it guided this result")
    coloured = recipe.task == "colorize" and recipe.colorizer and not recipe.aligned
    ground = colorizer(recipe.colorizer, device)(base) if coloured else base
    return Plan(recipe, enlarged, base, ground, big_mask, tone(pixels), frame, jobs, groups, said)


def _made_for_faces(recipe: Recipe) -> str:
    """The weights that say how faces are aligned: the prior or, behind one of anything, what steers it."""
    control = recipe.latent.control if recipe.latent else ""
    return control if control and find(control)[0].face_template else recipe.prior


def _outcome(plan: Plan, device: torch.device, began: float) -> Outcome:
    recipe, mask = plan.recipe, plan.mask
    out, touched = _put_back(plan)
    outside = bool((out[~touched] == plan.enlarged[~touched]).all())
    assert outside, "pixels outside the restored regions changed"
    report = Report(
        task=recipe.task,
        tone=plan.tone,
        faces=tuple(_report(job, recipe) for job in plan.jobs),
        notices=(*plan.notices, *notices(recipe, plan.tone, mask is not None)),
        changed=round(float(touched.mean()), 6),
        invented=round(float(touched.mean() if mask is None or recipe.task != "inpaint" else (mask > 0).mean()), 6),
        outside_exact=outside,
        calls=max((engine_of(recipe).calls(group.recipe) for group in plan.groups), default=0),
        seconds=round(time.monotonic() - began, 3),
        device=str(device),
    )
    return Outcome(out, touched, report)


def _check_mask(pixels: np.ndarray, mask: np.ndarray | None, recipe: Recipe) -> None:
    if mask is None:
        if recipe.task == "inpaint":
            raise RecipeError("inpaint needs a mask: --mask FILE, white where the picture is missing")
        return
    check_mask(pixels, mask)
    if recipe.task == "inpaint" and not (mask > 0).any():
        raise InputError("the mask hides nothing: white marks what is missing")


def _enlarge(
    pixels: np.ndarray, mask: np.ndarray | None, recipe: Recipe, device: torch.device, listener: Listener
) -> tuple[np.ndarray, np.ndarray | None]:
    """The whole photograph as the task "upscale" makes it larger: the prior's faces are put into that."""
    if recipe.upscale == 1:
        return pixels, mask
    larger = enlarge(pixels, recipe.upscale, recipe, recipe.cleaning, device, listener)
    return larger, None if mask is None else resize(mask, *larger.shape[:2])


def _restore(group: Group, recipe: Recipe, plan: Plan, device: torch.device, listener: Listener) -> None:
    jobs = group.jobs
    seen = observed(jobs, device)
    if group.references:
        seen = replace(seen, reference=to_tensor(group.references, device))
    if _coloured(plan):
        seen = replace(seen, coloured=to_tensor([_ground(job, plan) for job in jobs], device).clamp(-1, 1))
    out = engine_of(recipe).run(recipe, seen, pictures=[job.face.number - 1 for job in jobs], listener=listener)
    judged = judge_is_here() and not judge_guides(recipe)
    alike = likeness(seen.picture, out, plan.frame.template) if judged else None
    for i, job in enumerate(jobs):
        restored = to_array(out[i])
        if plan.tone != "colour" and recipe.colour == "keep" and recipe.task != "colorize":
            restored = keep_tone(job.picture, restored)
        job.restored, job.likeness = restored, None if alike is None else float(alike[i])
        job.patch = _patch(job, recipe, plan, device)


def _patch(job: Job, recipe: Recipe, plan: Plan, device: torch.device) -> Patch:
    """What is put back. The prior restores at its own size; where an enlarged photograph shows more of the face, its answer is
    enlarged as well."""
    assert job.restored is not None
    shrunk = 1 / scale_of(job.matrix)
    factor = 4 if shrunk > 2 * WORTH else 2 if shrunk > WORTH else 1
    if recipe.upscale == 1 or recipe.faithful or factor == 1:
        return Patch(job.restored, _ground(job, plan), job.matrix, _strength(job, recipe))
    larger = enlarge(job.restored, factor, recipe, 0.0, device)
    matrix = np.array([[factor, 0, (factor - 1) / 2], [0, factor, (factor - 1) / 2]]) @ np.vstack((job.matrix, [0, 0, 1]))
    return Patch(larger, resample(plan.ground, matrix, larger.shape[1::-1], border="edge"), matrix, _strength(job, recipe))


def _coloured(plan: Plan) -> bool:
    """Whether the ground is the whole photograph in colour."""
    return plan.recipe.task == "colorize" and plan.ground is not plan.base


def _ground(job: Job, plan: Plan) -> np.ndarray:
    """The face as it stands in what it is put back into, (S, S, 3)."""
    if plan.ground is plan.base:
        return job.picture
    return resample(plan.ground, job.matrix, (plan.frame.size, plan.frame.size))


def _put_back(plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """The restored faces in the picture, and where it differs from what it was."""
    recipe, base, mask = plan.recipe, plan.base, plan.mask
    if recipe.aligned:
        (job,) = plan.jobs
        assert job.patch is not None
        (height, width), side = base.shape[:2], max(base.shape[:2])
        change = resize(job.patch.restored - job.patch.crop, side, side)[:height, :width]
        new = base + job.patch.strength * change
        out = into_range(new) if recipe.task == "colorize" else new.clip(0, 1).astype(np.float32)
        touched = np.ones(out.shape[:2], bool)
    else:
        patches = [job.patch for job in plan.jobs if job.patch is not None]
        # a colour that is meant must not be taken for a tone jump, and what it was made from keeps its lightness
        coloured = recipe.task == "colorize"
        out, touched = paste(plan.ground, patches, match_tone=0.0 if coloured else 1.0, keep_luma=coloured)
        if _coloured(plan):
            out = into_range(out + ((base - out) @ LUMA)[..., None])
        if plan.ground is not base:
            touched = touched | (np.abs(out - base).max(-1) > 1e-5)
            out[~touched] = base[~touched]
    if mask is not None:
        holes = mask > 0
        if recipe.task == "inpaint":
            soft = np.minimum(mask / engine.SEAM, 1)[:, :, None]
            out = np.where(holes[:, :, None], plan.enlarged * (1 - soft) + out * soft, plan.enlarged).astype(np.float32)
            touched = holes
        elif not recipe.faithful:
            touched = touched | holes
    return out, touched


def _strength(job: Job, recipe: Recipe) -> float:
    """A face that may have become somebody else falls back towards the input, never silently: the report says so."""
    return 1.0 if job.likeness is None or job.likeness >= UNSURE[recipe.task] else 0.5


def _report(job: Job, recipe: Recipe) -> FaceReport:
    verdict, why = job.verdict, job.why
    if job.restored is not None and recipe.task == "enhance":
        why = _invented(job.restored - job.picture)
    if job.restored is not None and _strength(job, recipe) < 1:
        verdict, why = (
            "unsure",
            f"likeness {job.likeness:.2f} is low: blended half with the input; look at it, or raise --fidelity",
        )
    box = tuple(round(float(v) / recipe.upscale, 1) for v in job.face.box)
    return FaceReport(
        number=job.face.number,
        box=box,  # type: ignore[arg-type]
        eye_distance=round(job.face.eye_distance / recipe.upscale, 1),
        verdict=verdict,
        why=why,
        likeness=None if job.likeness is None else round(job.likeness, 3),
        references=job.references,
    )


def _invented(change: np.ndarray) -> str:
    """What was added to a face, (S, S, 3), in words: root mean squares of its finer and of its coarser part."""
    coarse = cv2.GaussianBlur(change, (0, 0), FINE)
    fine, moved = (float(np.sqrt(np.square(part).mean())) * 255 for part in (change - coarse, coarse))
    return f"fine detail invented: {fine:.1f} of 255; shapes and tones moved by {moved:.1f}"
