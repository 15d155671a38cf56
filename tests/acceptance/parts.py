"""One guided step with each prior, in a process of its own: what it costs is what a user pays."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
import torch
import torch.nn.functional as F
from torch import Tensor

from restauro.core.events import Event
from restauro.core.recipe import Latent, Recipe, Want
from restauro.diffusion.contract import Observation
from restauro.networks.blocks import Attention
from restauro.systems._tasks import engine_of
from restauro.systems.diffbir.recipe import OURS, published
from restauro.systems.pgdiff.recipe import PUBLISHED, TASKS
from restauro.weights.store import load


class Enough(Exception):
    """One step is made."""


def picture(size: int, seed: int = 0) -> Tensor:
    """(1, 3, S, S) in [-1, 1], smooth."""
    coarse = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(coarse, (size, size), mode="bicubic").clamp(-1, 1)


def guided_step(recipe: Recipe, size: int, whole: bool = False) -> dict[str, Any]:
    """Networks loaded, then the first step of a recipe's walk, its first stage included. whole: what follows, too."""
    identity = [want.knobs["embedder"] for want in recipe.wants if want.property == "identity"]
    latent = recipe.latent
    beside = (latent.control, latent.autoencoder, latent.text) if latent else ()
    began = time.monotonic()
    used = [load(name) for name in dict.fromkeys((recipe.prior, *_restorer(recipe), *beside, *identity))]
    loaded = time.monotonic()
    hole = torch.zeros(1, 1, size, size)
    hole[..., : size // 3, : size // 3] = 1
    seen = Observation(picture(size), mask=hole if recipe.task == "inpaint" else None, reference=picture(size, 1))

    def stop(event: Event) -> None:
        if not whole:
            raise Enough

    with suppress(Enough):
        engine_of(recipe).run(recipe, seen, listener=stop)
    done = time.monotonic()
    numbers = sum(parameter.numel() for network in used for parameter in network.parameters())
    return {"parameters": numbers, "load": loaded - began, "step": done - loaded}


def _restorer(recipe: Recipe) -> list[str]:
    """Where its answer is used."""
    return [] if recipe.faithful and recipe.task == "inpaint" else [recipe.restorer]


def attention(side: int) -> dict[str, Any]:
    """Attention over side x side places: the matrix of all pairs, 1 GiB a head at 128, is never there as a whole."""
    network = Attention(64, 1, None, False, 32).eval().requires_grad_(False)
    x = torch.randn(1, 64, side, side).contiguous(memory_format=torch.channels_last)
    began = time.monotonic()
    assert network(x).isfinite().all()
    return {"parameters": sum(one.numel() for one in network.parameters()), "load": 0.0, "step": time.monotonic() - began}


def change(recipe: Recipe, **changes: Any) -> Recipe:
    return msgspec.structs.replace(recipe, **changes)


def with_official(recipe: Recipe, prior: str, **changes: Any) -> Recipe:
    return change(recipe, prior=prior, restorer="pgdiff-restorer", **changes)


PERSON = Want(property="identity", weight=25, knobs={"loss": "mse", "embedder": "arcface-iresnet50"} | {
    "align": False, "mirror": False, "blur": 0.0,
})  # fmt: skip
"""As published: the whole crop, resized."""
SMOOTH = Want(property="smooth-semantics")


def of_release(release: str, **changes: Any) -> Recipe:
    """As published; without prompts where their vocabulary is not here."""
    recipe = change(published(release), **changes)
    if importlib.util.find_spec("open_clip") is None:
        recipe = change(recipe, latent=msgspec.structs.replace(recipe.latent, prompt="", unlike="", cfg=1.0))  # type: ignore[type-var]
    return recipe


OFFICIAL = Latent(autoencoder="sd21-autoencoder", control="diffbir-v2.1-control")
FULL = msgspec.structs.replace(OFFICIAL, autoencoder="full-autoencoder", text="full-text")
DIFFBIR = change(OURS, prior="sd21-prior-zsnr", restorer="diffbir-swinir", latent=OFFICIAL, steps=1)

PARTS: dict[str, tuple[str, Callable[[], dict[str, Any]], float]] = {
    "published restoration, ffhq512 + timed restorer, 512 px": (
        "faces", partial(guided_step, with_official(PUBLISHED["restore"], "ffhq512"), 512), 2.5,
    ),
    "published reference, + arcface-iresnet50, 512 px": (
        "faces", partial(guided_step, with_official(PUBLISHED["restore"], "ffhq512", wants=(SMOOTH, PERSON)), 512), 3.0,
    ),
    "ours, restore, ffhq512 + timed restorer, 512 px": (
        "faces", partial(guided_step, with_official(TASKS["restore"], "ffhq512"), 512), 2.5,
    ),
    "ours, restore, ffhq256 + timed restorer, 256 px": (
        "faces", partial(guided_step, with_official(TASKS["restore"], "ffhq256"), 256), 2.0,
    ),
    "published inpainting, guided256, 256 px": (
        "faces", partial(guided_step, with_official(PUBLISHED["inpaint"], "guided256"), 256), 6.0,
    ),
    "attention over 128 x 128 places": ("faces", partial(attention, 128), 0.7),
    "DiffBIR v2.1 as published, 512 px": ("diffbir-v2.1", partial(guided_step, of_release("v2.1"), 512), 10.0),
    "ours on DiffBIR v2.1, one step and decoded, 512 px": ("diffbir-v2.1", partial(guided_step, DIFFBIR, 512, True), 10.0),
    "DiffBIR v2.1, the prior by diffusers' class, 512 px": (
        "diffusers", partial(guided_step, of_release("v2.1", prior="full-prior", latent=FULL), 512), 10.0,
    ),
    "DiffBIR v2 as published, BSRNet, 128 to 512 px": (
        "diffbir-v2", partial(guided_step, of_release("v2"), 128), 10.0,
    ),
    "DiffBIR v1 as published, 512 px": ("diffbir-v1", partial(guided_step, of_release("v1"), 512), 10.0),
}  # fmt: skip
"""What is run -> the group of files that it needs, how, and the memory in GB that it may take at most."""
