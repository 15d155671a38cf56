"""Table 2 of Ho et al. 2020 at small scale: what is predicted, and what is minimised. `python -m benchmarks.ablation`

Six cells, (mu-tilde, eps) x (L with learned variance, L with fixed variance, mean squared error), three seeds each; the same
small network, 32-pixel faces, the same number of steps and pictures. Samples are drawn as published, through every timestep
with the cell's own variance. Frechet distance on LPIPS-Alex features (no FID), and bits per dimension of held-out faces.

Intervals are Student's over the seeds. A seed gives all cells the same pictures, levels and noise, so that differences are
paired; a difference whose interval holds zero is called not significant. What is done stays in OUT/ablation.json, so that an
interrupted table goes on.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.faces import SHARED
from restauro.core.files import write_atomically
from restauro.core.noise import PictureNoise
from restauro.diffusion.contract import Unguided
from restauro.diffusion.denoiser import NetworkDenoiser
from restauro.diffusion.samplers.ancestral import Ancestral
from restauro.evaluation.frechet import Features, Moments, alex_features, frechet_distance, moments
from restauro.evaluation.statistics import Interval
from restauro.evaluation.tables import Cell, Column, Table
from restauro.systems.ddpm.measure import measure
from restauro.systems.ddpm.objective import DdpmObjective
from restauro.training.data import Pictures, load
from restauro.training.loop import finished, train
from restauro.training.objective import Objective
from restauro.training.run import Run

OUT = Path(__file__).parent / "out"
SIZE, ENLARGED = 32, 64
"""Side of the pictures, and that at which the network of the Frechet distance sees them."""
LOSSES: dict[str, dict[str, Any]] = {
    "L, learned variance": {"variance": "learned", "minimises": "rescaled_kl"},
    "L, fixed variance": {"variance": "fixed_large", "minimises": "rescaled_kl"},
    "squared error": {"variance": "fixed_large", "minimises": "mse"},
}
PAPER = {
    ("mean", "L, learned variance"): "23.69",
    ("mean", "L, fixed variance"): "13.22",
    ("mean", "squared error"): "unstable",
    ("eps", "L, learned variance"): "unstable",
    ("eps", "L, fixed variance"): "13.51",
    ("eps", "squared error"): "3.17",
}
"""Their FID on CIFAR10."""
BEST = ("eps", "squared error")
STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}
"""Number of seeds -> the 97.5 % quantile of Student's t."""
COLUMNS = [
    Column("Frechet distance (LPIPS-Alex)", "down", 2),
    Column("bits/dim", "down", 3),
    Column("distance - that of eps, squared error", "", 2),
    Column("bits/dim - that of eps, squared error", "", 3),
    Column("FID in the paper", "", 2),
]
Key = tuple[str, str]


def over_seeds(values: Sequence[float]) -> Interval:
    """The mean over the seeds and its 95 % interval by Student's t; a single seed has none."""
    array, n = np.array(values), len(values)
    if not np.isfinite(array).all():
        return Interval(float("nan"), float("nan"), float("nan"), n)
    half = STUDENT[n] * array.std(ddof=1) / n**0.5 if n > 1 else float("inf")
    return Interval(float(array.mean()), float(array.mean() - half), float(array.mean() + half), n)


def verdict(difference: Interval, better: Literal["up", "down"] = "down") -> str:
    """A difference in words; what is not significant says so. better: which sign is good."""
    if not np.isfinite(difference.mean):
        return "unstable"
    word = ("better" if (difference.mean > 0) == (better == "up") else "worse") if difference.decided else "not significant"
    return f"{difference.mean:+.3g} ({word})"


def trained(objective: Objective, data: Pictures, held: Pictures, run: Run) -> torch.nn.Module:
    with tempfile.TemporaryDirectory() as folder:
        for _ in train(objective, data, held, run, Path(folder)):
            pass
        return finished(objective, data, Path(folder))[0]


def drawn(denoiser: NetworkDenoiser, count: int) -> list[Tensor]:
    """Samples in batches of 32, as published."""
    batches = []
    for begin in range(0, count, 32):
        noise = PictureNoise(5, range(begin, min(begin + 32, count)), denoiser.shape)
        *_, last = Ancestral().steps(denoiser, noise(0), Unguided(), noise)
        batches.append(last.x)
    return batches


def seen(features: Features, batches: Sequence[Tensor]) -> Moments:
    enlarged = (F.interpolate(batch, ENLARGED, mode="bicubic", antialias=True).clamp(-1, 1) for batch in batches)
    return moments(features(batch) for batch in enlarged)


