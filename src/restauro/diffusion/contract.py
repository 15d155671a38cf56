"""The contracts between prior, properties, guidance, sampler and restorer (docs/architecture.md).

Shapes are (N, C, H, W), float, pictures sRGB in [-1, 1]; masks (N, 1, H, W) in [0, 1] with 1 = missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import torch
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.knobs import Knobbed
from restauro.core.noise import Noise

if TYPE_CHECKING:
    from restauro.diffusion.schedule import NoiseSchedule, Time

Target = Any


@dataclass(frozen=True)
class Estimate:
    """What a denoiser says about x_t. `log_variance` (learned) and `mean` (mu-tilde networks) may be absent."""

    clean: Tensor
    noise: Tensor
    log_variance: Tensor | None = None
    mean: Tensor | None = None


class Denoiser(Protocol):
    """A network bound to one schedule and to its conditions.

    `t` is an index of that schedule, 0 the cleanest; a fraction lies between two of its steps. Or (N,) indices, one a
    picture.
    """

    @property
    def schedule(self) -> NoiseSchedule: ...

    @property
    def shape(self) -> tuple[int, int, int]: ...

    def on(self, schedule: NoiseSchedule) -> Denoiser:
        """The same network on another (respaced) schedule."""
        ...

    def __call__(self, x: Tensor, t: Time) -> Estimate: ...


@dataclass(frozen=True)
class Observation:
    """What is known of the picture that is looked for.

    picture: the damaged one. mask: 1 = missing, soft values allowed. reference: (R, 3, H, W), other pictures of the same
    person, each for all of the batch. template: how the faces are aligned (photo/faces/align.py; "": not known).
    restored: a first stage's answer (N, 3, H, W). coloured: a colorizer's, the same. restore_at(x, t): a first stage that also
    looks at the noisy state and its original timestep, and is asked anew at every step (PGDiff's published restorer).
    """

    picture: Tensor
    mask: Tensor | None = None
    reference: Tensor | None = None
    restored: Tensor | None = None
    coloured: Tensor | None = None
    restore_at: Callable[[Tensor, float], Tensor] | None = None
    template: str = ""

    def source(self, of: Literal["picture", "restored"]) -> Tensor:
        """The damaged picture or, where it is asked for, the first stage's answer."""
        if of == "picture":
            return self.picture
        if self.restored is None and self.restore_at is None:
            raise RecipeError("this property needs a first stage: name a restorer")
        return self.picture if self.restored is None else self.restored


class Codec(Protocol):
    """What a latent prior sees in the place of pictures. Both ways are differentiable."""

    def encode(self, picture: Tensor) -> Tensor:
        """(N, 3, H, W) in [-1, 1] to (N, c, H / f, W / f), of spread 1; the same answer every time."""
        ...

    def decode(self, latents: Tensor) -> Tensor:
        """Back to (N, 3, H, W)."""
        ...


class Property(Knobbed, frozen=True, kw_only=True):
    """Something measurable on a clean picture whose target can be had from the damaged one.

    A subclass gives `target` and `distance`; `project` where the nearest picture with the property is known exactly;
    `gradient` only where a closed form is shorter or faster than autograd.

    space: what `distance` and `gradient` look at. "state": the noisy x_t itself, told its timestep by `target_at`; the
    distance is then -log p(y | x_t) up to a constant, and guidance by it is exact (Dhariwal and Nichol 2021).

    of_input: whether the target is of the damaged picture. What a projection brings from elsewhere is imposed less, the
    higher the fidelity is above 0.5, and at 1 not at all.
    """

    space: ClassVar[Literal["picture", "latent", "state"]] = "picture"
    of_input: ClassVar[bool] = True

    def of_reference(self) -> Literal["nothing", "look", "person"]:
        """What the target takes from the reference: how it looks, whoever is in it, or the person, who must be the same."""
        return "nothing"

    def target(self, observed: Observation) -> Target:
        """Computed once per run."""
        raise NotImplementedError

    def target_at(self, observed: Observation, target: Target, x: Tensor, t: float) -> Target:
        """Asked before each step with the noisy state `x` and the network's own timestep; most keep their target."""
        return target

    def in_latents(self, target: Target, codec: Codec) -> Target | None:
        """The target for latents, where the property means the same of them; None: it speaks of pictures."""
        return None

    def distance(self, clean: Tensor, target: Target) -> Tensor:
        """(N,): a mean over the elements it speaks of, so that a weight means the same at every size."""
        raise NotImplementedError

    def gradient(self, clean: Tensor, target: Target) -> Tensor:
        """Of the summed distance with respect to `clean`; each picture's own."""
        with torch.enable_grad():
            leaf = clean.detach().requires_grad_(True)
            (gradient,) = torch.autograd.grad(self.distance(leaf, target).sum(), leaf)
        return gradient

    def elements(self, clean: Tensor, target: Target) -> int:
        """How many numbers of one picture `distance` averages over: published methods sum them."""
        return clean[0].numel()

    def certainty(self, target: Target) -> Tensor | None:
        """(N, 1 or C, H, W) in [0, 1]: how much of the projection is imposed where (soft masks); None: all of it."""
        return None

    def within(self, clean: Tensor) -> Tensor:
        """The result brought into [-1, 1] without loss of the property, where that is possible; what is left is cut off."""
        return clean

    project: ClassVar[Callable[..., Tensor] | None] = None
    """`project(clean, target)`: the nearest picture that has the property exactly, or None if there is no closed form."""


@dataclass(frozen=True)
class Move:
    """One proposed step from x_t: `x_next` was drawn from N(mean, variance). `step` counts from 0 in visiting order."""

    x: Tensor
    t: int
    step: int
    mean: Tensor
    variance: Tensor
    estimate: Estimate
    x_next: Tensor


class Guidance(Protocol):
    """How properties bend a sampler. Both hooks are called by every sampler.

    keeps_noise: after `clean` the noisy state moves with the estimate, so that the noise in it is the estimate's: the
    network's own, unless `clean` bent that, too.
    """

    @property
    def keeps_noise(self) -> bool: ...

    def clean(self, estimate: Estimate, x: Tensor, t: float) -> Estimate:
        """Bend the clean estimate, before the step is made from it. `t` as the denoiser's: it may be a fraction."""
        ...

    def step(self, move: Move, redo: Callable[[Tensor], Move]) -> Tensor:
        """Bend the step itself; `redo(x)` proposes it anew from another state at the same t, with fresh noise."""
        ...


class Unguided:
    """No guidance: the prior alone."""

    keeps_noise = False

    def clean(self, estimate: Estimate, x: Tensor, t: float) -> Estimate:
        return estimate

    def step(self, move: Move, redo: Callable[[Tensor], Move]) -> Tensor:
        return move.x_next


@dataclass(frozen=True)
class Step:
    """What a sampler yields after each of its steps."""

    index: int
    total: int
    t: float
    clean: Tensor
    x: Tensor


class Sampler(Knobbed, frozen=True, kw_only=True):
    """A generator that walks a denoiser's schedule from its last index to 0: progress, previews, cancellation."""

    def calls(self, steps: int) -> int:
        """Of the denoiser, in a walk of so many steps whose guidance repeats none."""
        return steps

    def steps(self, denoiser: Denoiser, start: Tensor, guidance: Guidance, noise: Noise) -> Iterator[Step]:
        raise NotImplementedError


class Restorer(Protocol):
    """A network that maps a picture to a picture in one pass."""

    scale: int
    multiple: int
    tiles: bool  # False where statistics or attention are global

    def __call__(self, picture: Tensor, *, mask: Tensor | None = None, noise: Tensor | None = None) -> Tensor: ...
