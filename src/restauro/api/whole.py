"""Which systems restore an old photograph: Old Photos the whole, PGDiff its faces; both, where the weights are at hand."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from restauro.core.errors import RecipeError
from restauro.core.knobs import build, suggest
from restauro.core.recipe import Recipe, Whole
from restauro.systems.oldphotos.recipe import FACELESS, as_a_whole, at_hand, weights_of
from restauro.systems.pgdiff.recipe import TASKS
from restauro.weights.store import find

WHOLE, FACES = "old-photos", "pgdiff"


def with_whole(recipe: Recipe, by: Sequence[str] | None, wishes: Mapping[str, Any], given: Collection[str]) -> Recipe:
    """A recipe for faces, made into one of these systems; by: None lets what is at hand decide.

    wishes: fields of `Whole`. given: names of the recipe's fields that were asked for. Raises RecipeError for what does not go
    together, WeightsError where Old Photos is asked for and not here.
    """
    if recipe.task != "old-photo":
        if wishes or (by and tuple(by) != (FACES,)):
            raise RecipeError(f"{next(iter(wishes), 'with')} belongs to old-photo, which restores whole photographs")
        return recipe
    for word in by or ():
        if word not in (WHOLE, FACES):
            raise RecipeError(f"old-photo with {word!r}{suggest(word, (WHOLE, FACES))}")
    if not by:
        if recipe.faithful or not (wishes or at_hand(*weights_of(Whole()))):
            return recipe
        by = (WHOLE, FACES)
    if WHOLE not in by:
        if wishes:
            raise RecipeError(f"{next(iter(wishes))} is about the whole photograph, which {FACES} leaves alone")
        return recipe
    if recipe.faithful and FACES in by:
        raise RecipeError(f"as published it is one system at a time: with {WHOLE}, or with {FACES}")
    dead = sorted(set(given) - FACELESS) if FACES not in by else []
    if dead:
        raise RecipeError(f"{dead[0]} is about faces, which {WHOLE} alone leaves as they are")
    whole: Whole = build(Whole, {**wishes, "faces_by": FACES if FACES in by else ""}, name="old-photo")
    for name in weights_of(whole):
        find(name)
    if FACES in by and "wants" not in given:  # in what the whole has restored there are no scratches that could come back
        recipe = msgspec.structs.replace(recipe, wants=TASKS["restore"].wants)
    return as_a_whole(recipe, whole)


def faces_only(recipe: Recipe) -> list[str]:
    """What the owner should know where only faces are restored because the weights for the rest are not here."""
    names = weights_of(Whole())
    if recipe.task != "old-photo" or recipe.faithful or recipe.whole or at_hand(*names):
        return []
    return [f"only faces were restored: the weights for the whole photograph ({', '.join(names)}) are not here"]
