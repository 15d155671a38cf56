"""DiffBIR's restoration guidance as published: by its paper (arXiv 2308.15070, section 3.4) and as versions 1 and 2 compute it.

The gradient is that of the property's distance at the clean estimate, through the decoder or in latents; none flows through the
denoiser. Its strength falls with the picture's size and, of the two releases, with the number of steps: our own guidance has
neither (diffusion/latent_guidance.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from restauro.diffusion.contract import Codec, Move, Observation, Target, Unguided
from restauro.diffusion.schedule import NoiseSchedule
from restauro.properties.region_adaptive import RegionAdaptive

Form = Literal["paper", "v1", "v2"]
PROPERTY = {
    "paper": RegionAdaptive(regions="blocks", squared=True),
    "v1": RegionAdaptive(regions="all"),
    "v2": RegionAdaptive(regions="blocks"),
}
"""What each form pulls towards; v2 has v1's loss, too ("mse")."""
FACTOR = {"paper": 1.0, "v1": 1.0, "v2": 3000.0}
"""Times the scale, before the gradient of a mean."""


@dataclass
class PublishedGuidance(Unguided):
    """Moves every proposed step by what `repeats` steps d = -scale FACTOR grad of the distance at the clean estimate z come to.

    paper: z <- z + d, and the mean follows as it depends on z. v1: z <- z + d, mean <- mean + d / 2. v2: the mean by d itself,
    and z by as much as that takes. window: only while end < t + 1 < begin, t the original timestep.
    wanted: in the place of the form's own property. space: where the distance is measured. The target is encoded once (version 2
    draws its latents anew every time).
    """

    form: Form
    observed: Observation
    schedule: NoiseSchedule
    codec: Codec
    scale: float
    space: Literal["latent", "rgb"] = "latent"
    repeats: int = 1
    window: tuple[float, float] = (-1, 1001)
    wanted: RegionAdaptive | None = None
    pulls: RegionAdaptive = field(init=False)
    target: Target = field(init=False)

    def __post_init__(self) -> None:
        self.pulls = self.wanted or PROPERTY[self.form]
        self.target = self.pulls.target(self.observed)
        if self.space == "latent":
            self.target = self.pulls.in_latents(self.target, self.codec)

    def step(self, move: Move, redo: Callable[[Tensor], Move]) -> Tensor:
        end, begin = self.window
        if not end < self.schedule.original_index[move.t] + 1 < begin:
            return move.x_next
        clean, shift = move.estimate.clean, torch.zeros_like(move.x)
        part = float(self.schedule.posterior_mean_coef1[move.t])
        of_clean, of_mean = {"paper": (1.0, part), "v1": (1.0, 0.5), "v2": (1 / part, 1.0)}[self.form]
        for _ in range(self.repeats):
            change = self.change(clean)
            clean, shift = clean + of_clean * change, shift + of_mean * change
        return move.x_next + shift

    def change(self, clean: Tensor) -> Tensor:
        """d at a clean estimate, (N, c, h, w)."""
        scale = -self.scale * FACTOR[self.form]
        if self.space == "latent":
            return scale * self.pulls.gradient(clean, self.target)
        with torch.enable_grad():
            leaf = clean.detach().requires_grad_(True)
            seen = self.codec.decode(leaf)
            pull = self.pulls.gradient(seen.detach(), self.target)
            (back,) = torch.autograd.grad(seen, leaf, pull)
        return scale * back
