"""From a photograph to a larger one, in overlapping tiles of one field of noise: any size, in bounded memory, without seams."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from restauro.core.events import Event, Listener, part, silent
from restauro.core.knobs import build
from restauro.core.noise import FieldNoise, Noise
from restauro.core.recipe import Recipe, Want
from restauro.core.registry import PROPERTIES, SAMPLERS
from restauro.diffusion.contract import Guidance, Observation, Property, Sampler, Unguided
from restauro.diffusion.guidance import CleanGuidance, Wanted
from restauro.diffusion.schedule import NoiseSchedule
from restauro.photo.resize import resize
from restauro.photo.tiles import Tile, tiles
from restauro.properties.downscaling import Downscaling, Small
from restauro.systems.sr3.denoiser import super_resolver
from restauro.weights.store import find, load

TILE, OVERLAP = 384, 48
"""Pixels of the result. Over half the overlap a network sees the same surroundings as in the whole picture."""
MULTIPLE = 16
"""Sides that our networks divide; an imported one may need larger ones."""
KERNEL = 4
"""Pixels of the small picture beyond a tile by which its enlargement is decided."""
LEAST_SIGMA = 0.01


class Walk(NamedTuple):
    """All that is the same for every tile."""

    recipe: Recipe
    wants: Sequence[Wanted]
    device: torch.device
    listener: Listener


def enlarge(pixels: np.ndarray, recipe: Recipe, device: torch.device, listener: Listener = silent) -> np.ndarray:
    """(H, W, 3) float sRGB in [0, 1] to (H s, W s, 3) float32, s the recipe's `upscale`.

    Where the recipe wants the property "downscaling", the result reduced is the photograph again.
    """
    s = recipe.upscale
    height, width = pixels.shape[:2]
    inputs = list(tiles(height, width, TILE // s, OVERLAP // s))
    outputs = list(tiles(height, width, TILE // s, OVERLAP // s, scale=s))
    out = np.zeros((height * s, width * s, 3), np.float32)
    wants = [Wanted(property_of(want, s), want.weight * _clean(want, recipe)) for want in recipe.wants]
    for done, (taken, put) in enumerate(zip(inputs, outputs, strict=True)):
        answer = _tile(pixels, taken, put, Walk(recipe, wants, device, part(listener, done, len(inputs))))
        out[put.where] += answer * put.weight[:, :, None]
    return _consistent(out, pixels, wants)


def calls(recipe: Recipe) -> int:
    """Of the network, for each tile."""
    sampler = sampler_of(recipe)
    if recipe.start == 0:
        return sampler.calls(recipe.steps)
    left = recipe.steps - _first(recipe)
    return _first(recipe) + (sampler.calls(left) if left and _top(recipe) >= LEAST_SIGMA else 0)


def _first(recipe: Recipe) -> int:
    """Calls before the walk: where nothing is known of the large picture, a network says the middle of what it could be."""
    return int(recipe.start > 0 and find(recipe.prior)[0].prediction == "clean")


def sampler_of(recipe: Recipe) -> Sampler:
    found: Sampler = build(SAMPLERS.get(recipe.sampler), recipe.sampler_knobs, name=recipe.sampler, lax=True)
    return found


def property_of(want: Want, factor: int) -> Property:
    """`downscaling` is meant by the recipe's own factor unless it names one."""
    knobs = {"factor": factor, **want.knobs} if want.property == "downscaling" else want.knobs
    found: Property = build(PROPERTIES.get(want.property), knobs, name=want.property, lax=True)
    return found


def _clean(want: Want, recipe: Recipe) -> float:
    """What is left out of a photograph must not come back with its own pixels."""
    return max(0.0, 1 - 4 * recipe.cleaning) if want.property == "downscaling" else 1.0


