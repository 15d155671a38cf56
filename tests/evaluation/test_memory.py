"""What is learnt by heart shows: in the gap, and among the neighbours."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from restauro.diffusion.contract import Estimate
from restauro.diffusion.schedule import NoiseSchedule, Time
from restauro.evaluation.memory import denoising_psnr, matched, nearest
from tests.laws.pictures import waves


@dataclass(frozen=True)
class Parrot:
    """A denoiser that answers with the nearest picture it knows."""

    known: Tensor
    schedule: NoiseSchedule
    shape: tuple[int, int, int] = (3, 32, 32)

    def on(self, schedule: NoiseSchedule) -> Parrot:
        return replace(self, schedule=schedule)

    def __call__(self, x: Tensor, t: Time) -> Estimate:
        guess = x / float(self.schedule.level(t))
        index = (guess[:, None] - self.known).square().sum((2, 3, 4)).argmin(1)
        return Estimate(clean=self.known[index] * 0.99, noise=x)


def test_a_parrot_is_found_out_by_the_gap() -> None:
    learnt, unseen = waves(1, 6, 32).float(), waves(2, 6, 32).float()
    parrot = Parrot(learnt, NoiseSchedule.named("openai-linear", 1000))
    ours, theirs = (denoising_psnr(parrot, pictures, 0.3) for pictures in (learnt, unseen))
    assert ours.shape == (6,) and ours.min() > theirs.max() + 10


def test_psnr_is_that_of_the_clean_estimate() -> None:
    picture = waves(3, 2, 32).float()
    parrot = Parrot(torch.zeros(1, 3, 32, 32), NoiseSchedule.named("openai-linear", 1000))
    expected = 10 * torch.log10(4 / picture.double().square().mean((1, 2, 3)))
    np.testing.assert_allclose(denoising_psnr(parrot, picture, 1.0), expected.numpy(), rtol=1e-6)


def test_pairs_of_equal_sharpness() -> None:
    rng = np.random.default_rng(0)
    values, wanted = rng.normal(0, 1, 300), rng.normal(1, 0.3, 40)
    chosen = matched(values, wanted)
    assert len(set(chosen.tolist())) == 40
    assert abs(values[chosen].mean() - wanted.mean()) < 0.1 < abs(values.mean() - wanted.mean())
    assert matched(np.array([5.0, 1.0, 3.0]), np.array([3.1, 2.9])).tolist() == [2, 1]


def test_copies_are_found_even_mirrored_and_softened() -> None:
    collection = ((waves(4, 20, 64) + 1) * 127.5).to(torch.uint8)
    copies = collection[[3, 11]].float() / 127.5 - 1
    soft = torch.nn.functional.avg_pool2d(copies, 3, 1, 1, count_include_pad=False)
    found = nearest(torch.stack([copies[0], soft[1].flip(2)]), collection, 2)
    assert found.place[:, 0].tolist() == [3, 11] and found.mirrored[:, 0].tolist() == [False, True]
    assert found.distance[0, 0] < 1e-3 and (found.distance[:, 0] < 0.2 * found.distance[:, 1]).all()
