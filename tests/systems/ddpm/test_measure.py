"""A folder's likelihood does not depend on its batches."""

from __future__ import annotations

import pytest
import torch

from restauro.core.events import Event
from restauro.core.noise import PictureNoise
from restauro.diffusion.likelihood import bound
from restauro.diffusion.schedule import NoiseSchedule
from restauro.systems.ddpm import measure as module
from restauro.systems.ddpm.measure import measure
from restauro.training.data import Pictures
from tests.laboratory import GaussianDenoiser

LAB = GaussianDenoiser.random(NoiseSchedule.named("openai-linear", 40), (3, 4, 4))
PICTURES = Pictures(torch.randint(0, 256, (7, 3, 4, 4), generator=torch.Generator().manual_seed(0)).byte(), [{}] * 7)


def test_batches_change_nothing_and_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[Event] = []
    for count in (None, 6):
        whole = bound(LAB, PICTURES.pixels.float() / 127.5 - 1, PictureNoise(3, range(7), LAB.shape), count)
        monkeypatch.setattr(module, "BATCH", 3)
        found = measure(LAB, PICTURES, count, seed=3, listener=events.append)
        torch.testing.assert_close(found.total, whole.total, rtol=1e-6, atol=0)  # float32's last bits depend on the batch
        torch.testing.assert_close(found.progressive(), whole.progressive(), rtol=1e-5, atol=1e-6)
    assert events[-1].done == events[-1].total == 3 * 6