class Judge(NamedTuple):
    """What all runs are measured by."""

    features: Features
    real: Moments
    held: Pictures


def scored(args: argparse.Namespace, key: Key, seed: int, data: Pictures, judge: Judge) -> dict[str, float]:
    """One run of one cell."""
    facts: dict[str, Any] = {"predicts": key[0], **LOSSES[key[1]], "schedule": "openai-linear", "T": args.timesteps}
    objective = DdpmObjective(**facts, width=args.width, mult=(1, 2, 2), blocks=1, attention=(4,), patch=args.patch)
    run = Run(steps=args.steps, batch=args.batch, rate=args.rate, seed=seed, flip=0.5, ema=0.99, save_every=1e6, samples_every=0)
    network = trained(objective, data, judge.held, run)
    denoiser = objective.denoiser(network, SIZE)
    with torch.no_grad():
        pictures = drawn(denoiser, args.samples)
        bits = measure(denoiser, judge.held, min(32, args.timesteps)).total
    fine = all(bool(batch.isfinite().all()) for batch in pictures)
    distance = frechet_distance(seen(judge.features, pictures), judge.real) if fine else float("inf")
    return {"distance": distance, "bits": float(bits.mean())}


def table(scores: dict[Key, list[dict[str, float]]], about: str) -> Table:
    rows: list[tuple[str, Sequence[Cell]]] = []
    for key in product(("mean", "eps"), LOSSES):
        cells: list[Cell] = [over_seeds([one[name] for one in scores[key]]) for name in ("distance", "bits")]
        for name in ("distance", "bits"):
            pairs = zip(scores[key], scores[BEST], strict=True)
            off = over_seeds([ours[name] - best[name] for ours, best in pairs])
            cells.append("-" if key == BEST else verdict(off))
        rows.append((f"{key[0]}: {key[1]}", [*cells, PAPER[key]]))
    return Table("Table 2 of Ho et al. 2020 at small scale", COLUMNS, rows, about)


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=800, help="of every run: the budget")
    parser.add_argument("--seeds", type=int, default=3, choices=range(2, 11), metavar="2..10")
    parser.add_argument("--samples", type=int, default=128, help="pictures drawn from every run")
    parser.add_argument("--timesteps", type=int, default=100)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--patch", type=int, default=2, help="pixels of a side that become one place")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--held", type=int, default=64, help="held-out faces for the bits per dimension")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--pattern", default="faces-train-*.tar", help="training faces")
    parser.add_argument("--out", type=Path, default=OUT, help="where table and scores go")
    args = parser.parse_args(words)
    data, held = (load(SHARED / "data" / "faces", SIZE, pattern=pattern) for pattern in (args.pattern, "faces-val.tar"))
    features = alex_features(SHARED / "data" / "weights" / "lpips_alex_f16.npz")
    every = np.linspace(0, len(data) - 1, min(args.samples, len(data))).astype(int)
    real = seen(features, [data.batch(part) for part in np.array_split(every, -(-len(every) // 32))])
    judge = Judge(features, real, Pictures(held.pixels[: args.held], held.records[: args.held]))
    args.out.mkdir(parents=True, exist_ok=True)
    store = args.out / "ablation.json"
    done: dict[str, dict[str, float]] = json.loads(store.read_text()) if store.exists() else {}
    budget = {
        name: getattr(args, name)
        for name in ("steps", "samples", "timesteps", "width", "patch", "rate", "batch", "held", "pattern")
    }
    scores: dict[Key, list[dict[str, float]]] = {key: [] for key in PAPER}
    for seed, key in product(range(args.seeds), PAPER):
        name, began = json.dumps([*key, seed, budget]), time.monotonic()
        if name not in done:
            done[name] = scored(args, key, seed, data, judge)
            write_atomically(store, json.dumps(done, indent=1).encode())
            found = ", ".join(f"{what} {value:.4g}" for what, value in done[name].items())
            print(f"{key[0]}, {key[1]}, seed {seed}: {found} ({time.monotonic() - began:.0f} s)", flush=True)
        scores[key].append(done[name])
    made = table(
        scores,
        f"{args.seeds} seeds; {args.steps} steps of {args.batch} faces of {SIZE} px; T {args.timesteps}; {args.samples} samples",
    )
    print(made.text())
    made.save(args.out / "ablation.md")


if __name__ == "__main__":
    main()
