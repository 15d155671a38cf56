"""How pictures are drawn from a prior alone: ours and as published."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from restauro.core.errors import RecipeError
from restauro.core.knobs import Knob, Knobbed, build
from restauro.core.registry import SAMPLERS


class Drawing(Knobbed, frozen=True, kw_only=True):
    """Everything that decides the pictures."""

    prior: Annotated[str, Knob("weights of the prior: a name, or a file")] = "face-prior"
    sampler: Annotated[str, Knob("how to walk from noise to picture")] = "dpmpp-2m"
    sampler_knobs: Annotated[dict[str, Any], Knob("the sampler's own knobs")] = {}
    respacing: Annotated[str, Knob("timesteps to visit (karras:40, trailing:50, ddim100, ...); empty: all of them")] = "karras:40"
    seed: Annotated[int, Knob("seed of all noise", ge=0, le=2**32 - 1)] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        SAMPLERS.check(self.sampler)


OURS = Drawing()
PUBLISHED = Drawing(sampler="ancestral", respacing="")
"""Algorithm 2 of Ho et al. 2020: every step of the training schedule, with the prior's own variance."""


def make_drawing(*, faithful: bool = False, steps: int | None = None, **settings: Any) -> Drawing:
    """Ours or the published one, with other settings. steps: so many, in its way; `respacing` names them otherwise."""
    base = msgspec.structs.asdict(PUBLISHED if faithful else OURS)
    if steps is not None:
        if settings.get("respacing") is not None:
            raise RecipeError("steps and respacing both say which timesteps are visited; give one")
        settings["respacing"] = str(steps) if faithful else f"karras:{steps}"
    made: Drawing = build(Drawing, base | {name: value for name, value in settings.items() if value is not None}, name="drawing")
    return made
