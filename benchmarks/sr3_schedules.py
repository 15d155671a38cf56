"""Inference schedules of a super-resolver, by search on validation pictures. `python -m benchmarks.sr3_schedules --steps 5 10`

For each number of steps: the best schedules that start from noise alone, chosen by one score, then judged on other pictures
beside the usual spacings. The words in the table are respacings that a recipe can name.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from benchmarks.faces import SHARED
from restauro.core.knobs import build, parse_settings
from restauro.core.noise import PictureNoise
from restauro.core.registry import SAMPLERS
from restauro.diffusion.contract import Sampler, Unguided
from restauro.diffusion.denoiser import NetworkDenoiser
from restauro.diffusion.schedule import NoiseSchedule
from restauro.evaluation.lpips import lpips
from restauro.evaluation.metrics import psnr, ssim
from restauro.evaluation.tables import Column, Table
from restauro.properties.downscaling import reduced
from restauro.systems.sr3.denoiser import super_resolver
from restauro.systems.sr3.objective import reduced as small_enlarged
from restauro.systems.sr3.objective import told
from restauro.systems.sr3.search import search
from restauro.training.data import load

COLUMNS = [Column("LPIPS", "down", 4), Column("PSNR", "up"), Column("SSIM", "up", 3), Column("consistency 1e-5", "down", 1)]
USUAL = ("trailing", "karras", "logsnr", "cosine", "sr3-linear")
SHOWN = 3


@dataclass(frozen=True)
class Held:
    """Clean pictures (N, 3, S, S) of one split, and the walk by which they are found again from their small copies."""

    prior: str
    factor: int
    sampler: Sampler
    clean: Tensor

    @cached_property
    def shown(self) -> Tensor:
        return small_enlarged(self.clean, self.factor, 0.0, np.random.default_rng(7))

    def denoiser(self, n: int) -> NetworkDenoiser:
        return super_resolver(self.prior, self.shown[:n], told(self.factor, 0.0))

    @torch.no_grad()
    def walked(self, schedule: NoiseSchedule, n: int) -> Tensor:
        """The first n pictures from noise alone; the same noise for every schedule of a length."""
        denoiser = self.denoiser(n)
        noise = PictureNoise(0, range(n), denoiser.shape)
        *_, last = self.sampler.steps(denoiser.on(schedule), noise(0), Unguided(), noise)
        return last.x.clamp(-1, 1)


def held(split: str, count: int, size: int, args: argparse.Namespace) -> Held:
    pictures = load(SHARED / "data" / args.data, size, pattern=f"*-{split}.tar")
    name, knobs = parse_settings(args.sampler)
    sampler = build(SAMPLERS.get(name), knobs, lax=True)
    index = np.linspace(0, len(pictures) - 1, count).astype(int)
    return Held(args.prior, args.factor, sampler, pictures.batch(index))


def judged(answer: Tensor, clean: Tensor, distance: Callable[[Tensor, Tensor], Tensor], factor: int) -> list[float]:
    size = (clean.shape[-2] // factor, clean.shape[-1] // factor)
    apart = (reduced(answer, size) - reduced(clean, size)).square().mean() / 4  # of pictures in 0..1, as the paper counts
    return [*(float(score(answer, clean).mean()) for score in (distance, psnr, ssim)), 1e5 * float(apart)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prior", default="super-resolver", help="weights of the super-resolver: a name")
    parser.add_argument("--data", default="natural", choices=["natural", "faces"])
    parser.add_argument("--factor", type=int, default=2, choices=[2, 4, 8])
    parser.add_argument("--steps", type=int, nargs="+", default=[5, 10, 20, 50, 100])
    parser.add_argument("--pictures", type=int, default=16, help="for choosing, and as many others for judging")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--sampler", default="ancestral")
    parser.add_argument("--score", default="LPIPS", choices=[column.title for column in COLUMNS])
    args = parser.parse_args()
    distance = lpips(SHARED / "data" / "weights" / "lpips_alex_f16.npz")
    val, test = (held(split, args.pictures, args.size, args) for split in ("val", "test"))
    place = [column.title for column in COLUMNS].index(args.score)
    sign = -1 if COLUMNS[place].better == "up" else 1
    whole = val.denoiser(1).schedule

    def score(schedule: NoiseSchedule, n: int) -> float:
        return sign * judged(val.walked(schedule, n), val.clean[:n], distance, args.factor)[place]

    for count in args.steps:
        best = [one.steps for one in search(whole, count, score, args.pictures)[:SHOWN]]
        words = list(dict.fromkeys([*best, *(f"{rule}:{count}" for rule in USUAL)]))
        answers = {word: test.walked(whole.respace(word), args.pictures) for word in words} | {"bicubic": test.shown}
        rows = [(name, judged(answer, test.clean, distance, args.factor)) for name, answer in answers.items()]
        title = f"{args.prior} x{args.factor}, {count} steps of {args.sampler}: {best[0]} by {args.score} on validation pictures"
        print(Table(title, COLUMNS, rows, f"{args.pictures} test pictures of {args.data}, {args.size} px").text(), flush=True)


if __name__ == "__main__":
    main()
