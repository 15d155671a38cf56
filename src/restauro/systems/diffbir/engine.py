"""From a recipe and what is known of pictures to restored pictures, of any size: the first stage, then the prior of latents.

The first stage's answer is coded, shown to the prior by the control at every step, and what the walk starts from. Properties
guide in pictures through the autoencoder, region-adaptive restoration guidance in latents unless the recipe says otherwise.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from restauro.core.events import Event, Listener, silent
from restauro.core.noise import Noise, PictureNoise
from restauro.core.recipe import Latent, Recipe
from restauro.diffusion.contract import Codec, Guidance, Observation, Property, Unguided
from restauro.diffusion.denoiser import NetworkDenoiser
from restauro.diffusion.guidance import CleanGuidance, Wanted
from restauro.diffusion.latent_guidance import LatentGuidance
from restauro.diffusion.schedule import NoiseSchedule
from restauro.properties.region_adaptive import RegionAdaptive
from restauro.systems._built import property_of, sampler_of
from restauro.systems._prior import trained
from restauro.systems.diffbir.cleaning import cleaned
from restauro.systems.diffbir.codec import Known
from restauro.systems.diffbir.colour_fix import colour_fixed
from restauro.systems.diffbir.denoiser import latent_denoiser
from restauro.systems.diffbir.pairing import warn_of_a_wrong_pair
from restauro.systems.diffbir.parts import Parts, checked
from restauro.systems.diffbir.published import as_released
from restauro.systems.diffbir.recipe import RESTORING, WHOLE
from restauro.systems.diffbir.sizes import enlarged, padded

LEAST_SIGMA = 0.03
"""Below this the walk would change next to nothing."""


@torch.no_grad()
def run(
    recipe: Recipe,
    observed: Observation,
    *,
    pictures: Sequence[int] | None = None,
    listener: Listener = silent,
) -> Tensor:
    """Restored pictures (N, 3, H, W) in [-1, 1].

    pictures: the indices that, with the seed, decide each one's noise (default 0..N-1). Raises RecipeError for what cannot be
    combined, WeightsError for weights that are missing or do not belong together.
    """
    parts = Parts.load(recipe, observed.picture.device)
    if recipe.faithful:
        return as_released(recipe, parts, observed.picture, pictures or range(len(observed.picture)), listener)
    height, width = observed.picture.shape[-2:]
    seen = replace(fitted(observed, parts), template=parts.about.face_template)
    if seen.restored is None:
        seen = replace(seen, restored=cleaned(recipe.restorer, seen.picture, seen.mask).clamp(-1, 1))
    restored = seen.source("restored")
    out = _walk(recipe, parts, seen, pictures or range(len(restored)), listener)
    if not torch.isfinite(out).all():
        warnings.warn("low precision gave numbers that are not finite; using the first stage's answer there", stacklevel=2)
        out = torch.where(torch.isfinite(out), out, restored)
    out = _finished(recipe, seen, out)
    large = enlarged(observed.picture, parts.about.size).shape[-2:]
    out = out[..., : large[0], : large[1]]
    return out if large == (height, width) else F.interpolate(out, (height, width), mode="bicubic", antialias=True).clamp(-1, 1)


def fitted(observed: Observation, parts: Parts) -> Observation:
    """Not smaller than the prior's pictures, with sides that the networks divide: mirrored beyond the picture."""

    def fit(picture: Tensor | None) -> Tensor | None:
        return None if picture is None else padded(enlarged(picture, parts.about.size), parts.multiple)

    def within(picture: Tensor | None, least: float) -> Tensor | None:
        return None if picture is None else picture.clamp(least, 1)

    picture = fit(observed.picture)
    assert picture is not None
    restored, coloured = (within(fit(one), -1) for one in (observed.restored, observed.coloured))
    mask = within(fit(observed.mask), 0)
    return replace(observed, picture=picture.clamp(-1, 1), mask=mask, restored=restored, coloured=coloured)


