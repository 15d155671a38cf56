"""What the restorer is asked for in training."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from restauro.systems.pgdiff.objective import RestorerObjective
from restauro.training.data import Pictures
from tests.laws.pictures import waves

SMALL = {"width": 32, "mult": (1, 1), "patch": 8}


def loss_of(**knobs: float) -> tuple[float, float]:
    """Of a fresh network at one batch, and the length of its gradient."""
    pictures = ((waves(1, 2, 64).float() + 1) * 127.5).byte()
    data = Pictures(pictures, [{} for _ in pictures])
    objective = RestorerObjective(**SMALL, **knobs)
    torch.manual_seed(0)
    network = objective.build(data)
    loss = objective.loss(network, data.batch(np.arange(2)), np.arange(2), data, np.random.default_rng(0))
    loss.backward()
    lengths = [parameter.grad.norm() for parameter in network.parameters() if parameter.grad is not None]
    return float(loss.detach()), float(torch.stack(lengths).norm())


@pytest.mark.parametrize("knob", ["identity", "perceptual"])
def test_an_embedder_may_have_a_say(knob: str) -> None:
    alone, more, most = (loss_of(**{knob: weight}) for weight in (0.0, 1.0, 3.0))
    assert alone[0] < more[0] < most[0]
    assert most[0] - alone[0] == pytest.approx(3 * (more[0] - alone[0]), rel=1e-3)
    assert all(np.isfinite(length) and length > 0 for _, length in (alone, more, most)) and alone[1] != most[1]
