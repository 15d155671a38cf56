"""Has the prior learnt its training faces by heart? `python -m benchmarks.memory [--write]`

The gap: denoising PSNR of training faces minus that of validation faces, noise level by noise level, in pairs of equal
sharpness (levers: stop near 0.3 dB). The neighbours: of faces drawn from the prior, the nearest training faces, beside what
is the nearest to faces that were never seen; drawn faces that are nearer than those would be copies. --write puts the
figures into the prior's passport.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.faces import SHARED
from benchmarks.passport import note
from restauro.core.knobs import build
from restauro.core.noise import PictureNoise
from restauro.core.registry import SAMPLERS
from restauro.diffusion.contract import Unguided
from restauro.evaluation.lpips import lpips
from restauro.evaluation.memory import Nearest, denoising_psnr, matched, nearest
from restauro.evaluation.sheets import contact_sheet, save_sheet
from restauro.evaluation.statistics import Interval, paired_difference
from restauro.evaluation.tables import Cell, Column, Table
from restauro.systems._prior import prior
from restauro.training.data import Pictures, load

OUT = Path(__file__).parent / "out"
SIGMAS = (0.1, 0.3, 1.0, 3.0)
CPU = torch.device("cpu")


def gaps(name: str, train: Pictures, held: Pictures, count: int) -> dict[float, tuple[float, float, Interval]]:
    """sigma -> dB on training faces, on held-out faces, and their paired difference."""
    denoiser = prior(name, CPU)
    chosen = np.linspace(0, len(held) - 1, min(count, len(held))).astype(int)
    seen = held.batch(chosen), train.batch(matched(_sharp(train), _sharp(held)[chosen]))
    found = {}
    for sigma in SIGMAS:
        theirs, ours = (denoising_psnr(denoiser, pictures, sigma) for pictures in seen)
        found[sigma] = float(ours.mean()), float(theirs.mean()), paired_difference(ours, theirs)
    return found


def _sharp(data: Pictures) -> np.ndarray:
    return np.log([max(1.0, record.get("sharp", 300.0)) for record in data.records])


@torch.no_grad()
def draw(name: str, count: int, steps: int, sampler: str = "dpmpp-2m") -> Tensor:
    """(count, 3, S, S) from pure noise."""
    denoiser = prior(name, CPU)
    schedule = denoiser.schedule.respace(f"karras:{steps}")
    noise = PictureNoise(0, range(count), denoiser.shape, CPU)
    x = noise(0)
    for step in build(SAMPLERS.get(sampler), {}).steps(denoiser.on(schedule), noise(0), Unguided(), noise):
        x = step.x
    return x.clamp(-1, 1)


def neighbours(found: Nearest, i: int, train: Pictures) -> Tensor:
    """(count, 3, S, S) the training faces nearest to picture i, mirrored where that is nearer."""
    pairs = zip(train.batch(found.place[i]), found.mirrored[i], strict=True)
    return torch.stack([one.flip(2) if turned else one for one, turned in pairs])


def perceptual(pictures: Tensor, found: Nearest, train: Pictures) -> np.ndarray:
    """(N, count) LPIPS to them."""
    distance = lpips(SHARED / "data" / "weights" / "lpips_alex_f16.npz")
    near = (neighbours(found, i, train) for i in range(len(pictures)))
    return np.stack([distance(one.expand_as(these), these).numpy() for one, these in zip(pictures, near, strict=True)])


def sheet(samples: Tensor, found: Nearest, apart: np.ndarray, train: Pictures, path: Path, rows: int = 8) -> None:
    """Drawn faces beside their nearest training faces."""
    pictures = [[sample, *neighbours(found, i, train)] for i, sample in enumerate(samples[:rows])]
    told = [
        ["drawn", *(f"{d:.1f}, LPIPS {p:.2f}" for d, p in zip(*pair, strict=True))]
        for pair in zip(found.distance[:rows], apart, strict=False)
    ]
    titles = ["drawn", *(f"neighbour {i + 1}" for i in range(found.place.shape[1]))]
    save_sheet(contact_sheet(pictures, titles, captions=told, cell=144, heading="The nearest training faces"), path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prior", default="face-prior")
    parser.add_argument("--faces", type=int, default=128, help="of each side of the gap")
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--write", action="store_true", help="into the passport of the prior")
    parser.add_argument("--out", type=Path, default=OUT, help="where table and contact sheet go")
    args = parser.parse_args()
    train, held = (load(SHARED / "data" / "faces", 128, pattern=f"faces-{part}.tar") for part in ("train-*", "val"))
    scores: dict[str, float] = {}
    rows: list[tuple[str, list[Cell]]] = []
    for sigma, (ours, theirs, gap) in gaps(args.prior, train, held, args.faces).items():
        rows.append((f"sigma {sigma:g}", [ours, theirs, gap]))
        scores[f"train-val gap at sigma {sigma:g}, dB"] = gap.mean
    columns = [Column("train", "", 2), Column("held out", "", 2), Column("gap", "", 3)]
    samples = draw(args.prior, args.samples, args.steps)
    unseen = held.batch(np.linspace(0, len(held) - 1, args.samples).astype(int))
    found, usual = nearest(samples, train.pixels, 3), nearest(unseen, train.pixels)
    args.out.mkdir(parents=True, exist_ok=True)
    apart = perceptual(samples, found, train)
    sheet(samples, found, apart, train, args.out / f"memory-{args.prior}.png")
    scores["drawn faces to the nearest training face at 32 px, levels"] = float(np.median(found.distance[:, 0]))
    scores["the nearest of them, levels"] = float(found.distance[:, 0].min())
    scores["unseen faces to the nearest training face at 32 px, levels"] = float(np.median(usual.distance))
    scores["drawn faces to the nearest training face, LPIPS"] = float(np.median(apart[:, 0]))
    scores["unseen faces to the nearest training face, LPIPS"] = float(np.median(perceptual(unseen, usual, train)))
    words = "\n".join(f"{name}: {value:.3f}" for name, value in scores.items() if not name.startswith("train-val"))
    title = f"{args.prior}: denoising PSNR, {args.faces} faces a side, paired by sharpness; {args.samples} drawn faces (medians)"
    table = Table(title, columns, rows, words)
    print(table.text())
    table.save(args.out / f"memory-{args.prior}.md")
    if args.write:
        note(args.prior, scores)


if __name__ == "__main__":
    main()
