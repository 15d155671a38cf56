"""What a recipe names, as objects."""

from __future__ import annotations

from restauro.core.knobs import build
from restauro.core.recipe import Recipe, Want
from restauro.core.registry import PROPERTIES, SAMPLERS
from restauro.diffusion.contract import Property, Sampler


def sampler_of(recipe: Recipe) -> Sampler:
    found: Sampler = build(SAMPLERS.get(recipe.sampler), recipe.sampler_knobs, name=recipe.sampler, lax=True)
    return found


def property_of(want: Want) -> Property:
    found: Property = build(PROPERTIES.get(want.property), want.knobs, name=want.property, lax=True)
    return found
