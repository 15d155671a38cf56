"""Samplers where the best answer is known. `python -m benchmarks.laboratory`

The prior is Gaussian (tests/laboratory.py), a quarter of each picture is missing, what is known is imposed on the clean
estimate. PSNR inside the hole; surprise: 1 as likely as the prior's own pictures, below smoother than they are. The exact
posterior gives the two ends: its mean is the best PSNR there is, its samples are as sharp as pictures are. A warm start is
the mean under noise: what a perfect first stage would hand over.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from restauro.core.noise import PictureNoise
from restauro.core.registry import SAMPLERS
from restauro.diffusion.contract import Observation, Sampler
from restauro.diffusion.guidance import CleanGuidance, Wanted
from restauro.diffusion.schedule import NoiseSchedule
from restauro.evaluation.tables import Cell, Column, Table
from restauro.properties.known_region import KnownRegion
from tests.laboratory import GaussianDenoiser

OUT = Path(__file__).parent / "out"
SIDE, COUNT = 16, 48
BASE = NoiseSchedule.named("openai-linear")
COLUMNS = [Column("hole PSNR", "up", 2), Column("surprise", "", 2), Column("calls", "", 0)]
CALLS = (5, 10, 20)
STARTS = {"pure noise": "", "warm, sigma 0.5": "@0.5"}


def samplers() -> dict[str, Sampler]:
    """Every one with its defaults, and the orders of those that have some."""
    found: dict[str, Sampler] = {name: SAMPLERS.get(name)() for name in SAMPLERS.names()}
    found |= {"ddim eta=1": SAMPLERS.get("ddim")(eta=1.0)}
    found |= {f"unipc order={order}": SAMPLERS.get("unipc")(order=order) for order in (1, 2, 3)}
    found.pop("unipc")
    return found


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=COUNT)
    parser.add_argument("--out", type=Path, default=OUT, help="where the table goes")
    args = parser.parse_args(words)
    lab = GaussianDenoiser.photographic(BASE, SIDE)
    truth = lab.draw(args.pictures, seed=1)
    hole = torch.zeros(1, 1, SIDE, SIDE, dtype=torch.float64)
    hole[..., SIDE // 4 : -SIDE // 4, SIDE // 4 : -SIDE // 4] = 1
    observed = Observation(truth * (1 - hole), mask=hole.expand(len(truth), -1, -1, -1))
    known = torch.eye(3 * SIDE**2).double()[hole.expand(1, 3, -1, -1).flatten() == 0]
    mean, covariance = lab.given(known, truth.flatten(1) @ known.T)
    drawn = mean + GaussianDenoiser.of(BASE, torch.zeros(lab.shape).double(), covariance).draw(len(truth), seed=3)

    def row(found: Tensor, calls: int) -> list[Cell]:
        error = ((found - truth).square() * hole).sum() / (3 * hole.sum() * len(truth))
        return [float(10 * torch.log10(4 / error)), float(lab.surprise(found).mean()), calls]

    rows = [("posterior mean", row(mean, 0)), ("posterior sample", row(drawn, 0))]
    for start, where in STARTS.items():
        for name, sampler in samplers().items():
            for calls in CALLS:
                steps = calls if sampler.calls(10) == 10 else (calls + 1) // 2
                schedule = BASE.respace(f"karras:{steps}{where}")
                noise = PictureNoise(0, range(len(truth)), lab.shape)
                first = noise(0).double()
                begin = schedule.q_sample(mean, len(schedule) - 1, first) if where else first
                guidance = CleanGuidance([Wanted(KnownRegion())], observed, schedule)
                *_, last = sampler.steps(lab.on(schedule), begin, guidance, lambda s, d=0, n=noise: n(s, d).double())
                rows.append((f"{start}: {name}, {calls}", row(last.x, sampler.calls(steps))))
    table = Table(f"{args.pictures} Gaussian pictures with a hole", COLUMNS, rows)
    print(table.text())
    args.out.mkdir(parents=True, exist_ok=True)
    table.save(args.out / "laboratory.md")


if __name__ == "__main__":
    main()