def _walk(recipe: Recipe, parts: Parts, seen: Observation, pictures: Sequence[int], listener: Listener) -> Tensor:
    """The pictures that the walk ends in."""
    restored = seen.source("restored")
    base = trained(parts.about)
    schedule = respaced(recipe, base)
    if schedule is None:  # the first stage alone
        return restored
    codec = Known.of(parts.codec, restored, (recipe.latent or Latent()).residual)
    condition = codec.latents
    noise = PictureNoise(recipe.seed, pictures, condition.shape[1:], condition.device)
    warn_of_a_wrong_pair(recipe, parts, condition, noise)
    denoiser = denoiser_of(recipe, parts, condition, noise).on(schedule)
    guide = guidance_of(recipe, seen, schedule, codec)
    start = noise(0) if recipe.start == 0 else schedule.q_sample(condition, len(schedule) - 1, noise(0))
    x = start
    for step in sampler_of(recipe).steps(denoiser, start, guide, noise):
        listener(Event("steps", step.index + 1, step.total))
        x = step.x
    return codec.decode(x)


def denoiser_of(recipe: Recipe, parts: Parts, condition: Tensor, noise: Noise) -> NetworkDenoiser:
    """On its training schedule; `augment` lays noise over what the control is shown."""
    latent = recipe.latent or Latent()
    if latent.augment:
        condition = trained(parts.about).q_sample(condition, latent.augment, noise(0, 1))
    return latent_denoiser(parts, latent if recipe.told else msgspec.structs.replace(latent, control_scale=0.0), condition)


def respaced(recipe: Recipe, schedule: NoiseSchedule) -> NoiseSchedule | None:
    """The steps of the walk, evenly down from the noise at its start; None where there are none."""
    steps, last = f"trailing:{recipe.steps}", float(schedule.sigma(len(schedule) - 1))
    top = recipe.start if recipe.task in RESTORING else recipe.start * 2 * (1 - recipe.fidelity)
    if recipe.steps == 0 or (recipe.start and top < LEAST_SIGMA):
        return None
    if recipe.start == 0 or top >= min(WHOLE, last):
        return schedule.respace(steps)
    room = int(schedule.t_of_sigma(top)) + 1  # a walk from little noise has no more steps than the training had
    return schedule.respace(f"trailing:{min(recipe.steps, room)}@{max(top, float(schedule.sigma(0))):g}")


def calls(recipe: Recipe) -> int:
    """Of the prior, for one picture."""
    if recipe.faithful:
        return recipe.steps
    schedule = respaced(recipe, trained(checked(recipe)))
    return 0 if schedule is None else sampler_of(recipe).calls(len(schedule))


def guidance_of(recipe: Recipe, seen: Observation, schedule: NoiseSchedule, codec: Codec) -> Guidance:
    """By the recipe's wishes and, when restoring, by regions: as much as the fidelity says."""
    wanted, latent = wishes(recipe), recipe.latent or Latent()
    return LatentGuidance(wanted, seen, schedule, codec, latent.guided) if wanted else Unguided()


def wishes(recipe: Recipe) -> list[Wanted]:
    """What is wanted, and how much at the recipe's fidelity."""
    found = [Wanted(prop, want.weight * _part(recipe, prop)) for want in recipe.wants for prop in [property_of(want)]]
    if recipe.task in RESTORING and not any(isinstance(one.property, RegionAdaptive) for one in found):
        found.append(Wanted(RegionAdaptive(), recipe.fidelity))
    return [one for one in found if one.weight]


def _part(recipe: Recipe, prop: Property) -> float:
    if isinstance(prop, RegionAdaptive):
        return recipe.fidelity if recipe.task in RESTORING else 1.0
    return 1.0 if prop.of_input else min(1.0, 2 * (1 - recipe.fidelity))


def _finished(recipe: Recipe, seen: Observation, out: Tensor) -> Tensor:
    """In [-1, 1], with the colours put right; what is wholly wanted of the picture itself holds after decoding, too."""
    latent = recipe.latent or Latent()
    pairs = zip(out, seen.source("restored"), strict=True)
    fixed = [colour_fixed(_pixels(one), _pixels(like), latent.colour_fix) for one, like in pairs]
    out = torch.from_numpy(np.stack(fixed)).permute(0, 3, 1, 2).to(out) * 2 - 1
    exact = [one for one in wishes(recipe) if one.weight >= 1 and not isinstance(one.property, RegionAdaptive)]
    if exact:
        out = CleanGuidance(exact, seen, NoiseSchedule.from_betas([0.5])).impose(out)
    for one in sorted(exact, key=lambda one: one.weight):
        out = one.property.within(out)
    return out.clamp(-1, 1)


def _pixels(picture: Tensor) -> np.ndarray:
    """(3, H, W) in [-1, 1] to (H, W, 3) in [0, 1], unclamped."""
    return ((picture + 1) / 2).permute(1, 2, 0).float().cpu().numpy()
