"""Pictures drawn from a prior alone, and pictures damaged on purpose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from restauro.core.device import choose_device
from restauro.core.events import Event, Listener, silent
from restauro.degradations.chains import degrade as apply_chain
from restauro.evaluation.sheets import picture_grid, to_image
from restauro.photo.photo import Photo
from restauro.photo.read import Source, read
from restauro.systems.ddpm.draw import drawn
from restauro.systems.ddpm.recipe import make_drawing
from restauro.systems.pgdiff.faces import to_array, to_tensor
from restauro.systems.sr3.cascade import cascade as enlarged
from restauro.systems.sr3.cascade import parse_stage

BATCH = 16
"""Pictures that are walked at once; the noise of each is its own, so that this changes nothing."""
FRAMES = 60
"""At most so many of an animation."""


def sample(
    count: int = 16,
    *,
    steps: int | None = None,
    seed: int = 0,
    prior: str = "face-prior",
    sampler: str | None = None,
    sampler_knobs: Mapping[str, Any] | None = None,
    respacing: str | None = None,
    faithful: bool = False,
    cascade: Sequence[str] = (),
    device: str = "auto",
    listener: Listener = silent,
    watch: Callable[[Image.Image], None] | None = None,
) -> list[Image.Image]:
    """Pictures drawn from a prior alone, by default in 40 steps.

    faithful: ancestral sampling through all of the training's timesteps (Ho et al. 2020, algorithm 2), or `steps` of them.
    respacing: which timesteps are visited (`restauro.diffusion.spacing`). cascade: super-resolvers that enlarge them one after
    another ("super-resolver:factor=2,steps=sr3-linear:20"). watch: gets a grid of the first 16 pictures as
    the prior foresees them, up to 60 times.
    """
    knobs = dict(sampler_knobs) if sampler_knobs else None
    settings = {"prior": prior, "sampler": sampler, "sampler_knobs": knobs, "respacing": respacing, "seed": seed}
    drawing = make_drawing(faithful=faithful, steps=steps, **settings)
    where, found, stages = choose_device(device), list[Image.Image](), [parse_stage(word) for word in cascade]
    for begin in range(0, count, BATCH):
        pictures = range(begin, min(begin + BATCH, count))
        for step in drawn(drawing, pictures, where):
            listener(Event("steps", begin * step.total + (step.index + 1) * len(pictures), count * step.total))
            if watch and not begin and (step.total - 1 - step.index) % -(-step.total // FRAMES) == 0:
                watch(picture_grid(list(step.clean)))
        *_, last = [step.x, *enlarged(stages, step.x, seed, pictures)]
        found += [to_image(one) for one in last]
    return found


def degrade(
    source: Source | Photo, chain: str = "codeformer", *, seed: int = 0
) -> tuple[Image.Image, Image.Image | None, list[Any]]:
    """A picture damaged by a named chain, the mask of what was destroyed (white), and what was drawn."""
    photo = source if isinstance(source, Photo) else read(source)
    damaged = apply_chain(to_tensor([photo.pixels], torch.device("cpu")), chain, np.random.default_rng(seed))
    picture = Image.fromarray(np.rint(to_array(damaged.picture[0]) * 255).astype(np.uint8))
    mask = None if damaged.mask is None else Image.fromarray((damaged.mask[0, 0].numpy() * 255).astype(np.uint8))
    return picture, mask, damaged.params
