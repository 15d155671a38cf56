"""Reference photographs: which of their faces is meant, which face of the photograph it shows, and whether it is the person.

A reference is an ordinary photograph with any number of people. It belongs to the face of the photograph that one of its
faces is most like, and of its faces that one is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import torch
from torch import Tensor

from restauro.core.errors import InputError, RecipeError
from restauro.core.recipe import Recipe, Want
from restauro.photo.faces.align import crop
from restauro.photo.faces.detect import detect
from restauro.photo.photo import Photo
from restauro.restorers.smooth import restorer
from restauro.systems._built import property_of
from restauro.systems.pgdiff.faces import Frame, Job, observed, to_tensor
from restauro.systems.pgdiff.likeness import embed
from restauro.systems.pgdiff.recipe import TASKS

KNOWS = "identity-guide"
"""The embedder that compares: the one that guides, for what it takes for another person it would draw as another person."""
STRANGER, DOUBTFUL = 0.05, 0.2
"""Likenesses under which a reference is refused, and is used with a warning.

On 800 pairs of people whom no network was trained on, whatever the damage: 95 % of the same people are kept and 55 % of the
strangers refused; 82 % of the same people and 21 % of the strangers pass without a warning (`python -m benchmarks.references`).
"""


class Reference(NamedTuple):
    """A reference photograph. faces: (F, S, S, 3) in [0, 1], the largest first; directions: (F, D)."""

    name: str
    faces: list[np.ndarray]
    directions: Tensor


class Group(NamedTuple):
    """Faces that are restored together, by one recipe and with the same references (S, S, 3)."""

    jobs: list[Job]
    recipe: Recipe
    references: list[np.ndarray]


def looks_at_reference(want: Want) -> bool:
    return property_of(want).of_reference() != "nothing"


def without_reference(recipe: Recipe) -> Recipe:
    """The same for a face that nobody gave a reference for: plain restoration."""
    if recipe.wants == TASKS["reference"].wants:
        return msgspec.structs.replace(recipe, task="restore", wants=TASKS["restore"].wants)
    wants = tuple(want for want in recipe.wants if not looks_at_reference(want))
    task = "restore" if recipe.task == "reference" else recipe.task
    return msgspec.structs.replace(recipe, task=task, wants=wants)


def grouped(
    jobs: Sequence[Job], photos: Sequence[Photo], recipe: Recipe, frame: Frame, device: torch.device, notices: list[str]
) -> list[Group]:
    """The faces to be restored, by the references that each of them may be guided by; what was decided goes to `notices`.

    Raises RecipeError where the recipe wants a reference and there is none, InputError where one shows no face.
    """
    chosen = [job for job in jobs if job.verdict == "restored"]
    if not any(looks_at_reference(want) for want in recipe.wants):
        return [Group(chosen, recipe, [])] if chosen else []
    if not photos:
        raise RecipeError("this recipe needs a reference photograph of the person (--reference FILE)")
    known = [read_reference(photo, frame, device) for photo in photos]
    if not chosen:
        return []
    if not any(property_of(want).of_reference() == "person" for want in recipe.wants):
        return [Group(chosen, recipe, [one.faces[0] for one in known])]
    found: dict[int, list[np.ndarray]] = {}
    for job, crops, names in _assigned(jobs, known, recipe, frame, device, notices):
        found[job.face.number], job.references = crops, names
    plain = [job for job in chosen if job.face.number not in found]
    groups = [Group([job], recipe, found[job.face.number]) for job in chosen if job.face.number in found]
    return groups + ([Group(plain, without_reference(recipe), [])] if plain else [])


def read_reference(photo: Photo, frame: Frame, device: torch.device) -> Reference:
    """The faces of a reference, the largest first. Raises InputError where there is none."""
    faces = sorted(detect(photo.pixels), key=lambda face: -face.eye_distance)
    if not faces:
        raise InputError(f"{photo.name}: no face was found in this reference photograph")
    crops = [crop(photo.pixels, face.points, *frame)[0] for face in faces]
    return Reference(photo.name, crops, embed(to_tensor(crops, device), frame.template, KNOWS))


class _Claim(NamedTuple):
    """One face of a reference, and how like it is to the face of the photograph it belongs to."""

    likeness: float
    reference: Reference
    face: int

    @property
    def direction(self) -> Tensor:
        return self.reference.directions[self.face]


def _assigned(
    jobs: Sequence[Job], known: Sequence[Reference], recipe: Recipe, frame: Frame, device: torch.device, notices: list[str]
) -> list[tuple[Job, list[np.ndarray], tuple[str, ...]]]:
    """For every face that has references: their crops and their names. Faces left alone are asked, too: they may be meant."""
    asked = [job for job in jobs if job.verdict in ("restored", "good")]
    people = _directions(asked, recipe, frame, device)
    claims: list[list[_Claim]] = [[] for _ in asked]
    for one in known:
        likes = one.directions @ people.T
        face, place = divmod(int(likes.argmax()), len(asked))
        claim, job = _Claim(float(likes[face, place]), one, face), asked[place]
        if claim.likeness < STRANGER:
            whom = f"the person in face {job.face.number}" if len(asked) == 1 else "anybody in the photograph"
            notices.append(_refusal(one.name, whom, claim.likeness, recipe))
            if not recipe.force_reference:
                continue
        elif job.verdict == "good":
            notices.append(f"reference {one.name} looks most like face {job.face.number}, which is left alone ({job.why})")
        elif len(one.faces) > 1:
            which = f"the one most like face {job.face.number} is used {_number(claim.likeness)}"
            notices.append(f"reference {one.name} shows {len(one.faces)} faces: {which}")
        elif claim.likeness < DOUBTFUL:
            notices.append(f"reference {one.name} may show somebody else than face {job.face.number} {_number(claim.likeness)}")
        claims[place].append(claim)
    found = []
    for job, mine in zip(asked, claims, strict=True):
        if mine and job.verdict == "restored":
            kept = _agreeing(sorted(mine, key=lambda claim: -claim.likeness), recipe, notices)
            crops = [claim.reference.faces[claim.face] for claim in kept]
            found.append((job, crops, tuple(claim.reference.name for claim in kept)))
    return found


def _agreeing(claims: Sequence[_Claim], recipe: Recipe, notices: list[str]) -> list[_Claim]:
    """Those that look like the first, which is most like the photograph: references are sharper than what they are for."""
    kept, first = [claims[0]], claims[0]
    for claim in claims[1:]:
        alike = float(claim.direction @ first.direction)
        if alike < STRANGER:
            notices.append(_refusal(claim.reference.name, f"the person in reference {first.reference.name}", alike, recipe))
        if alike >= STRANGER or recipe.force_reference:
            kept.append(claim)
    return kept


def _directions(jobs: Sequence[Job], recipe: Recipe, frame: Frame, device: torch.device) -> Tensor:
    """(J, D), seen through the first stage: the embedder takes scratches for features."""
    seen = observed(jobs, device)
    return embed(restorer(recipe.restorer, device)(seen.picture, mask=seen.mask), frame.template, KNOWS)


def _refusal(name: str, whom: str, likeness: float, recipe: Recipe) -> str:
    done = "used as asked" if recipe.force_reference else "not used; --force-reference uses it"
    return f"reference {name} does not look like {whom} {_number(likeness)}: {done}"


def _number(likeness: float) -> str:
    return f"(likeness {likeness:.2f})"
