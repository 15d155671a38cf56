"""DiffBIR on large photographs: `python -m benchmarks.latent_tiles [--steps 10] [--height 1536 --width 2048]`

Peak memory beyond that of the program, and time, each in a process of its own, beside the estimate that is made beforehand: of
a prior of anything (networks of the small ones' widths, weights drawn at random, behind face-restorer), kept in memory and with
--low-memory; and of a prior that knows faces only. Then what tiles leave behind: the slope of the change across their borders
over that inside, and the difference between tiled and untiled where both fit.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import torch
from torch import nn

from benchmarks.faces import SHARED
from restauro.api.tasks import run
from restauro.core.device import choose_device
from restauro.core.recipe import Latent, Recipe
from restauro.networks.autoencoder_kl import AutoencoderKL
from restauro.networks.ircontrolnet import IRControlNet
from restauro.networks.unet import UNet
from restauro.photo.read import read
from restauro.photo.resize import resize
from restauro.systems.diffbir.cleaning import cleaned
from restauro.systems.diffbir.denoiser import own_tiles
from restauro.systems.diffbir.estimate import estimate
from restauro.systems.diffbir.parts import Parts
from restauro.systems.diffbir.recipe import OURS
from restauro.weights.lending import Desk
from restauro.weights.passports import Passport
from restauro.weights.store import imported_folder, lending, save

AUTOENCODER: dict[str, Any] = {
    "latent": 4, "width": 32, "channel_mult": [1, 2], "num_res_blocks": 1, "scale": 1.0, "attention": False, "space_to_depth": 2,
}  # fmt: skip
UNET: dict[str, Any] = {
    "model_channels": 32, "channel_mult": [1, 1.5, 2.25], "num_res_blocks": 1, "attention": [2, 4], "num_head_channels": 24,
    "groups": 8, "zero_init": False, "in_channels": 4,
}  # fmt: skip
PHOTO = "barkeeper"


class Measured(NamedTuple):
    """seconds; peak, estimated: megabytes."""

    seconds: float
    peak: float
    estimated: float


def stock(prefix: str, **facts: Any) -> Recipe:
    """The recipe on networks that are put into the store, with weights drawn at random."""
    torch.manual_seed(0)
    about: dict[str, Any] = {"prediction": "v", "schedule": "sd-zero-snr", "steps": 1000, "size": 128, "clip": False} | facts
    prior_like, control_like = {**UNET, "out_channels": 4}, {**UNET, "hint_channels": 4}
    prior, control = UNet(**prior_like), IRControlNet(**control_like)
    control.begin(prior)
    for silent in (control.input_blocks[0][0], *(one[0] for one in (*control.zero_convs, control.middle_block_out))):  # type: ignore[index]
        nn.init.normal_(silent.weight, std=0.05)
    for part, kind, architecture, network, arguments in (
        ("autoencoder", "latent-autoencoder", "autoencoder-kl", AutoencoderKL(**AUTOENCODER), AUTOENCODER),
        ("prior", "latent-prior", "unet", prior, prior_like),
        ("control", "latent-control", "ircontrolnet", control, control_like),
    ):
        facts = {} if part == "autoencoder" else about
        passport = Passport(
            name=f"{prefix}-{part}", what="at random", kind=kind, architecture=architecture, arguments=arguments, **facts
        )
        save(network.state_dict(), passport, imported_folder())
    latent = Latent(autoencoder=f"{prefix}-autoencoder", control=f"{prefix}-control")
    return msgspec.structs.replace(OURS, prior=f"{prefix}-prior", latent=latent)


def photograph(height: int, width: int) -> np.ndarray:
    return resize(read(SHARED / "data" / "photos" / f"{PHOTO}.jpg").pixels, height, width, "area")


def measured(recipe: Recipe, photo: str, low_memory: bool) -> Measured:
    torch.set_num_threads(1)
    pixels = np.load(photo)
    run(pixels[:64, :64], msgspec.structs.replace(recipe, steps=1))  # whatever is imported on the way
    with lending(Desk()):  # and nothing is kept of it
        before = _held()
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    began = time.perf_counter()
    run(pixels, recipe, low_memory=low_memory)
    seconds, peak = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return Measured(seconds, peak - before, estimate(recipe, *pixels.shape[:2], low_memory=low_memory).memory / 1e6)


def _held() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def alone(recipe: Recipe, photo: str, low_memory: bool) -> Measured:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(measured, recipe, photo, low_memory).result()


def seams(recipe: Recipe, tile: int, height: int, width: int) -> tuple[float, float]:
    """Mean slope of the change to the first stage's answer across borders of tiles over that elsewhere; and the root mean square,
    in levels of 255, by which the result of tiles differs from that of one piece."""
    pixels, cpu = photograph(height, width), choose_device("cpu")
    small, large = (_with_tiles(recipe, side) for side in (tile, 2 * max(height, width)))
    found, whole = (run(pixels, one, device="cpu").pixels for one in (small, large))
    first = cleaned(recipe.restorer, torch.from_numpy(pixels).permute(2, 0, 1)[None] * 2 - 1)
    change = found - ((first[0].permute(1, 2, 0).numpy() + 1) / 2).clip(0, 1)
    parts = Parts.load(small, cpu)
    factor = parts.multiple // parts.places
    where = own_tiles(parts, tile, torch.empty(1, 1, height // factor, width // factor))
    rows = _ratio(change, 0, {edge * factor for one in where for edge in (one.top, one.bottom)})
    columns = _ratio(change, 1, {edge * factor for one in where for edge in (one.left, one.right)})
    return max(rows, columns), float(255 * np.sqrt(np.square(found - whole).mean()))


def _ratio(change: np.ndarray, axis: int, edges: set[int]) -> float:
    slope = np.abs(np.diff(change, axis=axis)).mean((1 - axis, 2))
    borders = [edge - 1 for edge in edges if 0 < edge <= len(slope)]
    return float(slope[borders].mean() / np.delete(slope, borders).mean())


def _with_tiles(recipe: Recipe, side: int) -> Recipe:
    assert recipe.latent is not None
    return msgspec.structs.replace(recipe, latent=msgspec.structs.replace(recipe.latent, tile_size=side))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--height", type=int, default=1536)
    parser.add_argument("--width", type=int, default=2048)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["RESTAURO_HOME"], photo = home, f"{home}/photo.npy"
        np.save(photo, photograph(args.height, args.width))
        anything, faces = stock("anything"), stock("faces", face_template="restauro128")
        anything, faces = (msgspec.structs.replace(one, steps=args.steps) for one in (anything, faces))
        for name, recipe, low in (
            ("a prior of anything", anything, False), ("the same, --low-memory", anything, True), ("of faces alone", faces, False)
        ):  # fmt: skip
            one = alone(recipe, photo, low)
            said = f"{one.seconds:.0f} s, {one.peak:.0f} MB at most, {one.estimated:.0f} MB estimated"
            print(f"{args.width}x{args.height}, {args.steps} steps, {name}: {said}", flush=True)
        slope, apart = seams(anything, 256, 512, 768)
        print(f"768x512 in tiles of 256: slope across borders {slope:.2f} of that inside; {apart:.2f} of 255 from untiled")


if __name__ == "__main__":
    main()
