"""A folder's likelihood does not depend on its batches."""

from __future__ import annotations

import pytest
import torch

from restauro.core.events import Event
from restauro.core.noise import PictureNoise
from restauro.diffusion.contract import Estimate
from restauro.diffusion.likelihood import bound
from restauro.diffusion.schedule import NoiseSchedule, Time
from restauro.systems.ddpm import measure as module
from restauro.systems.ddpm.measure import measure
from restauro.training.data import Pictures
from tests.laboratory import GaussianDenoiser


class Exact(GaussianDenoiser):
    """It computes in double precision: products of matrices round float32 otherwise in batches of other sizes."""

    def __call__(self, x: torch.Tensor, t: Time) -> Estimate:
        found = super().__call__(x.double(), t)
        return Estimate(clean=found.clean.float(), noise=found.noise.float())


LAB = Exact.random(NoiseSchedule.named("openai-linear", 40), (3, 4, 4))
PICTURES = Pictures(torch.randint(0, 256, (7, 3, 4, 4), generator=torch.Generator().manual_seed(0)).byte(), [{}] * 7)


def test_batches_change_nothing_and_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[Event] = []
    for count in (None, 6):
        whole = bound(LAB, PICTURES.pixels.float() / 127.5 - 1, PictureNoise(3, range(7), LAB.shape), count)
        monkeypatch.setattr(module, "BATCH", 3)
        found = measure(LAB, PICTURES, count, seed=3, listener=events.append)
        torch.testing.assert_close(found.total, whole.total)
        torch.testing.assert_close(found.progressive(), whole.progressive(), rtol=1e-5, atol=1e-6)
    assert events[-1].done == events[-1].total == 3 * 6
