"""A recipe's answers to faces, and the dear ones kept on disk."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import torch
from torch import Tensor

from benchmarks.faces import Faces
from benchmarks.scores import levels
from restauro.core.noise import PictureNoise
from restauro.core.recipe import Recipe
from restauro.systems._built import property_of
from restauro.systems._tasks import engine_of
from restauro.systems.diffbir.cleaning import cleaned
from restauro.systems.pgdiff import engine
from restauro.systems.pgdiff.recipe import TASKS
from restauro.weights.store import available

CACHE = Path(__file__).parent / "out" / "cache"
BATCH = 10
DECIDES = ("task", "faithful", "prior", "told", "restorer", "sampler", "steps", "start", "fidelity", "wants", "published", "seed")


class Answer(NamedTuple):
    """pictures (N, 3, 128, 128) in [-1, 1], rounded to 8 bits as in a file; seconds a face when it was made."""

    pictures: Tensor
    seconds: float


def answer(recipe: Recipe, faces: Faces, *, keep: bool = False, fresh: bool = False) -> Answer:
    """The recipe's answer to every face; face i draws picture i's noise.

    keep: look in the cache first and put it there. Its key is the recipe, the bytes of the weights it uses and the faces with
    their damage; not our own code, so after a change of the published rules ask for `fresh` ones.
    """
    path = CACHE / f"{faces.task}-{key(recipe, faces)}.npz"
    if keep and not fresh and (found := kept(recipe, faces)):
        return found
    began = time.perf_counter()
    rounded = levels(restored(recipe, faces))
    seconds = (time.perf_counter() - began) / len(faces.clean)
    if keep:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.npz")
        np.savez_compressed(part, levels=rounded, seconds=seconds)
        part.replace(path)
    return Answer(_pictures(rounded), seconds)


def kept(recipe: Recipe, faces: Faces) -> Answer | None:
    """What lies in the cache."""
    path = CACHE / f"{faces.task}-{key(recipe, faces)}.npz"
    if not path.exists():
        return None
    with np.load(path) as file:
        return Answer(_pictures(file["levels"]), float(file["seconds"]))


def restored(recipe: Recipe, faces: Faces) -> Tensor:
    """(N, 3, H, W) in [-1, 1]. With references one face at a time: everybody has a reference of their own."""
    many = BATCH if faces.reference is None else 1
    run = engine_of(recipe).run
    parts = [
        run(recipe, faces.observed(i, i + many), pictures=range(i, min(i + many, len(faces.clean))))
        for i in range(0, len(faces.clean), many)
    ]
    return torch.cat(parts)


def _pictures(rounded: np.ndarray) -> Tensor:
    return torch.from_numpy(rounded).permute(0, 3, 1, 2).float() / 127.5 - 1


def with_first_stage(recipe: Recipe, faces: Faces) -> Faces:
    """The same with the first stage's answers, for those who try many settings behind it."""
    if recipe.system == "diffbir":
        return replace(faces, restored=cleaned(recipe.restorer, faces.picture, faces.mask).clamp(-1, 1))
    noise = PictureNoise(recipe.seed, range(len(faces.picture)), faces.picture.shape[1:])
    return replace(faces, restored=engine.first_stage(recipe, faces.observed(), noise).restored)


def ours(task: str, steps: int) -> Recipe:
    """Our recipe with so many calls."""
    return msgspec.structs.replace(TASKS[task], steps=steps)


def key(recipe: Recipe, faces: Faces) -> str:
    """Changes with the recipe, with the weights it uses, with the faces and with their damage.

    Not with what a recipe of a later version may say besides, as long as it says the usual.
    """
    plain, usual = msgspec.to_builtins(recipe), msgspec.to_builtins(Recipe())
    told = {name: value for name, value in plain.items() if name in DECIDES or value != usual[name]}
    digest = hashlib.sha256(json.dumps([told, weights_of(recipe)], sort_keys=True).encode())
    for picture in (faces.clean, faces.picture, faces.mask, faces.reference, faces.restored):
        digest.update(b"none" if picture is None else picture.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def weights_of(recipe: Recipe) -> dict[str, str]:
    """Name and SHA-256 of all weights that a recipe runs: prior and what stands beside it, first stage, properties."""
    about = {passport.name: passport for passport in available()}
    known = {name: passport.sha256 for name, passport in about.items()}
    if recipe.latent and not about[recipe.prior].arguments.get("context"):  # a prior that knows no prompts
        known.pop(recipe.latent.text, None)
    looks = [*(property_of(want) for want in recipe.wants), *([recipe.latent] if recipe.latent else [])]
    words = [getattr(one, name) for one in looks for name in type(one).__struct_fields__]
    used = [recipe.prior, recipe.restorer, *(word for word in words if isinstance(word, str) and word in known)]
    return {name: known[name] for name in dict.fromkeys(used)}