def _tile(pixels: np.ndarray, taken: Tile, put: Tile, walk: Walk) -> np.ndarray:
    """One tile of the result, (h, w, 3) in [0, 1]."""
    large = _enlarged(pixels, taken, walk.recipe.upscale)
    height, width = large.shape[:2]
    reference = torch.from_numpy(large).permute(2, 0, 1)[None].to(walk.device) * 2 - 1
    multiple = max(MULTIPLE, int(load(walk.recipe.prior, walk.device).multiple))  # type: ignore[arg-type]
    below, right = -height % multiple, -width % multiple
    reference = F.pad(reference, (0, right, 0, below), mode="replicate")
    window = (put.top, put.bottom + below, put.left, put.right + right)
    noise = FieldNoise(walk.recipe.seed, 3, window, walk.device)
    found = _walk(reference, noise, walk)[0, :, :height, :width]
    return (found.permute(1, 2, 0).cpu().numpy() + 1) / 2


@torch.no_grad()
def _walk(reference: Tensor, noise: Noise, walk: Walk) -> Tensor:
    recipe = walk.recipe
    conditions = torch.tensor([[np.log2(recipe.upscale) - 1, recipe.cleaning]], dtype=torch.float32)
    denoiser = super_resolver(recipe.prior, reference, conditions)
    total, done, x = calls(recipe), _first(recipe), reference
    if done:
        x = denoiser(noise(0), len(denoiser.schedule) - 1).clean
        walk.listener(Event("steps", done, total))
    if total > done:  # from noise alone, as published, or from noise over what is known
        steps = f"karras:{recipe.steps - done}@{_top(recipe):g}" if recipe.start else f"sr3-linear:{recipe.steps}"
        schedule = denoiser.schedule.respace(steps)
        guidance = guidance_of(walk.wants, reference, schedule)
        start = schedule.q_sample(x, len(schedule) - 1, noise(0, 1)) if recipe.start else noise(0)
        for step in sampler_of(recipe).steps(denoiser.on(schedule), start, guidance, noise):
            x = step.x
            walk.listener(Event("steps", done + round((total - done) * (step.index + 1) / step.total), total))
    if not torch.isfinite(x).all():
        warnings.warn("low precision gave numbers that are not finite; using the enlarged photograph there", stacklevel=2)
        x = torch.where(torch.isfinite(x), x, reference)
    return x


def guidance_of(wants: Sequence[Wanted], reference: Tensor, schedule: NoiseSchedule) -> Guidance:
    return CleanGuidance(wants, Observation(picture=reference, restored=reference), schedule) if wants else Unguided()


def _top(recipe: Recipe) -> float:
    """The noise laid over the first answer: the recipe's `start` at fidelity 0.5, none at 1."""
    return recipe.start * 2 * (1 - recipe.fidelity)


def _enlarged(pixels: np.ndarray, tile: Tile, s: int) -> np.ndarray:
    """The tile of the whole photograph's bicubic enlargement."""
    top, left = max(0, tile.top - KERNEL), max(0, tile.left - KERNEL)
    part = pixels[top : tile.bottom + KERNEL, left : tile.right + KERNEL]
    large = resize(part, part.shape[0] * s, part.shape[1] * s, clip=False)
    y, x = (tile.top - top) * s, (tile.left - left) * s
    return large[y : y + (tile.bottom - tile.top) * s, x : x + (tile.right - tile.left) * s]


def _consistent(out: np.ndarray, pixels: np.ndarray, wants: Sequence[Wanted]) -> np.ndarray:
    """Tiles are consistent one by one; where they are blended, and at their edges, the whole is made so."""
    for prop, weight in wants:
        if isinstance(prop, Downscaling):
            small, large = (torch.from_numpy(one).permute(2, 0, 1)[None] * 2 - 1 for one in (pixels, out))
            large = large.lerp(prop.within(prop.project(large, Small(small))), min(1.0, weight))
            out = ((large[0].permute(1, 2, 0) + 1) / 2).numpy()
    return out.clip(0, 1)
