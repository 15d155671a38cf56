"""From a recipe and what is known of aligned faces to restored faces: the one way that every task takes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.core.events import Event, Listener, silent
from restauro.core.noise import Noise, PictureNoise
from restauro.core.recipe import Published, Recipe
from restauro.diffusion.contract import Guidance, Observation, Property, Unguided
from restauro.diffusion.denoiser import NetworkDenoiser
from restauro.diffusion.guidance import CleanGuidance, Wanted
from restauro.diffusion.schedule import NoiseSchedule
from restauro.restorers.smooth import restorer
from restauro.restorers.timed import Timed
from restauro.systems._built import property_of, sampler_of
from restauro.systems._prior import prior, trained
from restauro.systems.pgdiff.ddnm import NullSpaceGuidance
from restauro.systems.pgdiff.gdp import gdp
from restauro.systems.pgdiff.guidance import RULES, PublishedGuidance, all_or_nothing
from restauro.systems.pgdiff.observed import shown
from restauro.weights.store import find

LEAST_SIGMA = 0.03
"""Below this the walk would change less than a level of 8 bits."""
SEAM = 0.2
"""Of a soft mask, what is below this fades into the input. The walk has weighed the rest, and nothing weighs it again."""


def denoiser_of(recipe: Recipe, observed: Observation) -> NetworkDenoiser:
    """The recipe's prior, shown the damaged picture and the first stage's answer where it can look at them."""
    told = recipe.told and not recipe.faithful
    return prior(recipe.prior, observed.picture.device, shown(recipe.prior, observed) if told else None)


@torch.no_grad()
def run(
    recipe: Recipe,
    observed: Observation,
    *,
    pictures: Sequence[int] | None = None,
    listener: Listener = silent,
) -> Tensor:
    """Restored faces (N, 3, S, S) in [-1, 1].

    pictures: the indices that, with the seed, decide each face's noise (default 0..N-1).
    observed.picture: (N, 3, S, S) aligned to the prior's template, S the prior's size. Raises RecipeError for what
    cannot be combined, WeightsError when weights are missing.
    """
    device, n, shape = observed.picture.device, len(observed.picture), observed.picture.shape[1:]
    noise = PictureNoise(recipe.seed, pictures or range(n), shape, device)
    observed = first_stage(recipe, replace(observed, template=find(recipe.prior)[0].face_template), noise)
    denoiser = denoiser_of(recipe, observed)
    if shape != denoiser.shape:
        raise RecipeError(f"the prior {recipe.prior!r} works on {denoiser.shape}, not on {tuple(shape)}")
    out = _walk(recipe, observed, denoiser, noise, listener)
    if not torch.isfinite(out).all():
        if recipe.faithful:
            raise RecipeError(
                "the published algorithm divided by zero: a gradient vanished, as with a mask that hides everything"
            )
        warnings.warn("low precision gave numbers that are not finite; using the first stage's answer there", stacklevel=2)
        out = torch.where(torch.isfinite(out), out, observed.source("restored"))
    return _within(recipe, _finish(recipe, observed, out))


def first_stage(recipe: Recipe, observed: Observation, noise: Noise) -> Observation:
    """The observation with the restorer's answer, which is asked for once.

    As published, a restorer that also sees the noisy state is asked anew at every step (once a step, however often that
    is repeated) instead; its first answer is then only needed where the walk starts from it.
    """
    if observed.restored is not None or observed.restore_at is not None:
        return observed
    network = restorer(recipe.restorer, observed.picture.device)
    if recipe.faithful and isinstance(network, Timed):
        observed = replace(observed, restore_at=partial(network.at, observed.picture))
        if recipe.start == 0:
            return observed
    return replace(observed, restored=network(observed.picture, mask=observed.mask, noise=noise(0, 1)))


def _walk(recipe: Recipe, observed: Observation, denoiser: NetworkDenoiser, noise: PictureNoise, listener: Listener) -> Tensor:
    schedule = respaced(recipe, denoiser.schedule)
    guidance = guidance_of(recipe, observed, denoiser.schedule if schedule is None else schedule)
    restored = observed.source("restored")
    if schedule is None:  # the first stage alone; what is exact holds here as well
        return guidance.impose(restored) if isinstance(guidance, CleanGuidance) else restored
    last = len(schedule) - 1
    start = noise(0) if recipe.start == 0 else schedule.q_sample(restored, last, noise(0))
    x = start
    for step in sampler_of(recipe).steps(denoiser.on(schedule), start, guidance, noise):
        listener(Event("steps", step.index + 1, step.total))
        x = step.x
    return x


def calls(recipe: Recipe) -> int:
    """Of the prior, for one face: second looks and repeats count, the first stage does not."""
    schedule = respaced(recipe, trained(find(recipe.prior)[0]))
    if schedule is None:
        return 0
    count, published = sampler_of(recipe).calls, recipe.published
    repeated = 0
    if recipe.faithful and published is not None and published.method == "pgdiff" and recipe.wants:
        repeated = (published.repeats - 1) * len(_inside(published, schedule))
    return count(len(schedule)) + repeated * (count(2) - count(1))


def respaced(recipe: Recipe, schedule: NoiseSchedule) -> NoiseSchedule | None:
    """The steps a recipe walks; None where it walks none.

    Fidelity lowers the noise that is laid over the first stage's answer: 0 twice the recipe's `start`, 1 none.
    """
    if recipe.published is not None and recipe.faithful:
        respacing = recipe.published.respacing
        if recipe.start == 0 or respacing:
            return schedule.respace((respacing or f"ddpm{recipe.steps}") + (f"@{recipe.start:g}" if recipe.start else ""))
        return schedule.respace(np.linspace(0, float(schedule.t_of_sigma(recipe.start)), recipe.steps).tolist())
    top = recipe.start * 2 * (1 - recipe.fidelity)
    if recipe.steps == 0 or (recipe.start and top < LEAST_SIGMA):
        return None
    return schedule.respace(f"karras:{recipe.steps}" + (f"@{top:g}" if recipe.start else ""))


def guidance_of(recipe: Recipe, observed: Observation, schedule: NoiseSchedule) -> Guidance:
    """The published rules where the recipe is faithful, ours otherwise."""
    wanted = [Wanted(prop, want.weight * _part(recipe, prop)) for want in recipe.wants for prop in [property_of(want)]]
    published = recipe.published
    if recipe.faithful and published is not None:
        return _published_guidance(recipe, published, wanted, all_or_nothing(observed), schedule)
    return CleanGuidance(wanted, observed, schedule) if wanted else Unguided()


def _part(recipe: Recipe, prop: Property) -> float:
    """Of a weight, at the recipe's fidelity."""
    return 1.0 if prop.of_input or recipe.faithful else min(1.0, 2 * (1 - recipe.fidelity))


