"""The way of a photograph: faces found, aligned, restored in one batch, judged, pasted back; nothing else is touched."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import cv2
import msgspec
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from restauro.core.errors import InputError, RecipeError
from restauro.core.events import Event, Listener, silent
from restauro.core.recipe import Recipe
from restauro.diffusion.contract import Observation
from restauro.photo.colour import into_range, keep_tone, tone
from restauro.photo.damage import needs_restoration
from restauro.photo.faces.align import TEMPLATES, crop, inverse, moved, resample, template
from restauro.photo.faces.detect import Face, detect
from restauro.photo.faces.paste import Patch, paste
from restauro.photo.resize import resize
from restauro.properties.identity import embedder, to_embedder
from restauro.systems.pgdiff import engine
from restauro.weights.store import available, find

OURS = "restauro128"
"""The template of our own networks, the judge of likeness and of damage among them."""
BATCH = 16
"""Faces at once: bounds the memory of a school photograph."""
UNSURE = {"restore": 0.6, "colorize": 0.6, "inpaint": 0.6, "old-photo": 0.2}
"""Cosine between the embeddings before and after under which a face may have become somebody else.

On 40 validation faces 98 of 100 restorations lie above 0.98 (old photographs, whose scratches the embedder sees, above
0.11), 98 of 100 pairs of strangers below 0.66.
"""

Verdict = Literal["restored", "unsure", "good", "small", "not-chosen", "unclear"]


class FaceReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one face. box: x, y, width, height in the input's pixels. likeness: cosine before/after, if judged."""

    number: int
    box: tuple[float, float, float, float]
    eye_distance: float
    verdict: Verdict
    why: str
    likeness: float | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured and what was invented."""

    task: str
    tone: str
    faces: tuple[FaceReport, ...]
    notices: tuple[str, ...]
    changed: float
    """Share of the picture's area that was changed."""
    invented: float
    """Share of the area whose content comes from a network rather than from the photograph."""
    outside_exact: bool
    """All pixels outside the changed area are the input's own; checked on this very result."""
    calls: int
    seconds: float
    device: str


@dataclass(frozen=True)
class Outcome:
    """pixels: (H, W, 3) float32 sRGB in [0, 1]; touched: (H, W) bool."""

    pixels: np.ndarray
    touched: np.ndarray
    report: Report


class Frame(NamedTuple):
    """How a prior wants its faces: the side of a crop and the template of its five points."""

    size: int
    template: str

    @classmethod
    def of(cls, prior: str) -> Frame:
        passport, _ = find(prior)
        if passport.face_template not in TEMPLATES:
            raise RecipeError(f"the prior {prior!r} does not say how faces are aligned for it; use --aligned crops of its own")
        return cls(passport.size, passport.face_template)


@dataclass
class _Job:
    """One face on its way."""

    face: Face
    picture: np.ndarray
    matrix: np.ndarray
    mask: np.ndarray | None
    verdict: Verdict
    why: str
    likeness: float | None = None
    restored: np.ndarray | None = None


def restore_photograph(
    pixels: np.ndarray,
    recipe: Recipe,
    device: torch.device,
    *,
    mask: np.ndarray | None = None,
    reference: Sequence[np.ndarray] = (),
    listener: Listener = silent,
) -> Outcome:
    """pixels: (H, W, 3) float sRGB in [0, 1]. mask: (H, W) in [0, 1], 1 = missing. reference: pictures of the person.

    Raises InputError where the mask does not fit, RecipeError for combinations that cannot work.
    """
    began = time.monotonic()
    _check_mask(pixels, mask, recipe)
    notices: list[str] = []
    enlarged, big_mask = _enlarge(pixels, mask, recipe.upscale)
    base = enlarged if big_mask is None else fill(enlarged, big_mask)
    toned = tone(pixels)
    frame = Frame.of(recipe.prior)
    jobs = [_aligned(base, big_mask, frame)] if recipe.aligned else _jobs(base, big_mask, recipe, frame, notices, listener)
    chosen = [job for job in jobs if job.verdict == "restored"]
    for first in range(0, len(chosen), BATCH):
        _restore(chosen[first : first + BATCH], recipe, frame, device, toned, reference, listener)
    out, touched = _put_back(enlarged, base, big_mask, chosen, recipe)
    outside = bool((out[~touched] == enlarged[~touched]).all())
    assert outside, "pixels outside the restored regions changed"
    notices += _notices(recipe, toned, mask is not None)
    report = Report(
        task=recipe.task,
        tone=toned,
        faces=tuple(_report(job, recipe) for job in jobs),
        notices=tuple(notices),
        changed=round(float(touched.mean()), 6),
        invented=round(float(touched.mean() if big_mask is None or recipe.task != "inpaint" else (big_mask > 0).mean()), 6),
        outside_exact=outside,
        calls=recipe.steps * bool(chosen),
        seconds=round(time.monotonic() - began, 3),
        device=str(device),
    )
    return Outcome(out, touched, report)


