"""DDNM: what was measured is imposed on every clean estimate; the prior fills the null space of the measurement.

Wang et al., ICLR 2023 (arXiv 2212.00490), algorithm 1: x_0' = A+ y + (I - A+ A) x_0, and the step is made from x_0' and the
network's own noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.diffusion.contract import Estimate, Observation, Unguided
from restauro.diffusion.guidance import Wanted


class NullSpaceGuidance(Unguided):
    """Imposes on the clean estimate every wanted property; each must have an exact projection, which is A+ y + (I - A+ A) x_0.

    scale: the share of it, 1 all. Properties are imposed in order, where something is known. Raises RecipeError for one
    without a projection.
    """

    keeps_noise = True

    def __init__(self, wanted: Sequence[Wanted], observed: Observation, scale: float = 1.0):
        for prop, _ in wanted:
            if prop.project is None:
                raise RecipeError(f"ddnm imposes linear measurements, which {type(prop).__name__} is not: try lightness")
        self.wanted = [(prop, weight, prop.target(observed)) for prop, weight in wanted]
        self.scale = scale

    def clean(self, estimate: Estimate, x: Tensor, t: float) -> Estimate:
        clean = estimate.clean
        for prop, weight, target in self.wanted:
            known = prop.certainty(target)
            share = min(self.scale * weight, 1.0) * (1.0 if known is None else known)
            clean = clean + share * (prop.project(clean, target) - clean)  # type: ignore[misc]
        return replace(estimate, clean=clean)
