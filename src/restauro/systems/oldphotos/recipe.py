"""What a user runs: an old photograph restored as a whole, and its faces by another system."""

from __future__ import annotations

import msgspec

from restauro.core.recipe import Recipe, Whole
from restauro.weights.store import available

PARTS = ("vae-1", "vae-2", "mapping")
FACELESS = frozenset("task system faithful upscale upscaler cleaning colour seed whole published version".split())
"""Fields of a recipe that act where no faces are restored."""


def weights_of(whole: Whole) -> tuple[str, ...]:
    """The names of the weights that restore a photograph as a whole."""
    return tuple(f"{whole.weights}-{part}" for part in PARTS)


def at_hand(*names: str) -> bool:
    """Whether there are weights of all these names. Reads passports only."""
    return set(names) <= {passport.name for passport in available()}


def as_a_whole(recipe: Recipe, whole: Whole) -> Recipe:
    """A recipe for faces, preceded by Old Photos; or, where nobody is to restore the faces, Old Photos alone."""
    faceless = {} if whole.faces_by else {"prior": "", "restorer": "", "wants": (), "steps": 0, "published": None}
    return msgspec.structs.replace(recipe, system="oldphotos", whole=whole, **faceless)