def _published_guidance(
    recipe: Recipe, published: Published, wanted: list[Wanted], observed: Observation, schedule: NoiseSchedule
) -> Guidance:
    if published.method == "gdp":
        return gdp(recipe.task, observed, published.scale, wanted)
    if published.method == "ddnm":
        return NullSpaceGuidance(wanted, observed, published.scale)
    if not wanted:
        return Unguided()
    inside = _inside(published, schedule)
    if published.repeats > 1 and not inside:
        raise RecipeError(f"repeats={published.repeats}, but no step lies in the window {published.window} of the schedule")
    return PublishedGuidance(
        wanted=wanted,
        observed=observed,
        schedule=schedule,
        rule=RULES.get(recipe.task, "mean-shift"),
        scale=published.scale,
        repeats=published.repeats,
        window=(min(inside, default=0) - 1, max(inside, default=0) + 1),
        empty_holes=recipe.task == "old-photo",
    )


def _inside(published: Published, schedule: NoiseSchedule) -> list[int]:
    """The steps that are repeated."""
    end, begin = (share * schedule.original_steps for share in published.window)
    return [t for t, told in enumerate(schedule.original_index) if end < told < begin]


def _within(recipe: Recipe, out: Tensor) -> Tensor:
    """In [-1, 1]; the heaviest wish has the last word on how. The published algorithm cuts off."""
    for want in () if recipe.faithful else sorted(recipe.wants, key=lambda want: want.weight):
        out = property_of(want).within(out)
    return out.clamp(-1, 1)


def _finish(recipe: Recipe, observed: Observation, out: Tensor) -> Tensor:
    """Ours puts known pixels back exactly; the published algorithm only approximates them."""
    if recipe.task != "inpaint" or recipe.faithful or observed.mask is None:
        return out
    return torch.lerp(observed.picture, out, (observed.mask / SEAM).clamp(max=1).expand_as(out))
