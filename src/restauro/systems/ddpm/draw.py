"""Pictures from a prior alone: drawn from noise, and between two others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.events import Event, Listener, silent
from restauro.core.knobs import build
from restauro.core.noise import PictureNoise
from restauro.core.recipe import visits
from restauro.core.registry import SAMPLERS
from restauro.diffusion.contract import Sampler, Step, Unguided
from restauro.diffusion.interpolation import interpolate
from restauro.systems._prior import prior
from restauro.systems.ddpm.recipe import Drawing


def drawn(drawing: Drawing, pictures: Sequence[int], device: torch.device) -> Iterator[Step]:
    """The walk of the pictures with these numbers, which decide their noise."""
    denoiser = prior(drawing.prior, device)
    noise = PictureNoise(drawing.seed, pictures, denoiser.shape, device)
    schedule = denoiser.schedule.respace(drawing.respacing)
    return sampler_of(drawing).steps(denoiser.on(schedule), noise(0), Unguided(), noise)


def between(
    drawing: Drawing,
    first: Tensor,
    second: Tensor,
    shares: Sequence[float],
    depth: int,
    *,
    spherical: bool = True,
    listener: Listener = silent,
) -> Tensor:
    """(len(shares), C, S, S) between two pictures (1, C, S, S), of which `depth` diffusion steps are forgotten.

    depth 0: blended pixel by pixel. All shares have the same noise, so that they form one sequence. Of the steps below the
    depth those of the drawing's respacing are visited.
    """
    n, device = len(shares), first.device
    share = torch.tensor(shares, device=device)
    if depth == 0:
        return torch.lerp(first, second, share.view(-1, 1, 1, 1))
    denoiser = prior(drawing.prior, device)
    if not 0 <= depth <= len(denoiser.schedule):
        raise RecipeError(f"{drawing.prior!r} has {len(denoiser.schedule)} diffusion steps, of which {depth} cannot be forgotten")
    fewer = visits(drawing.respacing) < depth
    schedule = denoiser.schedule.respace(range(depth)).respace(drawing.respacing if fewer else "")
    noise = PictureNoise(drawing.seed, [0] * n, denoiser.shape, device)
    one, two = first.expand(n, -1, -1, -1), second.expand(n, -1, -1, -1)
    last, walk = len(schedule) - 1, sampler_of(drawing)
    for step in interpolate(denoiser.on(schedule), walk, one, two, share, last, noise, spherical=spherical):
        listener(Event("steps", step.index + 1, step.total))
    return step.x


def sampler_of(drawing: Drawing) -> Sampler:
    found: Sampler = build(SAMPLERS.get(drawing.sampler), drawing.sampler_knobs, name=drawing.sampler, lax=True)
    return found
