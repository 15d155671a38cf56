"""Old Photos on large photographs: `python -m benchmarks.large`

Peak memory and time of the published widths at 800x1200 (weights drawn at random) and of the shipped networks at 2400x3600,
scratches looked for, each in a process of its own; and what it changes that holes of more than two megapixels are filled from a
grid of places instead of all of them.
"""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch

from benchmarks.faces import SHARED
from benchmarks.oldphotos import CPU, aged
from restauro.core.recipe import Whole
from restauro.networks.latent_mapping import ScratchMapping
from restauro.networks.photo_vae import PhotoVAE
from restauro.photo.holes import fill
from restauro.photo.read import read
from restauro.photo.resize import resize
from restauro.systems._tasks import TASKS, way
from restauro.systems.oldphotos import whole as engine
from restauro.systems.oldphotos.recipe import as_a_whole

GRID = "skiers"
"""A photograph of three megapixels."""


def published() -> np.ndarray:
    """800x1200 with a scratch."""
    vae = PhotoVAE(64, 64).eval()
    picture = np.random.default_rng(0).random((800, 1200, 3), dtype=np.float32)
    mask = np.zeros((800, 1200), np.float32)
    mask[100:104] = 1
    return engine.restore(picture, mask, engine.Trio(vae, ScratchMapping(64, 512, 6).eval(), vae), CPU)


def shipped() -> np.ndarray:
    """2400x3600, as `old-photo --with old-photos` restores it."""
    picture = resize(read(SHARED / "data" / "photos" / "barkeeper.jpg").pixels, 2400, 3600, "area")
    recipe = as_a_whole(TASKS["old-photo"], Whole(faces_by=""))
    return next(way(recipe)(picture, recipe, [0], CPU)).pixels


def measured(work: Callable[[], np.ndarray]) -> tuple[float, float]:
    """Seconds and peak of memory in MB."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def grid() -> tuple[float, float]:
    """Levels of 255 by which what fills the holes differs, in the mean and at most, between a grid of places and all of them."""
    old = aged([read(SHARED / "data" / "photos" / f"{GRID}.jpg").pixels])[0]
    mask = np.zeros_like(old.mask)
    mask[200:1400:150] = mask[:, 300:2000:250] = 1  # lines all over it
    trio, shown, found = engine.Trio.load(Whole(), CPU), fill(old.picture, mask), []
    for keys in (engine.KEYS, 2**30):
        engine.KEYS = keys
        found.append(engine.restore(shown, mask, trio, CPU)[mask > 0])
    apart = 255 * np.abs(found[0] - found[1])
    return float(apart.mean()), float(apart.max())


def main() -> None:
    torch.set_num_threads(1)
    for name, work in (("published widths, 800x1200", published), ("shipped, 2400x3600", shipped)):
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
            seconds, peak = alone.submit(measured, work).result()
        print(f"{name}: {seconds:.0f} s, {peak:.0f} MB", flush=True)
    mean, most = grid()
    print(f"holes filled from a grid of places, {GRID}: {mean:.2f} of 255 in the mean, at most {most:.1f}")


if __name__ == "__main__":
    main()
