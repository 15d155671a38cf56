"""What the owner of a photograph should know of a result."""

from __future__ import annotations

from restauro.core.recipe import Recipe
from restauro.weights.store import find


def notices(recipe: Recipe, toned: str, masked: bool) -> list[str]:
    """What the owner should know of any result of this recipe."""
    said = []
    if recipe.task == "colorize":
        kept = "the lightness is the photograph's own" if recipe.colorizer else "outside the faces the picture keeps its tone"
        said.append(f"the colours are a guess of the network; {kept}")
        if recipe.colorizer and toned == "colour":
            said.append("the photograph had colours of its own: they were replaced")
    elif toned != "colour" and recipe.colour == "keep":
        said.append(f"the photograph is {toned} and stays so (colour: keep)")
    if recipe.task == "enhance":
        said.append("the new fine detail of the faces is a guess of the network: it looks right, and nobody has seen it")
    if masked and not recipe.faithful:
        said.append("holes outside faces were closed from their edges (Telea), not by the prior")
    if recipe.upscale > 1:
        said.append(f"the photograph was enlarged {recipe.upscale}x by a network: its fine detail is a guess")
    prior, restorer = find(recipe.prior)[0], find(recipe.restorer)[0]
    if prior.face_template and restorer.face_template and prior.face_template != restorer.face_template:
        said.append(
            f"{restorer.name} was made for faces aligned otherwise than {prior.name} wants them "
            f"({restorer.face_template}, {prior.face_template}): better take a restorer of the same kind"
        )
    more = [find(recipe.colorizer)[0].licence] if recipe.colorizer else []
    said += [f"the weights are {licence}" for licence in dict.fromkeys((prior.licence, restorer.licence, *more)) if licence]
    return said
