"""GDP: what the clean estimate would look like damaged is pulled to what was seen; the damage is learnt on the way.

Fei et al., CVPR 2023 (arXiv 2304.01247), the variant GDP-x_0: x_{t-1} ~ N(mu - s grad_{x_0} L, S) with
L = |D_phi(x_0) - y|^2, without S before the gradient, as their ablation recommends; blind: phi <- phi - l grad_phi L.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.diffusion.contract import Move, Observation, Unguided
from restauro.diffusion.guidance import Wanted
from restauro.properties.lightness import Lightness
from restauro.systems.pgdiff.guidance import summed_gradient

RATE = 0.05
"""l, of the gradient's direction alone: the same for unknowns of every kind, and early estimates cannot throw them far."""


def blur(clean: Tensor, unknown: Tensor) -> Tensor:
    """Gaussian blur with a standard deviation of exp(unknown) pixels, mirrored at the edges; unknown: (N, 1)."""
    height, width = clean.shape[-2:]
    mirrored = torch.cat([clean, clean.flip(-1)], -1)
    mirrored = torch.cat([mirrored, mirrored.flip(-2)], -2)
    fy, fx = torch.fft.fftfreq(2 * height, device=clean.device)[:, None], torch.fft.rfftfreq(2 * width, device=clean.device)
    kept = torch.exp(-2 * torch.pi**2 * (fy.square() + fx.square()) * (2 * unknown).exp()[..., None, None])
    return torch.fft.irfft2(torch.fft.rfft2(mirrored) * kept, mirrored.shape[-2:])[..., :height, :width]


def grey(clean: Tensor, unknown: Tensor) -> Tensor:
    return Lightness().measure(clean)


def fade(clean: Tensor, unknown: Tensor) -> Tensor:
    """Grey, with less contrast and another brightness: the paper's model of light, f x + M; unknown: (N, 2), f and M."""
    return unknown[:, :1, None, None] * grey(clean, unknown) + unknown[:, 1:, None, None]


def nothing(clean: Tensor, unknown: Tensor) -> Tensor:
    return clean


class Damage(NamedTuple):
    """D: (N, 3, H, W) and (N, K) unknowns to what would be seen; where the unknowns begin; what was seen, of the picture."""

    forward: Callable[[Tensor, Tensor], Tensor]
    begin: tuple[float, ...] = ()
    seen: Callable[[Tensor], Tensor] = lambda picture: picture


DAMAGES = {
    "restore": Damage(blur, (0.0,)),
    "colorize": Damage(grey, (), Lightness().measure),
    "inpaint": Damage(nothing),
    "old-photo": Damage(fade, (1.0, 0.0), Lightness().measure),
}


@dataclass
class GdpGuidance(Unguided):
    """Moves every step's mean by -scale times the gradient of each picture's summed loss at the clean estimate.

    wanted: further losses with their weights (the paper's quality losses Q). What the mask hides has no part in the loss.
    """

    damage: Damage
    observed: Observation
    scale: float
    wanted: Sequence[Wanted] = ()
    unknown: Tensor = field(init=False)

    def __post_init__(self) -> None:
        picture = self.observed.picture
        self.seen = self.damage.seen(picture)
        self.known = 1.0 if self.observed.mask is None else 1 - self.observed.mask
        self.unknown = picture.new_tensor(self.damage.begin).expand(len(picture), -1)
        self.targets = [wanted.property.target(self.observed) for wanted in self.wanted]

    def step(self, move: Move, redo: Callable[[Tensor], Move]) -> Tensor:
        gradient, slope = self.gradients(move.estimate.clean)
        self.unknown = self.unknown - RATE * F.normalize(slope)
        return move.x_next - self.scale * gradient

    def loss(self, clean: Tensor, unknown: Tensor) -> Tensor:
        """(N,) squared errors, summed over what is known."""
        return ((self.damage.forward(clean, unknown) - self.seen) * self.known).square().sum((1, 2, 3))

    def gradients(self, clean: Tensor) -> tuple[Tensor, Tensor]:
        """With respect to the clean estimate and to the unknowns."""
        with torch.enable_grad():
            at, unknown = clean.detach().requires_grad_(), self.unknown.detach().requires_grad_()
            gradient, slope = torch.autograd.grad(
                self.loss(at, unknown).sum(), (at, unknown), allow_unused=True, materialize_grads=True
            )
        return gradient + summed_gradient(self.wanted, clean, self.targets), slope


def gdp(task: str, observed: Observation, scale: float, wanted: Sequence[Wanted] = ()) -> GdpGuidance:
    """GDP for a task; RecipeError where it has no model of the damage or the task's mask is missing."""
    if task not in DAMAGES:
        raise RecipeError(f"gdp has no model of the damage in {task!r}; it has {', '.join(DAMAGES)}")
    if task == "inpaint" and observed.mask is None:
        raise RecipeError("inpaint needs a mask: --mask FILE, white where the picture is missing")
    return GdpGuidance(DAMAGES[task], observed, scale, wanted)
