"""What a user runs with DiffBIR: ours, and as its releases have it."""

from __future__ import annotations

from typing import Any

import msgspec

from restauro.core.errors import RecipeError
from restauro.core.knobs import suggest
from restauro.core.recipe import Latent, Recipe, Release, Want

WHOLE = 200.0
"""Of `Recipe.start`, its end: noise as strong as the prior knows."""
RESTORING = ("restore", "reference")
"""Tasks in which fidelity is how much the region guidance imposes of the first stage's answer; in the others it takes away
noise at the start, as everywhere."""

OURS = Recipe(
    task="restore",
    system="diffbir",
    prior="face-latent-prior",
    restorer="face-restorer",
    sampler="euler-ancestral",
    steps=10,
    start=0.5,
    latent=Latent(),
)
"""Chosen for the weights that ship, on validation faces: from more noise LPIPS falls further, and faces are less like themselves.
A strong prior of anything deserves `WHOLE` and "unipc"."""
PLAIN = Latent(colour_fix="none")
"""Where colours are what is looked for."""

TASKS_WITH: dict[str, Recipe] = {
    "restore": OURS,
    "reference": msgspec.structs.replace(OURS, task="reference", wants=(Want(property="identity", weight=0.5),)),
    "colorize": msgspec.structs.replace(
        OURS, task="colorize", start=0.5, told=False, latent=PLAIN, wants=(Want(property="lightness"),)
    ),
    "inpaint": msgspec.structs.replace(
        OURS, task="inpaint", start=1.0, told=False, latent=PLAIN, wants=(Want(property="known-region"),)
    ),
}
"""Ours, by the tasks that DiffBIR's prior can do: ten steps, from noise over the first stage's answer."""

NAMED: dict[str, Recipe] = {f"{task}-diffbir": recipe for task, recipe in TASKS_WITH.items()}
"""By the names under which `restauro recipes` shows them."""

BAD = (
    "painting, oil painting, illustration, drawing, art, sketch, cartoon, CG style, 3D render, unreal engine, blurring, dirty, "
    "messy, worst quality, low quality, frames, watermark, signature, jpeg artifacts, deformed, lowres, over-smooth"
)
GOOD = (
    "cinematic, high contrast, highly detailed, Canon EOS R, hyper detailed photo-realistic, 32k, colour grading, ultra HD, "
    "extreme meticulous detailing, skin pore detailing, hyper sharpness, perfect without deformations"
)
POOR = "low quality, blurry, low-resolution, noisy, unsharp, weird textures"

OFFICIAL: dict[str, dict[str, Any]] = {
    "v1": {"cfg": 1.0, "steps": 50, "walk": "spaced", "control": "diffbir-v1-control", "restorer": "diffbir-swinir-v1"},
    "v2": {
        "cfg": 4.0, "steps": 50, "walk": "spaced", "control": "diffbir-v2-control", "restorer": "bsrnet-x4", "unlike": POOR,
    },
    "v2.1": {
        "cfg": 6.0, "steps": 10, "walk": "edm_dpm++_3m_sde", "control": "diffbir-v2.1-control", "prompt": GOOD, "unlike": BAD,
    },
}  # fmt: skip
"""What the releases' programs do unless told otherwise, by the names under which their files are imported.

Left out is the caption that version 2.1 has another network make of the damaged picture.
"""


def published(release: str = "v2.1", task: str = "restore") -> Recipe:
    """The recipe of a release. Raises RecipeError for another, and for tasks that none has."""
    if release not in OFFICIAL:
        raise RecipeError(f"DiffBIR has no release {release!r}{suggest(release, OFFICIAL)}")
    if task != "restore":
        raise RecipeError(f"DiffBIR was not published for {task!r}; it has restore")
    own = OFFICIAL[release]
    zsnr = "-zsnr" if release == "v2.1" else ""
    told = {name: own[name] for name in ("cfg", "control", "prompt", "unlike") if name in own}
    return msgspec.structs.replace(
        OURS,
        faithful=True,
        prior=f"sd21-prior{zsnr}",
        restorer=own.get("restorer", "diffbir-swinir"),
        steps=own["steps"],
        start=0.0,
        latent=Latent(autoencoder="sd21-autoencoder", **told),
        released=Release(release=release, walk=own["walk"]),  # type: ignore[arg-type]
    )


RELEASED: dict[str, Recipe] = {f"restore-diffbir-{release}": published(release) for release in OFFICIAL}
"""By the names under which `restauro recipes` shows them."""