def fill(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Holes closed from their edges (Telea 2004): a start for detection and alignment, and the answer outside faces."""
    levels = np.rint(pixels * 255).clip(0, 255).astype(np.uint8)
    holes = (mask > 0).astype(np.uint8)
    grown = cv2.dilate(holes, np.ones((3, 3), np.uint8))
    filled = cv2.inpaint(np.ascontiguousarray(levels[:, :, ::-1]), grown, 3, cv2.INPAINT_TELEA)[:, :, ::-1] / np.float32(255)
    soft = mask[:, :, None]
    return (pixels * (1 - soft) + filled * soft).astype(np.float32)


def _check_mask(pixels: np.ndarray, mask: np.ndarray | None, recipe: Recipe) -> None:
    if mask is None:
        if recipe.task == "inpaint":
            raise RecipeError("inpaint needs a mask: --mask FILE, white where the picture is missing")
        return
    if mask.shape != pixels.shape[:2]:
        theirs, ours = mask.shape[::-1], pixels.shape[1::-1]
        raise InputError(f"the mask is {theirs[0]}x{theirs[1]} pixels, the picture {ours[0]}x{ours[1]}: they must have one size")
    if (mask > 0).all():
        raise InputError("the mask hides the whole picture: nothing is known to restore from")
    if recipe.task == "inpaint" and not (mask > 0).any():
        raise InputError("the mask hides nothing: white marks what is missing")


def _enlarge(pixels: np.ndarray, mask: np.ndarray | None, factor: int) -> tuple[np.ndarray, np.ndarray | None]:
    if factor == 1:
        return pixels, mask
    height, width = pixels.shape[0] * factor, pixels.shape[1] * factor
    return resize(pixels, height, width), None if mask is None else resize(mask, height, width)


def _aligned(base: np.ndarray, mask: np.ndarray | None, frame: Frame) -> _Job:
    """A picture that is one aligned face of any size: all of it is the crop, made square by repeating its edge."""
    height, width = base.shape[:2]
    scale = frame.size / max(height, width)
    matrix = np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2]])
    points = moved(template(frame.template, frame.size), inverse(matrix))
    face = Face(box=(0.0, 0.0, float(width), float(height)), points=points, score=1.0, number=1)
    small = None if mask is None else resize(_square(mask), frame.size, frame.size)
    return _Job(face, resize(_square(base), frame.size, frame.size), matrix, small, "restored", "aligned crop")


def _square(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    side = max(height, width)
    return np.pad(picture, [(0, side - height), (0, side - width), (0, 0)][: picture.ndim], mode="edge")


def _jobs(
    base: np.ndarray, mask: np.ndarray | None, recipe: Recipe, frame: Frame, notices: list[str], listener: Listener
) -> list[_Job]:
    listener(Event("faces", 0, 0))
    faces = detect(base)
    if not faces:
        notices.append("no face was found")
    for number in recipe.faces:
        if number > len(faces):
            raise RecipeError(f"there is no face {number}: {len(faces)} found; `restauro inspect` numbers them")
    middle = min(faces, key=lambda face: _off_centre(face, base), default=None)
    jobs = []
    for face in faces:
        picture, matrix = crop(base, face.points, *frame)
        small = None if mask is None else resample(mask, matrix, (frame.size, frame.size), border="edge").clip(0, 1)
        job = _Job(face, picture, matrix, small, "restored", "")
        job.verdict, job.why = _choose(job, base, recipe, middle)
        jobs.append(job)
    return jobs


def _off_centre(face: Face, picture: np.ndarray) -> float:
    x, y, width, height = face.box
    return float(np.hypot(x + width / 2 - picture.shape[1] / 2, y + height / 2 - picture.shape[0] / 2))


def _choose(job: _Job, base: np.ndarray, recipe: Recipe, middle: Face | None) -> tuple[Verdict, str]:
    """Which faces are worked on: chosen by the user or in need of it, large and clear enough."""
    face = job.face
    if (recipe.faces and face.number not in recipe.faces) or (recipe.only_center_face and face is not middle):
        return "not-chosen", "left alone as asked"
    if face.eye_distance < recipe.min_face * recipe.upscale:
        return "small", f"eyes {face.eye_distance:.0f} px apart: too small to restore without inventing a person"
    if not face.editable:
        return "unclear", face.doubt
    if recipe.task == "inpaint":
        return ("restored", "") if job.mask is not None and (job.mask > 0).any() else ("good", "no hole in it")
    if (
        recipe.force
        or recipe.faces
        or recipe.task in ("colorize", "old-photo")
        or (job.mask is not None and (job.mask > 0).any())
    ):
        return "restored", "as asked"
    needed, why = needs_restoration(crop(base, face.points, 128, OURS)[0], face.eye_distance)
    return ("restored", why) if needed else ("good", why)


def _restore(
    jobs: list[_Job],
    recipe: Recipe,
    frame: Frame,
    device: torch.device,
    toned: str,
    reference: Sequence[np.ndarray],
    listener: Listener,
) -> None:
    pictures = to_tensor([job.picture for job in jobs], device)
    masks = None
    if any(job.mask is not None for job in jobs):
        masks = torch.stack([torch.from_numpy(np.ascontiguousarray(job.mask, np.float32)) for job in jobs])[:, None].to(device)
    references = to_tensor(reference, device) if len(reference) else None
    observed = Observation(pictures, mask=masks, reference=references)
    out = engine.run(recipe, observed, pictures=[job.face.number - 1 for job in jobs], listener=listener)
    # who guided may not judge, and the judge knows only our template
    judged = frame.template == OURS and not any(want.property == "identity" for want in recipe.wants)
    likeness = _likeness(pictures, out) if judged else None
    for i, job in enumerate(jobs):
        restored = to_array(out[i])
        if toned != "colour" and recipe.colour == "keep" and recipe.task != "colorize":
            restored = keep_tone(job.picture, restored)
        job.restored, job.likeness = restored, None if likeness is None else float(likeness[i])


def _likeness(before: Tensor, after: Tensor) -> Tensor | None:
    """Cosines of the embeddings in grey, by a network that guides nothing; None where it is not installed."""
    if "identity" not in {passport.name for passport in available()}:
        return None
    network, side = embedder("identity", before.device)
    with torch.no_grad():
        a, b = (F.normalize(network(to_embedder(x.mean(1, keepdim=True).expand_as(x), side))) for x in (before, after))
    return (a * b).sum(1)


def _put_back(
    enlarged: np.ndarray, base: np.ndarray, mask: np.ndarray | None, jobs: list[_Job], recipe: Recipe
) -> tuple[np.ndarray, np.ndarray]:
    """The restored faces in the picture, and where it differs from what it was."""
    if recipe.aligned:
        (job,) = jobs
        assert job.restored is not None
        (height, width), side = base.shape[:2], max(base.shape[:2])
        change = resize(job.restored - job.picture, side, side)[:height, :width]
        new = base + _strength(job, recipe) * change
        out = into_range(new) if recipe.task == "colorize" else new.clip(0, 1).astype(np.float32)
        touched = np.ones(out.shape[:2], bool)
    else:
        patches = [
            Patch(job.restored, job.picture, job.matrix, _strength(job, recipe)) for job in jobs if job.restored is not None
        ]
        # a colour that is meant must not be taken for a tone jump, and what it was made from keeps its lightness
        coloured = recipe.task == "colorize"
        out, touched = paste(base, patches, match_tone=0.0 if coloured else 1.0, keep_luma=coloured)
    if mask is not None:
        holes = mask > 0
        if recipe.task == "inpaint":
            soft = np.minimum(mask / engine.SEAM, 1)[:, :, None]
            out = np.where(holes[:, :, None], enlarged * (1 - soft) + out * soft, enlarged).astype(np.float32)
            touched = holes
        else:
            touched = touched | holes
    return out, touched


def _strength(job: _Job, recipe: Recipe) -> float:
    """A face that may have become somebody else falls back towards the input, never silently: the report says so."""
    return 1.0 if job.likeness is None or job.likeness >= UNSURE[recipe.task] else 0.5


def _report(job: _Job, recipe: Recipe) -> FaceReport:
    verdict, why = job.verdict, job.why
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
    )


def _notices(recipe: Recipe, toned: str, masked: bool) -> list[str]:
    said = []
    if recipe.task == "colorize":
        said.append("the colours are a guess of the network; outside the faces the picture keeps its tone")
    elif toned != "colour" and recipe.colour == "keep":
        said.append(f"the photograph is {toned} and stays so (colour: keep)")
    if masked:
        said.append("holes outside faces were closed from their edges (Telea), not by the prior")
    if recipe.upscale > 1:
        said.append(f"outside the faces the picture was enlarged {recipe.upscale}x by bicubic interpolation")
    licence = find(recipe.prior)[0].licence
    if licence:
        said.append(f"the weights are {licence}")
    return said


def to_tensor(pictures: Sequence[np.ndarray], device: torch.device) -> Tensor:
    """(H, W, 3) arrays in [0, 1] to (N, 3, H, W) in [-1, 1]."""
    stacked = np.stack(pictures).transpose(0, 3, 1, 2) * 2 - 1
    return torch.from_numpy(np.ascontiguousarray(stacked, np.float32)).to(device)


def to_array(picture: Tensor) -> np.ndarray:
    """(3, H, W) in [-1, 1] to (H, W, 3) float32 in [0, 1]."""
    return ((picture.clamp(-1, 1) + 1) / 2).permute(1, 2, 0).float().cpu().numpy()
