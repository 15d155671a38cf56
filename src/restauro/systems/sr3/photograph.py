"""The way of a photograph that is enlarged."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import torch

from restauro.core.errors import RecipeError
from restauro.core.events import Listener, part, silent
from restauro.core.recipe import Recipe
from restauro.photo.colour import keep_tone, tone
from restauro.photo.damage import BLOCK_LIMIT, NOISE_LIMIT, SMALLEST, measure
from restauro.photo.photo import Photo
from restauro.photo.resize import resize
from restauro.systems._report import Outcome, Report
from restauro.systems.sr3.enlarge import calls, enlarge
from restauro.weights.store import find


def restore_variants(
    pixels: np.ndarray,
    recipe: Recipe,
    seeds: Sequence[int],
    device: torch.device,
    *,
    mask: np.ndarray | None = None,
    reference: Sequence[Photo] = (),
    listener: Listener = silent,
) -> Iterator[Outcome]:
    """One outcome a seed, made when it is asked for. pixels: (H, W, 3) float sRGB in [0, 1]."""
    if recipe.upscale == 1:
        raise RecipeError("upscale enlarges: -s 2 or -s 4")
    if mask is not None or reference:
        raise RecipeError("upscale looks at the photograph alone: no mask, no reference")
    for done, seed in enumerate(seeds):
        began = time.monotonic()
        own = msgspec.structs.replace(recipe, seed=seed)
        found = enlarge(pixels, own, device, part(listener, done, len(seeds)))
        toned = tone(pixels)
        if toned == "grey":
            found = found.mean(-1, keepdims=True).repeat(3, -1)
        elif toned == "toned" and recipe.cleaning:  # else it is consistent with the photograph, tone and all
            found = keep_tone(resize(pixels, *found.shape[:2]), found)
        back = resize(found, *pixels.shape[:2], clip=False)
        report = Report(
            task=recipe.task,
            tone=toned,
            faces=(),
            notices=tuple(_notices(recipe, pixels, float(np.sqrt(np.square(back - pixels).mean())) * 255)),
            changed=1.0,
            invented=1.0,
            outside_exact=True,
            calls=calls(recipe),
            seconds=round(time.monotonic() - began, 3),
            device=str(device),
        )
        yield Outcome(found, np.ones(found.shape[:2], bool), report)


def _notices(recipe: Recipe, pixels: np.ndarray, apart: float) -> list[str]:
    licence = find(recipe.prior)[0].licence
    return [
        "fine detail is a guess of the network: it looks right, and the photograph does not show it",
        f"reduced to its old size, the result is {apart:.2f} of 255 from the photograph",
        *(_grain(pixels) if not recipe.cleaning else ()),
        *([f"the weights are {licence}"] if licence else []),
    ]


def _grain(pixels: np.ndarray) -> Iterator[str]:
    """What a network that expects a clean photograph enlarges like everything else."""
    if min(pixels.shape[:2]) >= SMALLEST:
        found = measure(pixels)
        seen = {"noisy": found.noise > NOISE_LIMIT, "compressed": found.blockiness > BLOCK_LIMIT}
        if any(seen.values()):
            words = " and ".join(word for word, there in seen.items() if there)
            yield f"the photograph looks {words}, and that was enlarged, too; --cleaning 0.5 leaves it out"
