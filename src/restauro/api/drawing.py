"""Pictures drawn from a prior alone, and pictures damaged on purpose."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image

from restauro.core.device import choose_device
from restauro.core.events import Event, Listener, silent
from restauro.core.knobs import build
from restauro.core.noise import PictureNoise
from restauro.core.registry import SAMPLERS
from restauro.degradations.chains import degrade as apply_chain
from restauro.diffusion.contract import Sampler, Unguided
from restauro.photo.photo import Photo
from restauro.photo.read import Source, read
from restauro.systems._prior import prior as load_prior
from restauro.systems.pgdiff.faces import to_array, to_tensor


def sample(
    count: int = 16,
    *,
    steps: int = 40,
    seed: int = 0,
    prior: str = "face-prior",
    sampler: str = "dpmpp-2m",
    device: str = "auto",
    listener: Listener = silent,
) -> list[Image.Image]:
    """Pictures drawn from a prior alone."""
    where = choose_device(device)
    denoiser = load_prior(prior, where)
    schedule = denoiser.schedule.respace(f"karras:{steps}")
    noise = PictureNoise(seed, range(count), denoiser.shape, where)
    walk: Sampler = build(SAMPLERS.get(sampler), {})
    x = noise(0)
    for step in walk.steps(denoiser.on(schedule), x, Unguided(), noise):
        x = step.x
        listener(Event("steps", step.index + 1, step.total))
    return [Image.fromarray(np.rint(to_array(one) * 255).astype(np.uint8)) for one in x]


def degrade(
    source: Source | Photo, chain: str = "codeformer", *, seed: int = 0
) -> tuple[Image.Image, Image.Image | None, list[Any]]:
    """A picture damaged by a named chain, the mask of what was destroyed (white), and what was drawn."""
    photo = source if isinstance(source, Photo) else read(source)
    damaged = apply_chain(to_tensor([photo.pixels], torch.device("cpu")), chain, np.random.default_rng(seed))
    picture = Image.fromarray(np.rint(to_array(damaged.picture[0]) * 255).astype(np.uint8))
    mask = None if damaged.mask is None else Image.fromarray((damaged.mask[0, 0].numpy() * 255).astype(np.uint8))
    return picture, mask, damaged.params
