"""The faces of a photograph that a recipe works on, each cut out as the prior wants it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from restauro.core.errors import RecipeError, WeightsError
from restauro.core.events import Event, Listener
from restauro.core.recipe import Recipe
from restauro.diffusion.contract import Observation
from restauro.photo.colour import LUMA
from restauro.photo.damage import needs_restoration
from restauro.photo.faces.align import TEMPLATES, crop, inverse, moved, resample, template
from restauro.photo.faces.detect import Face, detect
from restauro.photo.faces.paste import Patch
from restauro.photo.resize import resize
from restauro.systems._report import Verdict
from restauro.weights.store import find

OURS = "restauro128"
"""The template of our own networks, the judge of damage among them."""
EVERY_FACE = ("enhance", "colorize", "old-photo")
"""Tasks that work on faces which are good already, too."""


class Frame(NamedTuple):
    """How a prior wants its faces: the side of a crop and the template of its five points."""

    size: int
    template: str

    @classmethod
    def of(cls, prior: str, aligned: bool = False) -> Frame:
        """aligned: pictures come as the prior wants them, and need no template, which then is ""."""
        passport, _ = find(prior)
        if not passport.size:
            raise WeightsError(f"the prior {prior!r} does not say how large its pictures are; import it again with --size N")
        if passport.face_template not in TEMPLATES and not aligned:
            raise RecipeError(
                f"the prior {prior!r} does not say how faces are aligned for it (`models import --face-template`); "
                "what is cut out for it already goes with --aligned"
            )
        return cls(passport.size, passport.face_template)


@dataclass
class Job:
    """One face on its way. picture, restored: (S, S, 3) in [0, 1]; mask: (S, S); matrix: from the photograph to the crop."""

    face: Face
    picture: np.ndarray
    matrix: np.ndarray
    mask: np.ndarray | None
    verdict: Verdict
    why: str
    references: tuple[str, ...] = ()
    likeness: float | None = None
    restored: np.ndarray | None = None
    patch: Patch | None = None
    """What is put back into the photograph."""


def observed(jobs: Sequence[Job], device: torch.device) -> Observation:
    """What is known of these faces."""
    mask = None
    if any(job.mask is not None for job in jobs):
        mask = torch.stack([torch.from_numpy(np.ascontiguousarray(job.mask, np.float32)) for job in jobs])[:, None].to(device)
    return Observation(to_tensor([job.picture for job in jobs], device), mask=mask)


def only_face(base: np.ndarray, mask: np.ndarray | None, frame: Frame) -> Job:
    """A picture that is one aligned face of any size: all of it is the crop, made square by repeating its edge."""
    height, width = base.shape[:2]
    scale = frame.size / max(height, width)
    matrix = np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2]])
    points = moved(template(frame.template or "ffhq512", frame.size), inverse(matrix))  # for the report only
    face = Face(box=(0.0, 0.0, float(width), float(height)), points=points, score=1.0, number=1)
    small = None if mask is None else resize(_square(mask), frame.size, frame.size)
    return Job(face, resize(_square(base), frame.size, frame.size), matrix, small, "restored", "aligned crop")


def _square(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    side = max(height, width)
    return np.pad(picture, [(0, side - height), (0, side - width), (0, 0)][: picture.ndim], mode="edge")


def all_faces(
    base: np.ndarray, mask: np.ndarray | None, recipe: Recipe, frame: Frame, notices: list[str], listener: Listener
) -> list[Job]:
    """Every face that was found, with a verdict: "restored" are those that will be."""
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
        job = Job(face, picture, matrix, small, "restored", "")
        job.verdict, job.why = _choose(job, base, recipe, middle)
        jobs.append(job)
    return jobs


def _off_centre(face: Face, picture: np.ndarray) -> float:
    x, y, width, height = face.box
    return float(np.hypot(x + width / 2 - picture.shape[1] / 2, y + height / 2 - picture.shape[0] / 2))


def _choose(job: Job, base: np.ndarray, recipe: Recipe, middle: Face | None) -> tuple[Verdict, str]:
    """Which faces are worked on: chosen by the user or in need of it, large and clear enough."""
    face, torn = job.face, job.mask is not None and bool((job.mask > 0).any())
    if (recipe.faces and face.number not in recipe.faces) or (recipe.only_center_face and face is not middle):
        return "not-chosen", "left alone as asked"
    if face.eye_distance < recipe.min_face * recipe.upscale:
        return "small", f"eyes {face.eye_distance:.0f} px apart: too small to restore without inventing a person"
    if not face.editable:
        return "unclear", face.doubt
    if recipe.task == "inpaint":
        return ("restored", "") if torn else ("good", "no hole in it")
    if recipe.force or recipe.faces or torn or recipe.task in EVERY_FACE:
        return "restored", "as asked"
    seen = crop(base, face.points, 128, OURS)[0]
    if recipe.whole is not None:  # the print was restored: what tone is left is meant, and no sign of age
        seen = np.repeat((seen @ LUMA)[..., None], 3, -1)
    needed, why = needs_restoration(seen, face.eye_distance)
    return ("restored", why) if needed else ("good", why)


def to_tensor(pictures: Sequence[np.ndarray], device: torch.device) -> Tensor:
    """(H, W, 3) arrays in [0, 1] to (N, 3, H, W) in [-1, 1]."""
    stacked = np.stack(pictures).transpose(0, 3, 1, 2) * 2 - 1
    # copied: Fourier transforms of memory that is aligned otherwise, as NumPy's may be, differ in the last digit
    return torch.tensor(np.ascontiguousarray(stacked, np.float32), device=device)


def to_array(picture: Tensor) -> np.ndarray:
    """(3, H, W) in [-1, 1] to (H, W, 3) float32 in [0, 1]."""
    return ((picture.clamp(-1, 1) + 1) / 2).permute(1, 2, 0).float().cpu().numpy()
