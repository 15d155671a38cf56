"""PGDiff's two published rules: gradients of summed losses, taken at the clean estimate, bend the step itself.

Yang et al., NeurIPS 2023 (arXiv 2309.10810); what the released code computes, defects included where they change
results: norms over the whole batch, no guard against a gradient of zero, guidance at t = 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.diffusion.contract import Estimate, Move, Observation, Target
from restauro.diffusion.guidance import Wanted
from restauro.diffusion.schedule import NoiseSchedule


@dataclass
class PublishedGuidance:
    """Bends every step by the gradient g of sum_i weight_i * (summed loss of property i) at the clean estimate.

    rule "mean-shift": x_{t-1} = mu - scale S g + sqrt(S) z (restoration).
    rule "dynamic": x' = mu + sqrt(S) z, x_{t-1} = x' - scale (||x_t - x'|| / ||g||) g (inpainting); "dynamic-per-channel"
    takes the quotient of norms for each colour channel (colorization, old photo).
    repeats: evaluations at the same t while end < index < start, strictly, in *respaced* indices.
    empty_holes: no gradient where the mask is above 0 (old photo).
    """

    wanted: Sequence[Wanted]
    observed: Observation
    schedule: NoiseSchedule
    rule: Literal["mean-shift", "dynamic", "dynamic-per-channel"]
    scale: float
    repeats: int = 1
    window: tuple[float, float] = (0, float("inf"))
    empty_holes: bool = False
    keeps_noise: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._fixed: list[Target] = [w.property.target(self.observed) for w in self.wanted]

    def clean(self, estimate: Estimate, x: Tensor, t: float) -> Estimate:
        return estimate

    def step(self, move: Move, redo: Callable[[Tensor], Move]) -> Tensor:
        told = float(self.schedule.original_index[move.t])
        # the targets of the first evaluation serve its repeats
        targets = [
            w.property.target_at(self.observed, target, move.x, told) for w, target in zip(self.wanted, self._fixed, strict=True)
        ]
        x = self._bend(move, targets)
        if self.window[0] < move.t < self.window[1]:
            for _ in range(self.repeats - 1):
                x = self._bend(redo(x), targets)
        return x

    def gradient(self, clean: Tensor, targets: Sequence[Target], x: Tensor | None = None) -> Tensor:
        """Of the weighted sum of summed losses, each picture's own; x: the noisy state, for what looks at that."""
        total = summed_gradient(self.wanted, clean, targets, x)
        if self.empty_holes and self.observed.mask is not None:
            total = total * (self.observed.mask <= 0)
        return total

    def _bend(self, move: Move, targets: Sequence[Target]) -> Tensor:
        g = self.gradient(move.estimate.clean, targets, move.x)
        if self.rule == "mean-shift":
            return move.x_next - move.variance * g * self.scale
        over = (0, 2, 3) if self.rule == "dynamic-per-channel" else (0, 1, 2, 3)
        length = (move.x - move.x_next).square().sum(over, keepdim=True).sqrt() / g.square().sum(over, keepdim=True).sqrt()
        return move.x_next - g * self.scale * length


def summed_gradient(wanted: Sequence[Wanted], clean: Tensor, targets: Sequence[Target], x: Tensor | None = None) -> Tensor:
    """Of the weighted sum of losses, each summed over its elements as in published code; x: the noisy state."""
    total = torch.zeros_like(clean)
    for (prop, weight), target in zip(wanted, targets, strict=True):
        seen = x if prop.space == "state" else clean
        if seen is None:
            raise RecipeError(
                f"{type(prop).__name__.lower()} looks at the noisy state; this method has properties of the clean one"
            )
        total += weight * prop.elements(seen, target) * prop.gradient(seen, target)
    return total


def all_or_nothing(observed: Observation) -> Observation:
    """The mask as published methods read it: anything above 0 is missing."""
    return observed if observed.mask is None else replace(observed, mask=(observed.mask > 0).to(observed.picture))


def published_loss(wanted: Sequence[Wanted], clean: Tensor, targets: Sequence[Target]) -> Tensor:
    """(N,) the weighted sum of summed losses, as the released code reports it (which leaves out the 1 of 1 - cosine)."""
    losses = [w * p.elements(clean, target) * p.distance(clean, target) for (p, w), target in zip(wanted, targets, strict=True)]
    return torch.stack(losses).sum(0)


RULES: dict[str, Literal["mean-shift", "dynamic", "dynamic-per-channel"]] = {
    "restore": "mean-shift",
    "reference": "mean-shift",
    "colorize": "dynamic-per-channel",
    "inpaint": "dynamic",
    "old-photo": "dynamic-per-channel",
}
