"""The search finds short schedules that start from noise and, with an exact prior, come nearer than the usual spacing."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from benchmarks.sr3_schedules import Held, judged
from restauro.core.noise import PictureNoise
from restauro.diffusion.contract import Unguided
from restauro.diffusion.samplers.ancestral import Ancestral
from restauro.diffusion.samplers.ddim import Ddim
from restauro.diffusion.schedule import NoiseSchedule
from restauro.diffusion.spacing import NOISE
from restauro.systems.sr3.search import candidates, search
from tests.laboratory import GaussianDenoiser
from tests.laws.pictures import waves
from tests.systems.sr3.janspiry import imported

SR3 = NoiseSchedule.named("sr3-linear")


@pytest.mark.parametrize("count", [5, 20, 100])
def test_every_candidate_is_as_long_as_asked_and_starts_from_noise(count: int) -> None:
    words = list(candidates(SR3, count))
    assert len(words) > 10 and len(set(words)) == len(words)
    for word in words:
        short = SR3.respace(word)
        assert len(short) == count and short.alphas_cumprod[-1] <= NOISE
    assert {word.partition(":")[0] for word in words} >= {"ho-linear", "ho-quad", "cosine", "karras", "trailing"}


def test_the_best_of_few_steps_is_found() -> None:
    """By the error of DDIM against the exact end of its path."""
    denoiser = GaussianDenoiser.photographic(SR3, 6)
    asked: list[int] = []

    def score(schedule: NoiseSchedule, n: int) -> float:
        asked.append(n)
        noise = PictureNoise(0, range(n), denoiser.shape)
        start = noise(0).double()
        *_, last = Ddim().steps(denoiser.on(schedule), start, Unguided(), noise)
        return math.sqrt(float((last.x - denoiser.exact(start)).square().mean()))

    found = search(SR3, 6, score, 8, rough=2)
    assert found[0].score == min(one.score for one in found) < 0.75 * score(SR3.respace("trailing:6"), 8)
    assert asked[0] == 2 and asked[-2] == 8 and len(found) < asked.count(2)
    assert found == search(SR3, 6, score, 8, rough=2)


def test_the_benchmark_scores_walks_of_any_super_resolver(tmp_path: Path) -> None:
    prior, clean = imported(tmp_path, "benchmarked"), waves(1, 3, 16).float()
    held = Held(prior, 2, Ancestral(), clean)
    short = held.denoiser(1).schedule.respace("sr3-linear:5")
    answer = held.walked(short, 2)
    assert answer.shape == (2, 3, 16, 16)
    torch.testing.assert_close(answer, Held(prior, 2, Ancestral(), clean[:2]).walked(short, 2))
    perfect, found = (judged(one, clean[:2], lambda x, y: (x - y).abs().mean((1, 2, 3)), 2) for one in (clean[:2], answer))
    assert perfect[0] == perfect[3] == 0 < found[0] and found[3] > 0
