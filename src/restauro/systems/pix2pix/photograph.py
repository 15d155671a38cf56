"""The way of a photograph that is translated."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from restauro.core.errors import RecipeError
from restauro.core.events import Listener, part, silent
from restauro.core.recipe import Recipe
from restauro.photo.colour import tone
from restauro.photo.photo import Photo
from restauro.systems._report import Outcome, Report
from restauro.systems.pix2pix.translate import has_dropout, translate
from restauro.weights.store import find, load


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
    """One outcome a seed, made when it is asked for. pixels: (H, W, 3) float sRGB in [0, 1]. Seeds differ with dropout only."""
    if not recipe.restorer:
        raise RecipeError("translate needs a generator: --model NAME or FILE; `restauro models list` shows what is here")
    if mask is not None or reference or recipe.upscale != 1:
        raise RecipeError("translate looks at the photograph alone and keeps its size: no mask, no reference, no enlarging")
    model = recipe.restorer
    if recipe.dropout and not has_dropout(load(model, device)):
        raise RecipeError(f"{model!r} has no dropout: it has one answer to a photograph")
    for done, seed in enumerate(seeds):
        began = time.monotonic()
        chance, heard = seed if recipe.dropout else None, part(listener, done, len(seeds))
        found = translate(pixels, model, device, dropout_seed=chance, listener=heard)
        report = Report(
            task=recipe.task,
            tone=tone(pixels),
            faces=(),
            notices=tuple(_notices(recipe, pixels.shape[0], pixels.shape[1], device)),
            changed=1.0,
            invented=1.0,
            outside_exact=True,
            calls=1,
            seconds=round(time.monotonic() - began, 3),
            device=str(device),
        )
        yield Outcome(found, np.ones(found.shape[:2], bool), report)


def _notices(recipe: Recipe, height: int, width: int, device: torch.device) -> Iterator[str]:
    passport, network = find(recipe.restorer)[0], load(recipe.restorer, device)
    if passport.architecture == "colorizer":
        yield "the colours are a guess of the network; the lightness is the photograph's own"
    else:
        yield "every pixel is the network's: what is not in the photograph is a guess"
        many = int(getattr(network, "multiple", 1))
        added = (height + -height % many) * (width + -width % many) / (height * width) - 1
        if added > 1:
            yield f"the photograph is small for this network, which takes multiples of {many} px: it mostly saw mirrored edges"
    if has_dropout(network) and not recipe.dropout:
        yield "dropout is off; published results were made with it (--dropout)"
    if passport.arguments.get("norm") == "batch" and passport.arguments.get("statistics") == "picture":
        yield "batch norms take the photograph's own statistics, as in their training on one picture at a time"
    if passport.licence:
        yield f"the weights are {passport.licence}"
