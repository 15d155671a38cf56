"""What guidance costs, and where the time of a face goes. `python -m benchmarks.speed`

Ratios within one run, the guided and the unguided walk in turns, so that a drifting machine does not decide.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from statistics import median
from typing import Any

import torch
from torch import Tensor

from benchmarks.faces import damaged
from restauro.core.knobs import build
from restauro.core.noise import PictureNoise
from restauro.core.registry import SAMPLERS
from restauro.diffusion.contract import Guidance, Unguided
from restauro.evaluation.tables import Column, Table
from restauro.systems.pgdiff import engine
from restauro.systems.pgdiff.recipe import TASKS
from restauro.weights.store import find

COLUMNS = [
    Column("unguided ms/step", "", 2),
    Column("guided ms/step", "", 2),
    Column("added ms", "", 3),
    Column("added %", "", 1),
    Column("s/face", "", 2),
    Column("outside network %", "", 1),
]


class Timed:
    """A network that adds up its own time."""

    def __init__(self, network: Any):
        self.network, self.seconds = network, 0.0

    def __call__(self, *args: Tensor) -> Tensor:
        began = time.perf_counter()
        out: Tensor = self.network(*args)
        self.seconds += time.perf_counter() - began
        return out


def row(task: str, repeats: int, batch: int) -> list[float]:
    recipe = TASKS[task]
    faces = damaged(task, "val", batch)
    noise = PictureNoise(0, range(batch), faces.picture.shape[1:])
    known = replace(faces.observed(), template=find(recipe.prior)[0].face_template)
    observed = engine.first_stage(recipe, known, noise)
    denoiser = engine.denoiser_of(recipe, observed)
    timed = Timed(denoiser.network)
    denoiser = replace(denoiser, network=timed)
    schedule = engine.respaced(recipe, denoiser.schedule)
    assert schedule is not None
    start = schedule.q_sample(observed.source("restored"), len(schedule) - 1, noise(0))
    sampler = build(SAMPLERS.get(recipe.sampler), recipe.sampler_knobs)

    def walk(guidance: Guidance) -> tuple[float, float]:
        """Seconds a step: all, and outside the network."""
        timed.seconds = 0.0
        began = time.perf_counter()
        for _ in sampler.steps(denoiser.on(schedule), start, guidance, noise):
            pass
        all_of_it = time.perf_counter() - began
        return all_of_it / len(schedule), (all_of_it - timed.seconds) / len(schedule)

    guided = engine.guidance_of(recipe, observed, schedule)  # one-time targets are computed here
    walk(guided), walk(Unguided())
    pairs = [(walk(Unguided()), walk(guided)) for _ in range(repeats)]
    plain = median(p[0][0] for p in pairs)
    # the network's own jitter is larger than what is measured: compare what happens outside it
    added = median(p[1][1] - p[0][1] for p in pairs)
    whole = []
    for _ in range(3):
        began = time.perf_counter()
        engine.run(recipe, faces.observed())
        whole.append((time.perf_counter() - began) / batch)
    outside = median(p[1][1] / p[1][0] for p in pairs)
    return [plain * 1e3, (plain + added) * 1e3, added * 1e3, 100 * added / plain, median(whole), 100 * outside]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--batch", type=int, default=1, help="faces at once")
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--threads", type=int, default=0, help="0: torch's own choice")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    rows = [(task, row(task, args.repeats, args.batch)) for task in args.tasks]
    print(Table(f"{args.batch} face(s) at once, {torch.get_num_threads()} threads, 10 calls", COLUMNS, rows).text())


if __name__ == "__main__":
    main()
