"""Faces of a whole photograph as DiffBIR's releases have them ("unaligned_face"): each restored on its own, whatever its size,
and pasted into what they make of the whole.

The releases find faces by RetinaFace, and a parser's mask takes hair and background away from what is pasted. Neither network is
here: faces are found as everywhere, and pasted by the square alone.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np
import torch
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.events import Listener, part, silent
from restauro.core.recipe import Latent, Recipe, Release
from restauro.diffusion.contract import Observation
from restauro.photo.faces.align import estimate, template, warp
from restauro.photo.faces.detect import Face, detect
from restauro.photo.faces.paste import paste_published
from restauro.systems.diffbir import engine
from restauro.systems.diffbir.recipe import published
from restauro.weights.store import find

LEAST_EYES = 5.0
"""Pixels between the eyes of a face, at least."""
BEYOND = (135.0, 133.0, 132.0)
"""What lies beyond the photograph in a crop of it."""


class Around(NamedTuple):
    """name: of the template faces are aligned to, with a side in pixels. recipe: of all that is around the faces."""

    name: str
    side: int
    recipe: Recipe


def around(recipe: Recipe) -> Around | None:
    """None where it is not faces that the recipe's first stage, or control, was made for, or where the picture is one.

    Raises RecipeError where nothing restores what is around faces.
    """
    latent, release = recipe.latent or Latent(), (recipe.released or Release()).release
    prior, *made = (find(name)[0] for name in (recipe.prior, recipe.restorer, latent.control))
    faces = next((passport for passport in (prior, *made) if passport.face_template), None)
    if faces is None or recipe.aligned:
        return None
    if prior.face_template or release == "v1":
        whose = f"{prior.name!r} knows faces only" if prior.face_template else "version 1 leaves that to Real-ESRGAN"
        raise RecipeError(f"nothing restores what is around the faces ({whose}): cut the face out, and say --aligned")
    general = published(release)  # with a recipe of its own, aligned: it is shown the photograph enlarged already
    assert general.latent is not None
    control = general.latent.control if made[1].face_template else latent.control
    own = msgspec.structs.replace(
        recipe, restorer=general.restorer, latent=msgspec.structs.replace(latent, control=control), aligned=True
    )
    return Around(faces.face_template, faces.size or 512, own)


def run(recipe: Recipe, observed: Observation, how: Around, *, listener: Listener = silent) -> tuple[Tensor, list[Face]]:
    """A photograph (1, 3, H, W) in [-1, 1] to the same, and its faces that were restored. Without any, what is around is all."""
    shown = levels(observed.picture)
    points = template(how.name, how.side)
    faces = [face for face in detect(shown / np.float32(255), min_size=1) if face.eye_distance >= LEAST_EYES]
    matrices = [estimate(face.points, points, method="lmeds") for face in faces]
    alone = msgspec.structs.replace(recipe, aligned=True)
    behind = msgspec.structs.replace(how.recipe, seed=recipe.seed)
    ground = levels(engine.run(behind, observed, listener=part(listener, 0, len(faces) + 1)))
    restored = []
    for number, matrix in enumerate(matrices, 1):
        seen = picture(warp(shown, matrix, (how.side, how.side), border=BEYOND)).to(observed.picture)
        heard = part(listener, number, len(faces) + 1)
        restored.append(levels(engine.run(alone, Observation(seen), pictures=[number], listener=heard)))
    return picture(paste_published(ground, restored, matrices)[0]).to(observed.picture), faces


def levels(one: Tensor) -> np.ndarray:
    """(1, 3, H, W) in [-1, 1] to (H, W, 3) uint8."""
    return np.ascontiguousarray(((one[0] + 1) * 127.5).round().clamp(0, 255).permute(1, 2, 0).cpu().numpy().astype(np.uint8))


def picture(one: np.ndarray) -> Tensor:
    """And back."""
    return torch.from_numpy(one).permute(2, 0, 1)[None] / 127.5 - 1
