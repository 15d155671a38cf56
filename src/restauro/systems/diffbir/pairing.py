"""Whether a prior and a control belong together, seen by how they denoise what they are shown: names and shapes do not tell."""

from __future__ import annotations

import warnings

import msgspec
import torch
from torch import Tensor

from restauro.core.noise import Noise
from restauro.core.recipe import Latent, Recipe
from restauro.systems.diffbir.denoiser import latent_denoiser
from restauro.systems.diffbir.parts import Parts

SIGMA = 5.0
"""Of the noise they are asked to remove: where it is strong, what one release says and another reads is far off."""
SIDE = 32
"""Latents a side that they are asked about."""
WORSE = 1.2
"""Times the error of one that knows nothing, from which on a pair is a wrong one: it is 1.6 where a prediction of noise is read
as v, 25 where v is read as noise, and near 0 where they belong together, for the control sees the answer."""


def warn_of_a_wrong_pair(recipe: Recipe, parts: Parts, condition: Tensor, noise: Noise) -> None:
    """Of files that came from elsewhere somebody has said of which release they are. condition: what the control is shown."""
    latent = recipe.latent or Latent()
    if parts.about.source and error(parts, latent, condition, noise(0, 2)) > WORSE:
        warnings.warn(
            f"{recipe.prior} and {latent.control} do not denoise: they belong to different releases, or were imported as another "
            "(restauro models import --version)",
            stacklevel=2,
        )


@torch.no_grad()
def error(parts: Parts, how: Latent, condition: Tensor, noise: Tensor) -> float:
    """Mean squared, of the clean estimate, over that of sqrt(alpha-bar) x_t, the best that knows nothing can say.

    condition, noise: (N, c, h, w), the clean latents that the control is shown, and as much noise.
    """
    side = SIDE // parts.places * parts.places
    clean, drawn = (one[:1, :, :side, :side] for one in (condition, noise))
    denoiser = latent_denoiser(parts, msgspec.structs.replace(how, cfg=1.0, control_scale=1.0), clean)
    schedule = denoiser.schedule
    t = int(schedule.t_of_sigma(SIGMA))
    x = schedule.q_sample(clean, t, drawn)
    blind = float(schedule.alpha_bar(t)) ** 0.5 * x
    return float((denoiser(x, t).clean - clean).square().mean() / (blind - clean).square().mean())
