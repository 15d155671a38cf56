"""A photograph enlarged by a network that predicts noise: from its enlargement under some noise, or from noise alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from restauro import api
from restauro.photo.resize import resize
from restauro.systems.sr3.denoiser import super_resolver
from tests.laws.pictures import waves
from tests.systems.sr3.janspiry import imported


@pytest.mark.parametrize(
    ("settings", "calls"),
    [({"steps": 3}, 3), ({"steps": 3, "start": 0.0}, 3), ({"fidelity": 1.0}, 0)],
    ids=["from the enlarged", "from noise", "no walk"],
)
def test_it_enlarges_photographs(tmp_path: Path, settings: dict[str, Any], calls: int) -> None:
    photograph = np.rint((waves(1, 1, 20, 26)[0].permute(1, 2, 0).numpy() + 1) * 127.5).astype(np.uint8)
    prior = imported(tmp_path, f"enlarging-{calls}")
    found = api.upscale(photograph, 2, device="cpu", prior=prior, **settings)
    enlarged = np.asarray(found.image, np.float32)
    assert enlarged.shape == (40, 52, 3) and found.report.calls == calls
    assert np.abs(resize(enlarged, 20, 26) - photograph).mean() < 4
    again = resize(photograph.astype(np.float32), 40, 52)
    assert (np.abs(enlarged - again).mean() > 0.6) == (calls > 0)


def test_what_was_declared_of_clipping_is_heard(tmp_path: Path) -> None:
    reference = waves(1, 1, 16).float()
    clipped = super_resolver(imported(tmp_path, "clipping"), reference)
    free = super_resolver(imported(tmp_path, "clipping-nothing", clip="no"), reference)
    last = len(clipped.schedule) - 1
    assert clipped(5 * reference, last).clean.abs().max() <= 1 < free(5 * reference, last).clean.abs().max()
